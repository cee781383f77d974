//! `/api/problems`: every code, and what it means. The `type` of each problem leads here.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};

use super::{api_docs::around, html};
use crate::{
    App,
    problem::{Problem, codes},
};

/// All of them.
pub(crate) async fn show_all(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    html(&codes::list(around(&app, &headers).await))
}

/// One of them.
pub(crate) async fn show(
    State(app): State<App>,
    code: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(code) = code.map_err(|_| Problem::no_such_page())?;
    let shell = around(&app, &headers).await;
    let page = codes::page(shell, &code).ok_or_else(Problem::no_such_page)?;
    html(&page)
}
