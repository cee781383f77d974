//! `/invitations/{token}`: join a team, with the account that is there or a new one.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use domain::{team::Role, text::NewPassword};
use secrecy::SecretString;
use serde::Deserialize;
use service::{
    invitations::{self, InvitedSignUpError, Offer},
    sign_up::SignUpError,
    who::Person,
};

use crate::{
    App,
    client_address::From,
    form::FormBody,
    moment::moment,
    pages::{html, html_with_status, integrations_path, login::go_on_with, sentence},
    problem::Problem,
    shell,
    view::{Field, invitation::InvitationPage},
    who::{SignedIn, Visitor},
};

/// What is in the address.
#[derive(Deserialize)]
pub(crate) struct TokenPath {
    pub(crate) token: String,
}

/// What the invitation offers; changes nothing.
pub(crate) async fn show(
    State(app): State<App>,
    Visitor(person): Visitor,
    From(from): From,
    Path(path): Path<TokenPath>,
) -> Result<Response, Problem> {
    let token = path.token.clone().into();
    let offer = invitations::look(&app.services, person.as_ref(), &token, from).await?;
    html(&page(&app, person.as_ref(), &path.token, &offer).await?)
}

/// Joins.
pub(crate) async fn accept(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    From(from): From,
    Path(path): Path<TokenPath>,
) -> Result<Response, Problem> {
    let token = path.token.into();
    let team = invitations::accept(&app.services, &person, &token, from).await?;
    Ok(Redirect::to(&integrations_path(&team.slug)).into_response())
}

/// What was filled in. The address is that of the invitation.
#[derive(Deserialize)]
pub(crate) struct SignUpForm {
    name: String,
    password: SecretString,
}

/// Makes an account and joins with it. Whoever is signed in joins with the account that is there.
pub(crate) async fn sign_up(
    State(app): State<App>,
    Visitor(person): Visitor,
    From(from): From,
    Path(path): Path<TokenPath>,
    FormBody(form): FormBody<SignUpForm>,
) -> Result<Response, Problem> {
    if person.is_some() {
        return Ok(Redirect::to(&format!("/invitations/{}", path.token)).into_response());
    }
    let token: SecretString = path.token.clone().into();
    let name = form.name.clone();
    let made = invitations::sign_up_invited(&app.services, &token, name, form.password, from).await;
    let mistakes = match made {
        Ok((signed_in, team)) => {
            return go_on_with(&app, &signed_in.token, &integrations_path(&team.slug));
        }
        Err(InvitedSignUpError::Invitation(err)) => return Err(err.into()),
        Err(InvitedSignUpError::SignUp(err)) => err,
    };
    let offer = invitations::look(&app.services, None, &token, from).await?;
    let mut page = page(&app, None, &path.token, &offer).await?;
    page.name.value = form.name;
    match mistakes {
        SignUpError::Mistakes(it) => {
            page.name.error = it.name.map(|it| sentence("The name", it));
            page.password_error = it.password.map(|it| sentence("The password", it));
        }
        SignUpError::AddressTaken => {
            page.form_error =
                Some("This address has an account already. Sign in instead.".to_owned());
        }
        // Not asked here.
        SignUpError::Closed => return Err(Problem::sign_up_closed()),
        SignUpError::Failed(err) => return Err(err.into()),
    }
    html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn page(
    app: &App,
    person: Option<&Person>,
    token: &str,
    offer: &Offer,
) -> Result<InvitationPage, Problem> {
    let shell = match person {
        Some(person) => shell::of_person(app, person).await?,
        None => shell::bare(),
    };
    Ok(InvitationPage {
        shell,
        team: offer.team.name.to_string(),
        email: offer.email.to_string(),
        by: offer.inviter.as_ref().map(ToString::to_string),
        as_admin: offer.role == Role::Admin,
        until: Some(moment(offer.expires_at, app.services.env.now())),
        action: format!("/invitations/{token}"),
        is_signed_in: person.is_some(),
        name: Field::default(),
        password_error: None,
        form_error: None,
        password_min: NewPassword::MIN,
    })
}
