//! The gateway: accessible resources, and the Jira endpoints that we use.

use atlassian::wire::{AccessibleResource, GatewayError, JiraError, Myself};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Endpoint, Site,
    faults::{Verdict, spoil},
    mint,
    state::{Inner, SimState},
};

pub(crate) fn router() -> Router<Site> {
    Router::new()
        .route("/oauth/token/accessible-resources", get(resources))
        .route("/ex/jira/{cloud_id}/rest/api/{version}/myself", get(myself))
        .route(
            "/ex/jira/{cloud_id}/rest/api/{version}/serverInfo",
            get(server_info),
        )
        .route(
            "/ex/jira/{cloud_id}/rest/api/{version}/project/search",
            get(project_search),
        )
        .route(
            "/ex/jira/{cloud_id}/rest/api/{version}/search",
            any(removed),
        )
}

/// Runs a handler around the script of faults.
async fn answer(
    state: &SimState,
    on: Endpoint,
    earn: impl FnOnce(&mut Inner) -> Result<serde_json::Value, Box<Response>>,
) -> Response {
    let verdict = state.strike(on).await;
    if let Verdict::Instead(response) = verdict {
        return response;
    }
    let earned = earn(&mut state.lock());
    match (earned, verdict) {
        (Err(refusal), _) => *refusal,
        (Ok(body), Verdict::Spoil(fault)) => spoil(&fault, body),
        (Ok(body), _) => Json(body).into_response(),
    }
}

fn token_of(headers: &HeaderMap) -> &str {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|it| it.to_str().ok());
    value
        .and_then(|it| it.strip_prefix("Bearer "))
        .unwrap_or_default()
}

fn gateway<T>(status: StatusCode, message: &str) -> Result<T, Box<Response>> {
    let body = GatewayError {
        code: status.as_u16(),
        message: message.to_owned(),
    };
    Err(Box::new((status, Json(body)).into_response()))
}

async fn resources(State(site): State<Site>, headers: HeaderMap) -> Response {
    answer(&site.state, Endpoint::Resources, |inner| {
        inner.counts.resources += 1;
        let Some(bearer) = inner.bearer(token_of(&headers)) else {
            return gateway(StatusCode::UNAUTHORIZED, "Unauthorized");
        };
        let mut listed = Vec::new();
        for reached in &bearer.sites {
            let entry = |scopes: Vec<String>| AccessibleResource {
                id: reached.cloud_id.clone(),
                name: reached.name.clone(),
                url: reached.url.clone(),
                scopes,
                avatar_url: Some(format!("{}/avatar.png", reached.url)),
            };
            if reached.has_jira {
                let of_jira = bearer.scopes.iter().filter(|it| it.contains("jira"));
                listed.push(entry(of_jira.cloned().collect()));
            }
            if reached.has_confluence {
                listed.push(entry(vec!["read:confluence-space.summary".to_owned()]));
            }
        }
        mint::shuffle(inner.env.as_ref(), &mut listed);
        Ok(json!(listed))
    })
    .await
}

/// Checks token, site and scope, in the gateway's order.
fn admit(
    inner: &Inner,
    headers: &HeaderMap,
    cloud_id: &str,
    scope: Option<&str>,
) -> Result<(), Box<Response>> {
    let Some(bearer) = inner.bearer(token_of(headers)) else {
        return gateway(StatusCode::UNAUTHORIZED, "Unauthorized");
    };
    if scope.is_some_and(|it| !bearer.scopes.contains(it)) {
        return gateway(
            StatusCode::UNAUTHORIZED,
            "Unauthorized; scope does not match",
        );
    }
    if !inner.sites.contains_key(cloud_id) {
        let body = json!({
            "timestamp": inner.now().to_string(), "status": 404, "error": "Not Found",
            "message": "No message available", "path": format!("/ex/jira/{cloud_id}"),
        });
        return Err(Box::new(
            (StatusCode::NOT_FOUND, Json(body)).into_response(),
        ));
    }
    let found = bearer.sites.iter().find(|it| it.cloud_id == cloud_id);
    if found.is_none_or(|it| it.blocks_app || !it.has_jira) {
        return gateway(
            StatusCode::FORBIDDEN,
            "The app is not installed on this instance",
        );
    }
    Ok(())
}

async fn myself(
    State(site): State<Site>,
    Path((cloud_id, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer(&site.state, Endpoint::Myself, |inner| {
        inner.counts.myself += 1;
        admit(inner, &headers, &cloud_id, Some("read:jira-user"))?;
        let Some(bearer) = inner.bearer(token_of(&headers)) else {
            return gateway(StatusCode::UNAUTHORIZED, "Unauthorized");
        };
        Ok(json!(Myself {
            account_id: bearer.account.id.clone(),
            display_name: Some(bearer.account.name.clone()),
            email_address: Some(bearer.account.email.clone()),
        }))
    })
    .await
}

async fn server_info(
    State(site): State<Site>,
    Path((cloud_id, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer(&site.state, Endpoint::ServerInfo, |inner| {
        inner.counts.server_info += 1;
        admit(inner, &headers, &cloud_id, None)?;
        let found = inner.sites.get(&cloud_id);
        let (name, url) = found.map(|it| (it.name.clone(), it.url.clone())).unwrap_or_default();
        Ok(json!({ "baseUrl": url, "displayUrl": url, "serverTitle": name, "deploymentType": "Cloud" }))
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    #[serde(default)]
    start_at: usize,
    max_results: Option<usize>,
}

/// The real cap of a page, whatever is asked for.
const PAGE_CAP: usize = 100;

async fn project_search(
    State(site): State<Site>,
    Path((cloud_id, _)): Path<(String, String)>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Response {
    let api_url = site.api_url.clone();
    answer(&site.state, Endpoint::ProjectSearch, |inner| {
        inner.counts.project_search += 1;
        admit(inner, &headers, &cloud_id, Some("read:jira-work"))?;
        let projects = inner
            .sites
            .get(&cloud_id)
            .map(|it| it.projects.clone())
            .unwrap_or_default();
        let page_length = paging.max_results.unwrap_or(50).clamp(1, PAGE_CAP);
        let base = format!("{api_url}ex/jira/{cloud_id}/rest/api/3/project");
        let values: Vec<_> = projects
            .iter()
            .enumerate()
            .skip(paging.start_at)
            .take(page_length)
            .map(|(index, (key, name))| {
                let id = (10_000 + index).to_string();
                json!({ "self": format!("{base}/{id}"), "id": id, "key": key, "name": name })
            })
            .collect();
        let is_last = paging.start_at + values.len() >= projects.len();
        Ok(json!({
            "self": format!("{base}/search"), "maxResults": page_length, "startAt": paging.start_at,
            "total": projects.len(), "isLast": is_last, "values": values,
        }))
    })
    .await
}

/// `search` was removed in 2025.
async fn removed() -> Response {
    let message =
        "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.";
    let body = JiraError {
        error_messages: vec![message.to_owned()],
        ..JiraError::default()
    };
    (StatusCode::GONE, Json(body)).into_response()
}
