//! `search/jql`: bounded queries, opaque page tokens, no total; and single issues.

use std::collections::BTreeSet;

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Call, WORK, bad_request, issues, jql, object_of};
use crate::{
    Endpoint, Site,
    gateway::{Admitted, Refusal, jira_refused},
    state::Inner,
};

/// A page has no more, whatever is asked for, once fields are.
const PAGE_CAP: usize = 100;
/// And no more than this with ids and keys alone.
const IDS_CAP: usize = 5_000;
/// A query is ordered by no more fields.
const MOST_ORDER_FIELDS: usize = 7;

/// What is asked for, however it came.
struct Asked {
    jql: String,
    length: Option<usize>,
    fields: Vec<String>,
    token: Option<String>,
    expand: String,
}

/// `GET`.
pub(super) async fn by_query(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::SearchJql, WORK, |inner, admitted| {
        let fields = call.all("fields").flat_map(|it| it.split(','));
        let asked = Asked {
            jql: call.value("jql").unwrap_or_default().to_owned(),
            length: call.number("maxResults")?,
            fields: fields.map(|it| it.trim().to_owned()).collect(),
            token: call.value("nextPageToken").map(str::to_owned),
            expand: call.value("expand").unwrap_or_default().to_owned(),
        };
        search(inner, admitted, (&site, &call), &asked)
    })
    .await
}

/// `POST`.
pub(super) async fn by_body(State(site): State<Site>, call: Call, body: Bytes) -> Response {
    call.answer(&site, Endpoint::SearchJql, WORK, |inner, admitted| {
        let body = object_of(&body)?;
        let text = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(bad_request(format!("The field '{name}' must be a string."))),
        };
        let length = match body.get("maxResults") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .and_then(|it| usize::try_from(it).ok())
                    .ok_or_else(|| bad_request("The field 'maxResults' must be a number."))?,
            ),
        };
        let fields = match body.get("fields") {
            None | Some(Value::Null) => Vec::new(),
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|_| bad_request("The field 'fields' must be an array of strings."))?,
        };
        let asked = Asked {
            jql: text("jql")?.unwrap_or_default(),
            length,
            fields,
            token: text("nextPageToken")?,
            expand: text("expand")?.unwrap_or_default(),
        };
        search(inner, admitted, (&site, &call), &asked)
    })
    .await
}

fn search(
    inner: &Inner,
    admitted: &Admitted,
    (site, call): (&Site, &Call),
    asked: &Asked,
) -> Result<Value, Refusal> {
    let query = jql::parse(&asked.jql).map_err(bad_request)?;
    let Some(restriction) = &query.restriction else {
        return Err(bad_request(
            "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
        ));
    };
    if query.order_fields > MOST_ORDER_FIELDS {
        return Err(bad_request("A query can be ordered by 7 fields at most."));
    }
    let jira = call.site(inner)?;
    let viewer = jql::Viewer {
        account: &admitted.account,
        offset_hours: admitted.offset_hours,
        now: inner.now(),
    };
    let mut projects = Vec::new();
    for (index, (key, name)) in jira.projects.iter().enumerate() {
        projects.extend([key.clone(), name.clone(), issues::project_id(index)]);
    }
    for clause in restriction.clauses() {
        clause.check(&projects, viewer).map_err(bad_request)?;
    }
    let start = match &asked.token {
        None => 0,
        Some(token) => start_of(token, &asked.jql)
            .ok_or_else(|| bad_request("The provided next page token is invalid or expired."))?,
    };
    let wanted = wanted_fields(&asked.fields);
    let cap = if wanted.is_empty() { IDS_CAP } else { PAGE_CAP };
    let length = asked.length.unwrap_or(50).min(cap);
    let found = issues::of_site(inner, jira).into_iter();
    let mut found = found.filter(|it| restriction.holds(it, viewer)).skip(start);
    let has_changelog = asked.expand.split(',').any(|it| it.trim() == "changelog");
    let only_ids = asked.fields.is_empty();
    let page: Vec<_> = found
        .by_ref()
        .take(length)
        .map(|it| {
            let mut shown = json!({ "id": it.id.to_string() });
            if !only_ids {
                shown = json!({
                    "id": it.id.to_string(), "key": it.key,
                    "self": call.address(site, &format!("issue/{}", it.id)),
                });
            }
            if !wanted.is_empty() {
                shown["fields"] = fields_of(inner, &it, &wanted, admitted.offset_hours).into();
            }
            if has_changelog {
                let histories = super::history::histories(inner, &it, admitted.offset_hours);
                shown["changelog"] = json!({
                    "startAt": 0, "maxResults": histories.len(), "total": histories.len(),
                    "histories": histories,
                });
            }
            shown
        })
        .collect();
    let is_last = found.next().is_none();
    let end = start.saturating_add(page.len());
    let mut answer = json!({ "issues": page, "isLast": is_last });
    if !is_last {
        answer["nextPageToken"] = token_for(end, &asked.jql).into();
    }
    Ok(answer)
}

/// Which fields to show: by name, `*all`, `*navigable`, and `-name` to leave one out. Without a wish,
/// none.
fn wanted_fields(asked: &[String]) -> BTreeSet<&'static str> {
    let mut wanted = BTreeSet::new();
    for name in asked {
        let all = issues::FIELDS.iter().map(|(id, ..)| *id);
        match name.strip_prefix('-') {
            Some(left_out) => {
                wanted.remove(left_out);
            }
            None if matches!(name.as_str(), "*all" | "*navigable") => wanted.extend(all),
            None => wanted.extend(all.filter(|it| it == name)),
        }
    }
    wanted
}

fn fields_of(
    inner: &Inner,
    issue: &issues::Issue,
    wanted: &BTreeSet<&'static str>,
    offset_hours: i32,
) -> Map<String, Value> {
    wanted
        .iter()
        .filter_map(|it| Some(((*it).to_owned(), issue.field(inner, it, offset_hours)?)))
        .collect()
}

fn digest_of(jql: &str) -> String {
    let digest = Sha256::digest(jql);
    URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default())
}

/// Opaque to clients, and good for the same query only.
fn token_for(start: usize, jql: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{start}|{}", digest_of(jql)))
}

fn start_of(token: &str, jql: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (start, digest) = text.split_once('|')?;
    if digest != digest_of(jql) {
        return None;
    }
    start.parse().ok()
}

/// What Jira says of an issue that is missing or not to be seen.
pub(super) fn no_such_issue() -> Refusal {
    let message = "Issue does not exist or you do not have permission to see it.";
    jira_refused(StatusCode::NOT_FOUND, message)
}

/// A single issue, with all fields where none are named.
pub(super) async fn issue(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Issue, WORK, |inner, admitted| {
        let all = issues::of_site(inner, call.site(inner)?);
        let found = issues::find(&all, call.param("key")).ok_or_else(no_such_issue)?;
        let mut asked: Vec<String> = call
            .all("fields")
            .flat_map(|it| it.split(','))
            .map(str::to_owned)
            .collect();
        if asked.is_empty() {
            asked.push("*all".to_owned());
        }
        let fields = fields_of(inner, found, &wanted_fields(&asked), admitted.offset_hours);
        Ok(json!({
            "id": found.id.to_string(), "key": found.key,
            "self": call.address(&site, &format!("issue/{}", found.id)), "fields": fields,
        }))
    })
    .await
}
