//! Form bodies: read once, refused with a reason.

use axum::body::HttpBody as _;
use axum::{
    Form,
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
};
use serde::de::DeserializeOwned;

use crate::{App, layers, problem::Problem};

/// The fields of a posted form.
pub(crate) struct FormBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for FormBody<T> {
    type Rejection = Problem;

    async fn from_request(mut req: Request, app: &App) -> Result<Self, Problem> {
        // No body at all is a form without fields: `POST …/connect` for a new attempt.
        if req.body().size_hint().exact() == Some(0) {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            req.headers_mut()
                .entry(header::CONTENT_TYPE)
                .or_insert(kind);
        }
        match layers::in_time(app, Form::<T>::from_request(req, app)).await? {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(rejection) => Err(match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::not_a_form(),
                _ => Problem::bad_form(),
            }),
        }
    }
}
