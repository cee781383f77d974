//! A problem as a page: what happened, what it means, one button, the technical part folded away.

use askama::Template as _;
use axum::{
    http::{HeaderValue, header},
    response::{Html, IntoResponse as _, Response},
};

use super::{Action, Problem};
use crate::{
    App, layers,
    moment::moment,
    view::{self, Shell, error::ErrorPage},
};

/// Renders `problem` for a person.
pub(super) fn of(app: &App, shell: Shell, problem: &Problem, reference: String) -> Response {
    let now = app.services.env.now();
    let page = ErrorPage {
        shell,
        heading: problem.words.title.clone(),
        meaning: problem.words.meaning.clone(),
        causes: problem.words.causes.clone(),
        action: match problem.words.action.clone() {
            Action::Link { label, href } => view::error::Action::Link { label, href },
            Action::Post {
                label,
                href,
                attempt,
            } => view::error::Action::Post {
                label,
                href,
                attempt: attempt.map(|it| it.to_string()),
            },
        },
        code: problem.code.to_owned(),
        reference,
        at: moment(now, now),
        status: problem.status().as_u16(),
    };
    match page.render() {
        Ok(body) => {
            let mut res = (problem.status(), Html(body)).into_response();
            let policy = HeaderValue::from_static(layers::POLICY_WITH_WAY_OUT);
            res.headers_mut()
                .insert(header::CONTENT_SECURITY_POLICY, policy);
            res
        }
        Err(err) => {
            tracing::error!(error = %err, "the error page was not rendered");
            problem.status().into_response()
        }
    }
}
