//! Dynamic webhooks of an app: registered, listed, refreshed and deleted; nothing is delivered.

use axum::{
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, bad_request, issues::jira_time, jql, object_of, page};
use crate::{
    Endpoint, Site,
    gateway::{Admitted, Refusal},
    state::{Inner, Webhook, later},
};

const SCOPES: &[&str] = &["read:jira-work", "manage:jira-webhook"];
/// So many an app, person and site.
const MOST: usize = 5;
/// A webhook that is not refreshed ends after this.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);

#[derive(Deserialize)]
struct Registration {
    url: String,
    webhooks: Vec<Wish>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    #[serde(default)]
    jql_filter: String,
    events: Vec<String>,
    #[serde(default)]
    field_ids_filter: Vec<String>,
}

/// Jira's answer is 200 even where it registers nothing: each wish has its own result.
pub(super) async fn register(State(site): State<Site>, call: Call, body: Bytes) -> Response {
    call.answer(&site, Endpoint::Webhook, SCOPES, |inner, admitted| {
        let wanted: Registration = serde_json::from_value(object_of(&body)?.into())
            .map_err(|_| bad_request("The webhook registration is not valid."))?;
        if wanted.webhooks.is_empty() {
            return Err(bad_request("At least one webhook must be provided."));
        }
        drop_expired(inner, &call);
        let results = wanted.webhooks.into_iter().map(|wish| {
            match register_one(inner, &call, admitted, (&wanted.url, wish)) {
                Ok(id) => json!({ "createdWebhookId": id }),
                Err(why) => json!({ "errors": [why] }),
            }
        });
        let results: Vec<_> = results.collect();
        Ok(json!({ "webhookRegistrationResult": results }))
    })
    .await
}

fn register_one(
    inner: &mut Inner,
    call: &Call,
    admitted: &Admitted,
    (url, wish): (&str, Wish),
) -> Result<u64, String> {
    check_filter(&wish.jql_filter)?;
    let known = [
        "jira:issue_",
        "comment_",
        "issue_property_",
        "sprint_",
        "jira:version_",
    ];
    let is_known = |it: &String| known.iter().any(|known| it.starts_with(known));
    if let Some(unknown) = wish.events.iter().find(|it| !is_known(it)) {
        return Err(format!("The event {unknown} is unsupported"));
    }
    let expires_at = later(inner.now(), LIFE);
    let id = inner.kept.next_webhook_id;
    let site = inner.kept.sites.get_mut(call.param("cloud_id"));
    let webhooks = &mut site.ok_or("The site is gone")?.webhooks;
    let mut own = webhooks.iter().filter(|it| it.account == admitted.account);
    if own.clone().any(|it| it.url != url) {
        return Err("Only one URL per app is allowed to be registered via REST API".to_owned());
    }
    if own.by_ref().count() >= MOST {
        return Err(format!("The limit of {MOST} webhooks is reached"));
    }
    webhooks.push(Webhook {
        id,
        account: admitted.account.clone(),
        url: url.to_owned(),
        jql: wish.jql_filter,
        events: wish.events,
        fields: wish.field_ids_filter,
        expires_at,
    });
    inner.kept.next_webhook_id = id.saturating_add(1);
    Ok(id)
}

/// A filter takes a few fields and four operators.
fn check_filter(filter: &str) -> Result<(), String> {
    let query = jql::parse(filter)?;
    let clauses = query.restriction.iter().flat_map(jql::Condition::clauses);
    for clause in clauses {
        let field = clause.field.as_str();
        let is_known = matches!(
            field,
            "issuekey" | "key" | "project" | "issuetype" | "status" | "assignee" | "reporter"
        ) || field.starts_with("issue.property")
            || field.starts_with("cf[");
        if !is_known {
            return Err(format!("The clause {field} is unsupported"));
        }
        if !matches!(clause.operator.as_str(), "=" | "!=" | "in" | "not in") {
            return Err(format!(
                "The operator {} is unsupported in the clause {field}",
                clause.operator
            ));
        }
    }
    Ok(())
}

fn drop_expired(inner: &mut Inner, call: &Call) {
    let now = inner.now();
    if let Some(site) = inner.kept.sites.get_mut(call.param("cloud_id")) {
        site.webhooks.retain(|it| now < it.expires_at);
    }
}

pub(super) async fn list(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Webhook, SCOPES, |inner, admitted| {
        drop_expired(inner, &call);
        let (start, length) = page(&call, 100, 100)?;
        let webhooks = &call.site(inner)?.webhooks;
        let own: Vec<_> = webhooks
            .iter()
            .filter(|it| it.account == admitted.account)
            .collect();
        let values: Vec<_> = own
            .iter()
            .skip(start)
            .take(length)
            .map(|it| {
                json!({
                    "id": it.id, "jqlFilter": it.jql, "events": it.events,
                    "fieldIdsFilter": it.fields, "url": it.url,
                    "expirationDate": jira_time(it.expires_at, 0),
                })
            })
            .collect();
        let is_last = start.saturating_add(values.len()) >= own.len();
        Ok(json!({
            "maxResults": length, "startAt": start, "total": own.len(), "isLast": is_last,
            "values": values,
        }))
    })
    .await
}

fn ids_of(body: &[u8]) -> Result<Vec<u64>, Refusal> {
    let body = object_of(body)?;
    let ids = body.get("webhookIds").cloned().unwrap_or(Value::Null);
    serde_json::from_value(ids)
        .map_err(|_| bad_request("The field 'webhookIds' must be an array of numbers."))
}

/// Ids of others, and ids that nobody has, are passed over.
pub(super) async fn refresh(State(site): State<Site>, call: Call, body: Bytes) -> Response {
    call.answer(&site, Endpoint::Webhook, SCOPES, |inner, admitted| {
        let ids = ids_of(&body)?;
        drop_expired(inner, &call);
        let expires_at = later(inner.now(), LIFE);
        let found = inner.kept.sites.get_mut(call.param("cloud_id"));
        let webhooks = found.into_iter().flat_map(|it| &mut it.webhooks);
        let is_own = |it: &&mut Webhook| it.account == admitted.account && ids.contains(&it.id);
        for webhook in webhooks.filter(is_own) {
            webhook.expires_at = expires_at;
        }
        Ok(json!({ "expirationDate": jira_time(expires_at, 0) }))
    })
    .await
}

/// As [`refresh`]; 202 and nothing to read.
pub(super) async fn delete(State(site): State<Site>, call: Call, body: Bytes) -> Response {
    let response = call
        .answer(&site, Endpoint::Webhook, SCOPES, |inner, admitted| {
            let ids = ids_of(&body)?;
            let found = inner.kept.sites.get_mut(call.param("cloud_id"));
            if let Some(site) = found {
                let is_own = |it: &Webhook| it.account == admitted.account && ids.contains(&it.id);
                site.webhooks.retain(|it| !is_own(it));
            }
            Ok(Value::Null)
        })
        .await;
    if response.status() == StatusCode::OK {
        return StatusCode::ACCEPTED.into_response();
    }
    response
}
