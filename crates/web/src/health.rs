//! Probes for whoever runs the service. Neither asks Atlassian.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use service::probe;

use crate::App;

/// The process runs. To a question that `tformance doctor` signed it says as what the request arrived.
pub(crate) async fn healthz(State(app): State<App>, headers: HeaderMap) -> String {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let services = &app.services;
    let is_ours = |it| probe::is_ours(&services.key_ring, services.env.as_ref(), it);
    if !header(probe::HEADER).is_some_and(is_ours) {
        return "ok\n".to_owned();
    }
    ["host", "origin", "x-forwarded-for"]
        .map(|name| format!("{name}: {}\n", header(name).unwrap_or_default()))
        .concat()
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
