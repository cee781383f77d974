//! The control address: what a test or an operator at a drill may ask of the simulator over HTTP.
//!
//! | request | does |
//! |---|---|
//! | `POST /faults` `{"on":"token","fault":{"status":503},"times":1}` | lets the next requests fail; without `times` all of them |
//! | `DELETE /faults` | forgets all faults |
//! | `GET /counts` | how often each thing was done |
//! | `GET /secrets` | every code and token ever issued: for searching what must not hold them |
//! | `GET /tokens/{account}` | the newest pair of an account, by its name |
//! | `POST /clock` `{"advance_seconds":7200}` | moves the shared clock |
//! | `POST /revoke` `{"account":"Mia Krystof"}` | ends the account's grants |
//! | `GET /switches`, `POST /switches` `{"enforce_pkce":true}` | reads or sets the switches; what is not named gets its default |
//! | `POST /sites/{cloud id}` `{"blocked":true}` | the site's administrator blocks the app |
//! | `POST /secret` `{"client_secret":"…"}` | the app's secret is changed in the console |

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use crate::{Endpoint, Fault, Site, Switches};

pub(crate) fn router() -> Router<Site> {
    Router::new()
        .route("/faults", post(add_faults).delete(clear_faults))
        .route("/counts", get(counts))
        .route("/secrets", get(secrets))
        .route("/tokens/{account}", get(tokens))
        .route("/clock", post(move_clock))
        .route("/revoke", post(revoke))
        .route("/switches", get(switches).post(set_switches))
        .route("/sites/{cloud_id}", post(set_site))
        .route("/secret", post(set_secret))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddFaults {
    on: Endpoint,
    fault: Fault,
    times: Option<usize>,
}

async fn add_faults(State(site): State<Site>, Json(body): Json<AddFaults>) -> StatusCode {
    match body.times {
        None => site.state.fault_always(body.on, body.fault),
        Some(times) => {
            for _ in 0..times {
                site.state.fault(body.on, body.fault.clone());
            }
        }
    }
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(site): State<Site>) -> StatusCode {
    site.state.clear_faults();
    StatusCode::NO_CONTENT
}

async fn counts(State(site): State<Site>) -> Response {
    Json(site.state.counts()).into_response()
}

async fn secrets(State(site): State<Site>) -> Json<Vec<String>> {
    Json(site.state.secrets())
}

async fn tokens(State(site): State<Site>, Path(account): Path<String>) -> Response {
    match site.state.newest_tokens(&account) {
        Some(issued) => Json(issued).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveClock {
    advance_seconds: i64,
}

async fn move_clock(State(site): State<Site>, Json(body): Json<MoveClock>) -> Response {
    let Some(clock) = site.clock.as_ref().map(Arc::clone) else {
        let why =
            json!({ "error": "this simulator was started without a clock that can be moved" });
        return (StatusCode::CONFLICT, Json(why)).into_response();
    };
    clock.advance(SignedDuration::from_secs(body.advance_seconds));
    Json(json!({ "now": site.state.lock().now().to_string() })).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    account: String,
}

async fn revoke(State(site): State<Site>, Json(body): Json<Revoke>) -> StatusCode {
    site.state.revoke_grants_of(&body.account);
    StatusCode::NO_CONTENT
}

async fn switches(State(site): State<Site>) -> Json<Switches> {
    Json(site.state.switches())
}

async fn set_switches(State(site): State<Site>, Json(body): Json<Switches>) -> Json<Switches> {
    site.state.set_switches(body.clone());
    Json(body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSite {
    blocked: bool,
}

async fn set_site(
    State(site): State<Site>,
    Path(cloud_id): Path<String>,
    Json(body): Json<SetSite>,
) -> StatusCode {
    let found = site.state.set_blocked(&cloud_id, body.blocked);
    if found {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSecret {
    client_secret: secrecy::SecretString,
}

async fn set_secret(State(site): State<Site>, Json(body): Json<SetSecret>) -> StatusCode {
    site.state.set_client_secret(body.client_secret);
    StatusCode::NO_CONTENT
}
