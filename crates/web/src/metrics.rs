//! `GET /metrics`: what Prometheus reads, on a listener of its own so that it is not public by accident.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use service::Services;

/// The type of the text (`OpenMetrics` 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes of the metrics listener.
pub fn router(services: Arc<Services>) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .with_state(services)
}

async fn show(State(services): State<Arc<Services>>) -> Response {
    match services.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(err) => {
            tracing::error!(error = %err, "metrics cannot be written as text");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
