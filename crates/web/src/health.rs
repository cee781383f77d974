//! Probes for whoever runs the service. Neither asks Atlassian.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::App;

/// The process runs.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Store, schema and keys are right.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    match service::start::readiness(&app.services).await {
        Ok(()) => "ok\n".into_response(),
        Err(err) => {
            tracing::warn!(error = %err, cause = ?std::error::Error::source(&err), "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{err}\n")).into_response()
        }
    }
}
