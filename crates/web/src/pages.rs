//! One file a page, named as its template.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use domain::text::{Slug, TextError};

use crate::{layers, problem::Problem};

pub(crate) mod account;
pub(crate) mod account_question;
pub(crate) mod api_docs;
pub(crate) mod audit;
pub(crate) mod connect;
pub(crate) mod disconnect;
pub(crate) mod first_account;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod integrations;
pub(crate) mod invitation;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod member_remove;
pub(crate) mod members;
pub(crate) mod password_forgotten;
pub(crate) mod password_new;
pub(crate) mod problem_codes;
pub(crate) mod settings;
pub(crate) mod signup;
pub(crate) mod sites;
pub(crate) mod team_new;

/// Any address that is none of ours.
pub(crate) async fn not_found() -> Problem {
    Problem::no_such_page()
}

/// One of ours, asked in another way.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}

/// The integrations page of a team.
pub(crate) fn integrations_path(team: &Slug) -> String {
    format!("/a/{team}/integrations/")
}

/// The page of a team's connection with Jira.
pub(crate) fn health_path(team: &Slug) -> String {
    format!("/a/{team}/integrations/jira/")
}

/// The page with the people of a team.
pub(crate) fn members_path(team: &Slug) -> String {
    format!("/a/{team}/members")
}

/// The integrations page, with a message about what has just happened.
pub(crate) fn integrations_with_notice(team: &Slug, notice: &str) -> Redirect {
    Redirect::to(&format!("{}?notice={notice}", integrations_path(team)))
}

/// A page.
pub(crate) fn html(page: &impl Template) -> Result<Response, Problem> {
    html_with_status(StatusCode::OK, page)
}

/// A page that is no success: a form with mistakes, say.
pub(crate) fn html_with_status(
    status: StatusCode,
    page: &impl Template,
) -> Result<Response, Problem> {
    match page.render() {
        Ok(body) => Ok((status, Html(body)).into_response()),
        Err(err) => {
            tracing::error!(error = %err, "a page was not rendered");
            Err(Problem::broken())
        }
    }
}

/// Lets the forms of a page end at Atlassian.
pub(crate) fn with_way_out(mut res: Response) -> Response {
    let policy = HeaderValue::from_static(layers::POLICY_WITH_WAY_OUT);
    res.headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    res
}

/// The error of a field as a sentence: "The name is missing."
pub(crate) fn sentence(field: &str, mistake: TextError) -> String {
    format!("{field} {mistake}.")
}
