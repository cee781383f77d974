//! `/signup`: name, address and password; signs in at once and needs no mail.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use domain::text::{NewPassword, TextError};
use secrecy::SecretString;
use serde::Deserialize;
use service::sign_up::{SignUpError, SignUpForm, SignUpMistakes, sign_up as make_account};

use crate::{
    App,
    form::FormBody,
    next::Next,
    pages::{html, html_with_status, login::arrive},
    problem::Problem,
    shell,
    view::{Field, signup::SignupPage},
    who::Visitor,
};

/// Where to go afterwards.
#[derive(Deserialize)]
pub(crate) struct NextQuery {
    #[serde(default)]
    pub(crate) next: Option<String>,
}

impl NextQuery {
    /// The path, if it is one of ours.
    pub(crate) fn path(&self) -> Option<Next> {
        self.next.as_deref().and_then(Next::parse)
    }
}

/// The form.
pub(crate) async fn show(
    State(app): State<App>,
    Visitor(person): Visitor,
    Query(query): Query<NextQuery>,
) -> Result<Response, Problem> {
    if person.is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    if !app.services.policy.allow_signup {
        return Err(Problem::sign_up_closed());
    }
    html(&page(query.path()))
}

/// What was filled in.
#[derive(Deserialize)]
pub(crate) struct SignupForm {
    name: String,
    email: String,
    password: SecretString,
    #[serde(default)]
    next: Option<String>,
}

/// Makes the account.
pub(crate) async fn sign_up(
    State(app): State<App>,
    FormBody(form): FormBody<SignupForm>,
) -> Result<Response, Problem> {
    let next = form.next.as_deref().and_then(Next::parse);
    let input = SignUpForm {
        name: form.name.clone(),
        email: form.email.clone(),
        password: form.password,
    };
    let mistakes = match make_account(&app.services, input).await {
        Ok(signed_in) => return arrive(&app, &signed_in, next.as_ref()),
        Err(SignUpError::Closed) => return Err(Problem::sign_up_closed()),
        Err(SignUpError::Failed(err)) => return Err(err.into()),
        Err(SignUpError::Mistakes(mistakes)) => sentences(&mistakes),
        Err(SignUpError::AddressTaken) => {
            let taken = "This address has an account already. Sign in instead.";
            Sentences {
                email: Some(taken.to_owned()),
                ..Sentences::default()
            }
        }
    };
    let page = SignupPage {
        name: Field {
            value: form.name,
            error: mistakes.name,
        },
        email: Field {
            value: form.email,
            error: mistakes.email,
        },
        password_error: mistakes.password,
        ..page(next)
    };
    html_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

#[derive(Default)]
struct Sentences {
    name: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

fn sentences(mistakes: &SignUpMistakes) -> Sentences {
    let say = |field: &str, mistake: Option<TextError>| mistake.map(|it| format!("{field} {it}."));
    Sentences {
        name: say("The name", mistakes.name),
        email: say("The address", mistakes.email),
        password: say("The password", mistakes.password),
    }
}

fn page(next: Option<Next>) -> SignupPage {
    SignupPage {
        shell: shell::bare(),
        password_min: NewPassword::MIN,
        next: next.map(|it| it.as_str().to_owned()),
        ..SignupPage::default()
    }
}
