//! `/login` and `POST /logout`.

use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{AppendHeaders, IntoResponse as _, Redirect, Response},
};
use secrecy::SecretString;
use serde::Deserialize;
use service::sign_in::{SignInError, SignedIn, sign_in as open_session, sign_out as end_session};
use url::form_urlencoded;

use crate::{
    App,
    client_address::From,
    form::FormBody,
    next::Next,
    pages::{html, html_with_status},
    problem::Problem,
    session, shell,
    view::{
        Field,
        login::{LoginNotice, LoginPage},
    },
    who::Visitor,
};

/// How the person came here.
#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    notice: Option<String>,
}

/// The form.
pub(crate) async fn show(
    State(app): State<App>,
    Visitor(person): Visitor,
    Query(query): Query<LoginQuery>,
) -> Result<Response, Problem> {
    let next = query.next.as_deref().and_then(Next::parse);
    if person.is_some() {
        let to = next.as_ref().map_or("/", Next::as_str);
        return Ok(Redirect::to(to).into_response());
    }
    let notice = match query.notice.as_deref() {
        Some("signed_out") => Some(LoginNotice::SignedOut),
        Some("signed_out_everywhere") => Some(LoginNotice::SignedOutEverywhere),
        Some("password_set") => Some(LoginNotice::PasswordSet),
        Some("account_deleted") => Some(LoginNotice::AccountDeleted),
        _ if next.is_some() => Some(LoginNotice::SignInFirst),
        _ => None,
    };
    html(&LoginPage {
        notice,
        ..page(&app, next.as_ref())
    })
}

/// What was filled in.
#[derive(Deserialize)]
pub(crate) struct LoginForm {
    email: String,
    password: SecretString,
    #[serde(default)]
    next: Option<String>,
}

/// Signs in.
pub(crate) async fn sign_in(
    State(app): State<App>,
    From(from): From,
    FormBody(form): FormBody<LoginForm>,
) -> Result<Response, Problem> {
    let next = form.next.as_deref().and_then(Next::parse);
    match open_session(&app.services, &form.email, form.password, from).await {
        Ok(signed_in) => arrive(&app, &signed_in, next.as_ref()),
        Err(SignInError::Failed(err)) => Err(err.into()),
        Err(SignInError::Throttled(err)) => Err(err.into()),
        Err(SignInError::Refused) => {
            let page = LoginPage {
                email: Field {
                    value: form.email,
                    error: None,
                },
                form_error: Some("Address or password is wrong.".to_owned()),
                ..page(&app, next.as_ref())
            };
            html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Signs out, here only. Nothing to do is no mistake.
pub(crate) async fn sign_out(
    State(app): State<App>,
    Visitor(person): Visitor,
) -> Result<Response, Problem> {
    if let Some(person) = person {
        end_session(&app.services, &person).await?;
    }
    depart(&app, "signed_out")
}

/// The last answer to somebody whose session has ended, with what has just happened.
pub(crate) fn depart(app: &App, notice: &str) -> Result<Response, Problem> {
    let cookie = session::forget(&app.settings).map_err(|_| Problem::broken())?;
    let headers = AppendHeaders([(header::SET_COOKIE, cookie)]);
    let to = Redirect::to(&format!("/login?notice={notice}"));
    Ok((headers, to).into_response())
}

/// The first answer to somebody who has just signed in.
pub(crate) fn arrive(
    app: &App,
    signed_in: &SignedIn,
    next: Option<&Next>,
) -> Result<Response, Problem> {
    go_on_with(app, &signed_in.token, next.map_or("/", Next::as_str))
}

/// Gives the browser a session's token and sends it to a path of ours.
pub(crate) fn go_on_with(app: &App, token: &SecretString, to: &str) -> Result<Response, Problem> {
    let cookie = session::keep(&app.settings, token).map_err(|_| Problem::broken())?;
    let headers = AppendHeaders([(header::SET_COOKIE, cookie)]);
    Ok((headers, Redirect::to(to)).into_response())
}

fn page(app: &App, next: Option<&Next>) -> LoginPage {
    LoginPage {
        shell: shell::bare(),
        next: next.map(|it| it.as_str().to_owned()),
        next_encoded: next
            .map(|it| form_urlencoded::byte_serialize(it.as_str().as_bytes()).collect()),
        can_sign_up: app.services.policy.allow_signup,
        ..LoginPage::default()
    }
}
