//! `/password/{token}`: a new password for a forgotten one.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use domain::text::{EmailAddress, NewPassword};
use secrecy::SecretString;
use serde::Deserialize;
use service::password_reset::{self, ResetError};

use crate::{
    App,
    client_address::From,
    form::FormBody,
    pages::{html, html_with_status, invitation::TokenPath, login::depart, sentence},
    problem::Problem,
    shell,
    view::password_new::PasswordNewPage,
};

/// The form; changes nothing.
pub(crate) async fn show(
    State(app): State<App>,
    From(from): From,
    Path(path): Path<TokenPath>,
) -> Result<Response, Problem> {
    let email = password_reset::look(&app.services, &path.token.clone().into(), from).await?;
    html(&page(&path.token, &email))
}

/// What was filled in.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    password: SecretString,
}

/// Sets the password; all sessions end, and the person signs in with it.
pub(crate) async fn set(
    State(app): State<App>,
    From(from): From,
    Path(path): Path<TokenPath>,
    FormBody(form): FormBody<PasswordForm>,
) -> Result<Response, Problem> {
    let token: SecretString = path.token.clone().into();
    match password_reset::set_password(&app.services, &token, form.password, from).await {
        Ok(()) => depart(&app, "password_set"),
        Err(ResetError::NewPassword(mistake)) => {
            let email = password_reset::look(&app.services, &token, from).await?;
            let page = PasswordNewPage {
                password_error: Some(sentence("The password", mistake)),
                ..page(&path.token, &email)
            };
            html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(err) => Err(err.into()),
    }
}

fn page(token: &str, email: &EmailAddress) -> PasswordNewPage {
    PasswordNewPage {
        shell: shell::bare(),
        action: format!("/password/{token}"),
        email: email.to_string(),
        password_error: None,
        password_min: NewPassword::MIN,
    }
}
