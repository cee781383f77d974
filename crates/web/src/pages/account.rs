//! `/account`: name, password, sessions, and the end of the account.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use domain::text::NewPassword;
use secrecy::SecretString;
use serde::Deserialize;
use service::{
    account::{self, AccountError},
    who::Person,
};

use crate::{
    App,
    client_address::From,
    form::FormBody,
    pages::{
        html, html_with_status,
        login::{depart, go_on_with},
        sentence,
    },
    problem::Problem,
    shell,
    view::{
        Field,
        account::{AccountNotice, AccountPage},
    },
    who::SignedIn,
};

const WRONG: &str = "This is not your password.";

/// What has just happened, by a word of ours.
#[derive(Deserialize)]
pub(crate) struct NoticeQuery {
    #[serde(default)]
    notice: Option<String>,
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    Query(query): Query<NoticeQuery>,
) -> Result<Response, Problem> {
    let notice = match query.notice.as_deref() {
        Some("renamed") => Some(AccountNotice::Renamed),
        Some("password_changed") => Some(AccountNotice::PasswordChanged),
        _ => None,
    };
    html(&AccountPage {
        notice,
        ..page(&app, &person).await?
    })
}

/// The new name.
#[derive(Deserialize)]
pub(crate) struct NameForm {
    name: String,
}

/// Changes the name.
pub(crate) async fn rename(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    FormBody(form): FormBody<NameForm>,
) -> Result<Response, Problem> {
    let mistake = match account::rename(&app.services, &person, &form.name).await {
        Ok(_) => return Ok(Redirect::to("/account?notice=renamed").into_response()),
        Err(AccountError::Name(mistake)) => mistake,
        Err(err) => return Err(err.into()),
    };
    let name = Field {
        value: form.name,
        error: Some(sentence("The name", mistake)),
    };
    refuse(&AccountPage {
        name,
        ..page(&app, &person).await?
    })
}

/// The present password and the new one.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    old: SecretString,
    new: SecretString,
}

/// Changes the password; this browser stays signed in.
pub(crate) async fn change_password(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    From(from): From,
    FormBody(form): FormBody<PasswordForm>,
) -> Result<Response, Problem> {
    let changed = account::change_password(&app.services, &person, form.old, form.new, from).await;
    let (old_error, new_error) = match changed {
        Ok(token) => return go_on_with(&app, &token, "/account?notice=password_changed"),
        Err(AccountError::WrongPassword) => (Some(WRONG.to_owned()), None),
        Err(AccountError::NewPassword(mistake)) => {
            (None, Some(sentence("The new password", mistake)))
        }
        Err(err) => return Err(err.into()),
    };
    refuse(&AccountPage {
        old_error,
        new_error,
        ..page(&app, &person).await?
    })
}

/// Ends all sessions, this one too.
pub(crate) async fn sign_out_everywhere(
    State(app): State<App>,
    SignedIn(person): SignedIn,
) -> Result<Response, Problem> {
    account::sign_out_everywhere(&app.services, &person).await?;
    depart(&app, "signed_out_everywhere")
}

/// The password, to say that one means it.
#[derive(Deserialize)]
pub(crate) struct DeleteForm {
    password: SecretString,
}

/// Deletes the account.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    From(from): From,
    FormBody(form): FormBody<DeleteForm>,
) -> Result<Response, Problem> {
    let error = match account::delete(&app.services, &person, form.password, from).await {
        Ok(()) => return depart(&app, "account_deleted"),
        Err(AccountError::WrongPassword) => WRONG.to_owned(),
        Err(AccountError::OnlyAdmin(teams)) => {
            let names: Vec<_> = teams.iter().map(|it| it.name.as_str()).collect();
            let names = names.join(", ");
            format!("You are the only admin of {names}. Your account was not deleted.")
        }
        Err(err) => return Err(err.into()),
    };
    refuse(&AccountPage {
        delete_error: Some(error),
        ..page(&app, &person).await?
    })
}

fn refuse(page: &AccountPage) -> Result<Response, Problem> {
    html_with_status(StatusCode::UNPROCESSABLE_ENTITY, page)
}

async fn page(app: &App, person: &Person) -> Result<AccountPage, Problem> {
    let stuck = account::teams_of_only_admin(&app.services, person).await?;
    Ok(AccountPage {
        shell: shell::of_person(app, person).await?,
        email: person.user().email.to_string(),
        name: Field {
            value: person.user().name.to_string(),
            error: None,
        },
        password_min: NewPassword::MIN,
        stuck: stuck.iter().map(shell::link).collect(),
        ..AccountPage::default()
    })
}
