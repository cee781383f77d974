//! The authorization server: `/authorize`, `/oauth/token`, `/oauth/revoke`, and its discovery document.

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
use serde_json::{Map, Value, json};

use crate::{
    Endpoint, Fault, Site,
    consent::{oops, signed_in_account},
    faults::{Verdict, spoil},
    state::{Inner, Refused, RevokeEffect, WRONG_CLIENT, Waiting},
};

pub(crate) fn auth_router() -> Router<Site> {
    Router::new()
        .route("/authorize", get(authorize))
        .route("/oauth/token", post(token))
        .route("/oauth/revoke", post(revoke))
        .route("/.well-known/openid-configuration", get(discovery))
}

/// What the app may ask for; `offline_access` is in no console.
pub(crate) const SCOPES: [&str; 6] = [
    "read:jira-work",
    "read:jira-user",
    "write:jira-work",
    "manage:jira-configuration",
    "manage:jira-webhook",
    "offline_access",
];

/// Checks the request. What is wrong is told on a page here; the browser is never sent back.
async fn authorize(
    State(site): State<Site>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Verdict::Instead(response) = site.state.strike(Endpoint::Authorize).await {
        return response;
    }
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
    // Whatever comes of it: a client is judged by how often it asks.
    site.state.lock().kept.counts.token_requests += 1;
    let fields = fields_of(&headers, &body);
    let refresh_token = fields.as_ref().and_then(|it| it.get("refresh_token"));
    let refresh_token = refresh_token.and_then(Value::as_str);
    let verdict = site.state.strike_token(refresh_token).await;
    if let Verdict::Instead(response) = verdict {
        return response;
    }
    let rotates = !matches!(&verdict, Verdict::Spoil(fault) if fault.takes_field("refresh_token"));
    let answer = {
        let mut inner = site.state.lock();
        read_request(&mut inner, fields).and_then(|it| inner.token(&it, rotates))
    };
    match (answer, verdict) {
        (Err(refused), _) => refuse(refused),
        (Ok(_), Verdict::Spoil(Fault::HangAfterRotation)) => std::future::pending().await,
        (Ok(pair), Verdict::Spoil(fault)) => match serde_json::to_value(&pair) {
            Ok(body) => spoil(&fault, body),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        (Ok(pair), _) => ([(header::CACHE_CONTROL, "no-store")], Json(pair)).into_response(),
    }
}

const UNREADABLE: Refused = Refused {
    status: 400,
    error: "invalid_request",
    description: "the request could not be read",
};

/// The client first, as Atlassian does: whoever lacks the secret learns nothing else.
fn read_request(
    inner: &mut Inner,
    fields: Option<Map<String, Value>>,
) -> Result<TokenRequest, Refused> {
    let fields = fields.ok_or(UNREADABLE)?;
    if !is_client(inner, &fields) {
        inner.kept.counts.client_refused += 1;
        return Err(WRONG_CLIENT);
    }
    serde_json::from_value(fields.into()).map_err(|_| UNREADABLE)
}

fn is_client(inner: &Inner, fields: &Map<String, Value>) -> bool {
    let value = |name: &str| {
        let found = fields.get(name).and_then(Value::as_str);
        found.unwrap_or_default()
    };
    inner.is_client(value("client_id"), value("client_secret"))
}

fn fields_of(headers: &HeaderMap, body: &[u8]) -> Option<Map<String, Value>> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if kind.starts_with("application/json") {
        return serde_json::from_slice(body).ok();
    }
    let form = url::form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()));
    Some(form.collect())
}

fn refuse(refused: Refused) -> Response {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = TokenErrorResponse {
        error: refused.error.to_owned(),
        error_description: Some(refused.description.to_owned()),
    };
    (status, Json(body)).into_response()
}

/// Not documented for apps like ours: a switch says what it does.
async fn revoke(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    if let Verdict::Instead(response) = site.state.strike(Endpoint::Revoke).await {
        return response;
    }
    let mut inner = site.state.lock();
    inner.kept.counts.revoke += 1;
    match inner.kept.switches.revoke_effect {
        RevokeEffect::NotFound => return StatusCode::NOT_FOUND.into_response(),
        RevokeEffect::Nothing => return StatusCode::OK.into_response(),
        RevokeEffect::Token | RevokeEffect::Family | RevokeEffect::Grant => {}
    }
    let fields = fields_of(&headers, &body).unwrap_or_default();
    if !is_client(&inner, &fields) {
        inner.kept.counts.client_refused += 1;
        return refuse(WRONG_CLIENT);
    }
    // What is not known is revoked already (RFC 7009, 2.2).
    if let Some(token) = fields.get("token").and_then(Value::as_str) {
        inner.revoke(token);
    }
    StatusCode::OK.into_response()
}

/// Atlassian publishes one that promises more than holds; so does this.
async fn discovery(State(site): State<Site>) -> Json<Value> {
    let issuer = site.auth_url.origin().ascii_serialization();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "device_authorization_endpoint": format!("{issuer}/oauth/device/code"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "registration_endpoint": format!("{issuer}/oidc/register"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "scopes_supported": ["openid", "profile", "offline_access", "name", "email", "address"],
        "response_types_supported": ["code", "token", "id_token", "code token", "code id_token"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "id_token_signing_alg_values_supported": ["HS256", "RS256"],
    }))
}

pub(crate) fn redirect(to: &str) -> Response {
    match header::HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
