//! Who may use the demo's own pages: programs, and these pages themselves. A page of another site that a browser
//! shows must neither begin a drill nor, through a name of its own for this machine, read the inbox.

use atlassian_sim::control::guard::complaint;
use axum::{
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

pub(super) async fn check(req: Request, next: Next) -> Response {
    match complaint(&["localhost", "127.0.0.1"], req.method(), req.headers()) {
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(req).await,
    }
}
