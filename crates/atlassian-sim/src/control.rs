//! The control address: what a test, or a person at a drill, may ask of the simulator over HTTP.
//!
//! | request | does |
//! |---|---|
//! | `GET /` | a page with all of it, and forms for people |
//! | `POST /faults` `{"on":"token","fault":{"status":503},"times":1}` | lets the next requests fail; without `times` all of them |
//! | `DELETE /faults` | forgets all faults |
//! | `GET /counts` | how often each thing was done |
//! | `GET /secrets` | every code and token ever issued: for searching what must not hold them |
//! | `GET /tokens/{account}` | the newest pair of an account, by its name |
//! | `POST /clock` `{"advance_seconds":7200}` | moves the shared clock |
//! | `POST /revoke` `{"account":"Mia Krystof"}` | ends the account's grant |
//! | `GET /switches`, `POST /switches` `{"enforce_pkce":true}` | reads the switches, or sets those that are named |
//! | `DELETE /switches` | sets all switches to their defaults |
//! | `POST /sites/{cloud id}` `{"blocked":true}` | changes a site ([`crate::SiteChange`]) |
//! | `POST /accounts/{name}` `{"active":false}` | changes an account ([`crate::AccountChange`]) |
//! | `POST /secret` `{"client_secret":"…"}` | the app's secret is changed in the console |
//!
//! What was refused is told as `{"error":"…"}`. Pages of other sites get nothing done here
//! ([`guard`]).

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    middleware,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{AccountChange, Endpoint, Fault, SimState, Site, SiteChange, Switches};

mod forms;
pub mod guard;
mod page;

pub(crate) fn router(site: Site) -> Router {
    let router = Router::new()
        .route("/faults", post(add_faults).delete(clear_faults))
        .route("/counts", get(counts))
        .route("/secrets", get(secrets))
        .route("/tokens/{account}", get(tokens))
        .route("/clock", post(move_clock))
        .route("/revoke", post(revoke))
        .route(
            "/switches",
            get(switches).post(set_switches).delete(reset_switches),
        )
        .route("/sites/{cloud_id}", post(set_site))
        .route("/accounts/{name}", post(set_account))
        .route("/secret", post(set_secret))
        .route("/", get(page::show))
        .merge(forms::router())
        .layer(middleware::from_fn_with_state(site.clone(), guard::check));
    router.with_state(site)
}

fn refused(status: StatusCode, why: impl Into<String>) -> Response {
    (status, Json(json!({ "error": why.into() }))).into_response()
}

/// Reads a JSON body, whatever type the request says it has.
#[expect(clippy::result_large_err, reason = "answered at once")]
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Response> {
    serde_json::from_slice(body)
        .map_err(|err| refused(StatusCode::UNPROCESSABLE_ENTITY, err.to_string()))
}

fn done_if(is_known: bool, what: &str) -> Response {
    if is_known {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refused(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddFaults {
    on: Endpoint,
    fault: Fault,
    times: Option<usize>,
}

/// More faults than these are never waited for.
const MOST_FAULTS: usize = 10_000;

async fn add_faults(State(site): State<Site>, body: Bytes) -> Response {
    let body: AddFaults = match read(&body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    add(&site.state, body.on, &body.fault, body.times);
    StatusCode::NO_CONTENT.into_response()
}

fn add(state: &SimState, on: Endpoint, fault: &Fault, times: Option<usize>) {
    match times {
        None => state.fault_always(on, fault.clone()),
        Some(times) => {
            for _ in 0..times.min(MOST_FAULTS) {
                state.fault(on, fault.clone());
            }
        }
    }
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
        None => done_if(false, "account with tokens"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveClock {
    advance_seconds: i64,
}

async fn move_clock(State(site): State<Site>, body: Bytes) -> Response {
    match read::<MoveClock>(&body) {
        Ok(body) if advance(&site.state, body.advance_seconds) => {
            Json(json!({ "now": site.state.lock().now().to_string() })).into_response()
        }
        Ok(_) => refused(StatusCode::CONFLICT, NO_CLOCK),
        Err(response) => response,
    }
}

const NO_CLOCK: &str = "this simulator was started without a clock that can be moved";

/// `false` where the clock cannot be moved.
fn advance(state: &SimState, seconds: i64) -> bool {
    let clock = state.lock().clock.clone();
    clock.is_some_and(|it| {
        it.advance(SignedDuration::from_secs(seconds));
        true
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    account: String,
}

async fn revoke(State(site): State<Site>, body: Bytes) -> Response {
    match read::<Revoke>(&body) {
        Ok(body) => done_if(site.state.lock().revoke_grants_of(&body.account), "account"),
        Err(response) => response,
    }
}

async fn switches(State(site): State<Site>) -> Json<Switches> {
    Json(site.state.switches())
}

async fn set_switches(State(site): State<Site>, body: Bytes) -> Response {
    match read::<Map<String, Value>>(&body) {
        Ok(changes) => match change_switches(&site.state, &changes) {
            Ok(switches) => Json(switches).into_response(),
            Err(err) => refused(StatusCode::UNPROCESSABLE_ENTITY, err.to_string()),
        },
        Err(response) => response,
    }
}

fn change_switches(
    state: &SimState,
    changes: &Map<String, Value>,
) -> Result<Switches, crate::SwitchError> {
    let mut inner = state.lock();
    let switches = inner.kept.switches.changed(changes)?;
    inner.kept.switches = switches.clone();
    Ok(switches)
}

async fn reset_switches(State(site): State<Site>) -> Json<Switches> {
    site.state.set_switches(Switches::default());
    Json(site.state.switches())
}

async fn set_site(State(site): State<Site>, Path(id): Path<String>, body: Bytes) -> Response {
    match read::<SiteChange>(&body) {
        Ok(change) => done_if(site.state.change_site(&id, change), "site or account"),
        Err(response) => response,
    }
}

async fn set_account(State(site): State<Site>, Path(name): Path<String>, body: Bytes) -> Response {
    match read::<AccountChange>(&body) {
        Ok(change) => done_if(site.state.change_account(&name, &change), "account"),
        Err(response) => response,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSecret {
    client_secret: secrecy::SecretString,
}

async fn set_secret(State(site): State<Site>, body: Bytes) -> Response {
    match read::<SetSecret>(&body) {
        Ok(body) => {
            site.state.set_client_secret(body.client_secret);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(response) => response,
    }
}
