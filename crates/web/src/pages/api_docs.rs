//! `/api/docs`: the description of the API, for people.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::html;
use crate::{App, description, problem::Problem, session, shell, view::Shell};

/// The page. Nobody needs to be signed in; who is, is shown their teams.
pub(crate) async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let shell = around(&app, &headers).await;
    html(&description::page::page(shell, &app.settings.base_url))
}

/// Around a page that is for everybody: it is shown in trouble as well.
pub(super) async fn around(app: &App, headers: &HeaderMap) -> Shell {
    match session::token(&app.settings, headers) {
        Some(token) => shell::of_whoever(app, &token, ["", ""]).await,
        None => shell::bare(),
    }
}
