//! `/setup/{token}`: the first account of a server.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use domain::text::NewPassword;
use secrecy::SecretString;
use serde::Deserialize;
use service::{
    setup::{self, SetupError},
    sign_up::{SignUpError, SignUpForm},
};

use crate::{
    App,
    client_address::From,
    form::FormBody,
    pages::{html, html_with_status, invitation::TokenPath, login::arrive, sentence},
    problem::Problem,
    shell,
    view::{Field, first_account::FirstAccountPage},
};

/// The form; changes nothing.
pub(crate) async fn show(
    State(app): State<App>,
    From(from): From,
    Path(path): Path<TokenPath>,
) -> Result<Response, Problem> {
    setup::look(&app.services, &path.token.clone().into(), from).await?;
    html(&page(&path.token))
}

/// What was filled in.
#[derive(Deserialize)]
pub(crate) struct FirstAccountForm {
    name: String,
    email: String,
    password: SecretString,
}

/// Makes the account.
pub(crate) async fn sign_up(
    State(app): State<App>,
    From(from): From,
    Path(path): Path<TokenPath>,
    FormBody(form): FormBody<FirstAccountForm>,
) -> Result<Response, Problem> {
    let input = SignUpForm {
        name: form.name.clone(),
        email: form.email.clone(),
        password: form.password,
    };
    let token = path.token.clone().into();
    let mistakes = match setup::sign_up_first(&app.services, &token, input, from).await {
        Ok(signed_in) => return arrive(&app, &signed_in, None),
        Err(SetupError::SignUp(SignUpError::Mistakes(mistakes))) => mistakes,
        // With the only account to be, the address cannot be taken: somebody was faster.
        Err(SetupError::SignUp(SignUpError::AddressTaken)) => return Err(SetupError::Done.into()),
        Err(SetupError::SignUp(SignUpError::Failed(err))) => return Err(err.into()),
        Err(err) => return Err(err.into()),
    };
    let page = FirstAccountPage {
        name: Field {
            value: form.name,
            error: mistakes.name.map(|it| sentence("The name", it)),
        },
        email: Field {
            value: form.email,
            error: mistakes.email.map(|it| sentence("The address", it)),
        },
        password_error: mistakes.password.map(|it| sentence("The password", it)),
        ..page(&path.token)
    };
    html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn page(token: &str) -> FirstAccountPage {
    FirstAccountPage {
        shell: shell::bare(),
        action: format!("/setup/{token}"),
        password_min: NewPassword::MIN,
        ..FirstAccountPage::default()
    }
}
