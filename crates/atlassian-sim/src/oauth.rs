//! The authorization server: `/authorize`, `/oauth/token`, `/oauth/revoke`.

use std::collections::{BTreeSet, HashMap};

use atlassian::wire::{TokenErrorResponse, TokenRequest};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use crate::{
    Endpoint, Site,
    consent::{oops, signed_in_account},
    faults::{Verdict, spoil},
    state::{Inner, Refused, Waiting},
};

pub(crate) fn auth_router() -> Router<Site> {
    Router::new()
        .route("/authorize", get(authorize))
        .route("/oauth/token", post(token))
        .route("/oauth/revoke", post(revoke))
}

/// What the app may ask for; `offline_access` is in no console.
const SCOPES: [&str; 4] = [
    "read:jira-work",
    "read:jira-user",
    "manage:jira-configuration",
    "offline_access",
];

/// Checks the request. What is wrong is told on a page here; the browser is never sent back.
async fn authorize(
    State(site): State<Site>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let context = {
        let mut inner = site.state.lock();
        match check(&inner, &query) {
            Ok(waiting) => inner.wait_for_consent(waiting),
            Err(why) => return oops(why),
        }
    };
    let account = signed_in_account(&site, &headers);
    let path = if account.is_some() {
        "oauth2/authorize/server/consent"
    } else {
        "login"
    };
    redirect(&format!("{}{path}?context={context}", site.api_url))
}

fn check(inner: &Inner, query: &HashMap<String, String>) -> Result<Waiting, &'static str> {
    let value = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    if value("client_id") != inner.client_id {
        return Err("There is no app of this client id.");
    }
    if value("redirect_uri") != inner.redirect_uri {
        return Err("The redirect URI is not the one that is registered for this app.");
    }
    if value("audience") != "api.atlassian.com" || value("response_type") != "code" {
        return Err("The authorize request was incomplete or invalid.");
    }
    let scopes: BTreeSet<String> = value("scope")
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() || !scopes.iter().all(|it| SCOPES.contains(&it.as_str())) {
        return Err("The app may not ask for these permissions.");
    }
    if value("state").is_empty() {
        return Err("The authorize request was incomplete or invalid.");
    }
    let is_s256 = value("code_challenge_method") == "S256";
    Ok(Waiting {
        state: value("state").to_owned(),
        scopes,
        code_challenge: query.get("code_challenge").filter(|_| is_s256).cloned(),
    })
}

/// Takes JSON or a form, as Atlassian does.
async fn token(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let verdict = site.state.strike(Endpoint::Token).await;
    if let Verdict::Instead(response) = verdict {
        return response;
    }
    let Some(request) = read_request(&headers, &body) else {
        return refuse(Refused {
            status: 400,
            error: "invalid_request",
            description: "the request could not be read",
        });
    };
    let rotates = !matches!(&verdict, Verdict::Spoil(fault) if fault.takes_field("refresh_token"));
    let answer = site.state.lock().token(&request, rotates);
    match (answer, verdict) {
        (Err(refused), _) => refuse(refused),
        (Ok(pair), Verdict::Spoil(fault)) => match serde_json::to_value(&pair) {
            Ok(body) => spoil(&fault, body),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        (Ok(pair), _) => Json(pair).into_response(),
    }
}

fn read_request(headers: &HeaderMap, body: &[u8]) -> Option<TokenRequest> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if kind.starts_with("application/json") {
        return serde_json::from_slice(body).ok();
    }
    let form: serde_json::Map<_, _> = url::form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    serde_json::from_value(form.into()).ok()
}

fn refuse(refused: Refused) -> Response {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = TokenErrorResponse {
        error: refused.error.to_owned(),
        error_description: Some(refused.description.to_owned()),
    };
    (status, Json(body)).into_response()
}

/// Not documented for 3LO: it answers and does nothing.
async fn revoke(State(site): State<Site>) -> StatusCode {
    site.state.lock().counts.revoke += 1;
    StatusCode::OK
}

pub(crate) fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to.to_owned())]).into_response()
}
