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
    view::{self, Moment, Shell, error::ErrorPage},
};

/// Renders `problem` for a person.
pub(super) fn of(app: &App, shell: Shell, problem: &Problem, reference: String) -> Response {
    let now = app.services.env.now();
    let page = problem.view(shell, reference, moment(now, now));
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

impl Problem {
    /// What the page shows: in `shell`, for the request `reference`.
    pub fn view(&self, shell: Shell, reference: String, at: Moment) -> ErrorPage {
        ErrorPage {
            shell,
            heading: match &self.words.heading {
                Some(heading) => heading.clone(),
                None => self.row.title.to_owned(),
            },
            meaning: self.words.meaning.clone(),
            causes: self.words.causes.clone(),
            action: match self.words.action.clone() {
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
            code: self.code().to_owned(),
            reference,
            at,
            status: self.status().as_u16(),
        }
    }
}
