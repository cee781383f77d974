//! `/password/forgotten`: how to get back in. Whatever address is asked about, the answer is the same,
//! so that it tells nobody which ones have accounts.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use service::password_reset::{self, AskError};

use crate::{
    App,
    client_address::From,
    form::FormBody,
    pages::{html, html_with_status, sentence},
    problem::Problem,
    shell,
    view::{Field, password_forgotten::PasswordForgottenPage},
};

const PATH: &str = "/password/forgotten";

/// What has just happened, by a word of ours.
#[derive(Deserialize)]
pub(crate) struct ForgottenQuery {
    #[serde(default)]
    notice: Option<String>,
}

/// The page: a form where mail is set up, else whom to ask.
pub(crate) async fn show(
    State(app): State<App>,
    Query(query): Query<ForgottenQuery>,
) -> Result<Response, Problem> {
    let page = page(&app);
    let is_asked = page.can_mail && query.notice.as_deref() == Some("asked");
    html(&PasswordForgottenPage { is_asked, ..page })
}

/// What was filled in.
#[derive(Deserialize)]
pub(crate) struct ForgottenForm {
    email: String,
}

/// Asks for a link. Where no mail is set up, the page says what to do instead.
pub(crate) async fn ask(
    State(app): State<App>,
    From(from): From,
    FormBody(form): FormBody<ForgottenForm>,
) -> Result<Response, Problem> {
    match password_reset::ask(&app.services, &form.email, from) {
        Ok(()) => Ok(Redirect::to(&format!("{PATH}?notice=asked")).into_response()),
        Err(AskError::NoMail) => Ok(Redirect::to(PATH).into_response()),
        Err(AskError::Throttled(err)) => Err(err.into()),
        Err(AskError::Address(mistake)) => {
            let page = PasswordForgottenPage {
                email: Field {
                    value: form.email,
                    error: Some(sentence("The address", mistake)),
                },
                ..page(&app)
            };
            html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

fn page(app: &App) -> PasswordForgottenPage {
    PasswordForgottenPage {
        shell: shell::bare(),
        can_mail: app.services.mailer.is_some(),
        ..PasswordForgottenPage::default()
    }
}
