//! What other services ask for: JSON in, JSON out, one file a resource. Errors are problem details, also
//! where nothing is found; a page is never answered here.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value};

use crate::{App, layers, problem::Problem};

pub(crate) mod counted;
pub(crate) mod jira;
pub(crate) mod proxy;

/// Any address below `/api` that is none of ours.
pub(crate) async fn not_found() -> Problem {
    Problem::nothing_here()
}

/// One of ours, asked in another way.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}

/// `GET /api/openapi.json`: what there is, for programs.
pub(crate) async fn get_openapi(State(app): State<App>) -> Response {
    let text = app.document.text(&app.settings.base_url);
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The members of a JSON object that was posted; no body at all is one without members.
pub(crate) struct JsonBody(pub(crate) Map<String, Value>);

impl JsonBody {
    /// Refuses the first member that is none of these.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that names it.
    pub(crate) fn has_only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.keys().find(|it| !known.contains(&it.as_str())) {
            Some(unknown) => Err(Problem::unknown_field(unknown, known)),
            None => Ok(()),
        }
    }
}

impl FromRequest<App> for JsonBody {
    type Rejection = Problem;

    async fn from_request(req: Request, app: &App) -> Result<Self, Problem> {
        let is_json = is_json_kind(req.headers().get(header::CONTENT_TYPE));
        let body = layers::in_time(app, Bytes::from_request(req, app)).await?;
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::body_too_large(),
            _ => Problem::body_incomplete(),
        })?;
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        if !is_json {
            return Err(Problem::not_json());
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(Problem::bad_json()),
        }
    }
}

/// `application/json`, or a kind that ends with `+json`, whatever its parameters.
fn is_json_kind(kind: Option<&HeaderValue>) -> bool {
    let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}
