//! What happened to issues: changelogs, one by one and in bulk, and worklogs.

use axum::{body::Bytes, extract::State, response::Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, WORK, bad_request, issues, object_of, page, person, search::no_such_issue};
use crate::{BulkCreated, Endpoint, Site, gateway::Refusal, state::Inner};

/// No bulk request names more issues.
const MOST_ISSUES: usize = 1_000;
/// No bulk request names more fields.
const MOST_FIELDS: usize = 10;

fn history(inner: &Inner, issue: &issues::Issue, change: &issues::Change, at: &Value) -> Value {
    let author = issue.reporter.as_ref().and_then(|it| inner.account(it));
    json!({
        "id": change.id.to_string(), "author": author.map(person), "created": at,
        "items": [{
            "field": "status", "fieldtype": "jira", "fieldId": "status",
            "from": change.from.1, "fromString": change.from.0,
            "to": change.to.1, "toString": change.to.0,
        }],
    })
}

/// All changes of an issue, oldest first.
pub(super) fn histories(inner: &Inner, issue: &issues::Issue, offset_hours: i32) -> Vec<Value> {
    let changes = issue.changes();
    let changes = changes.iter().map(|it| {
        let at = issues::jira_time(it.at, offset_hours).into();
        history(inner, issue, it, &at)
    });
    changes.collect()
}

pub(super) async fn changelog(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Changelog, WORK, |inner, admitted| {
        let all = issues::of_site(inner, call.site(inner)?);
        let found = issues::find(&all, call.param("key")).ok_or_else(no_such_issue)?;
        let histories = histories(inner, found, admitted.offset_hours);
        let (start, length) = page(&call, 100, 100)?;
        let total = histories.len();
        let values: Vec<_> = histories.into_iter().skip(start).take(length).collect();
        let is_last = start.saturating_add(values.len()) >= total;
        Ok(json!({
            "self": call.address(&site, &format!("issue/{}/changelog", found.id)),
            "maxResults": length, "startAt": start, "total": total, "isLast": is_last,
            "values": values,
        }))
    })
    .await
}

/// How times of changes are written here is disputed; a switch says.
pub(super) async fn bulkfetch(State(site): State<Site>, call: Call, body: Bytes) -> Response {
    call.answer(
        &site,
        Endpoint::ChangelogBulkfetch,
        WORK,
        |inner, admitted| {
            let body = object_of(&body)?;
            let texts = |name: &str| -> Result<Vec<String>, Refusal> {
                match body.get(name) {
                    None | Some(Value::Null) => Ok(Vec::new()),
                    Some(value) => serde_json::from_value(value.clone()).map_err(|_| {
                        bad_request(format!("The field '{name}' must be an array of strings."))
                    }),
                }
            };
            let (wanted, fields) = (texts("issueIdsOrKeys")?, texts("fieldIds")?);
            if wanted.is_empty() || wanted.len() > MOST_ISSUES || fields.len() > MOST_FIELDS {
                return Err(bad_request(
                    "Between 1 and 1000 issues and at most 10 fields can be asked for.",
                ));
            }
            let start: usize = match body.get("nextPageToken") {
                None | Some(Value::Null) => 0,
                Some(token) => token
                    .as_str()
                    .and_then(|it| it.parse().ok())
                    .ok_or_else(|| {
                        bad_request("The provided next page token is invalid or expired.")
                    })?,
            };
            let length = body
                .get("maxResults")
                .and_then(Value::as_u64)
                .unwrap_or(1_000);
            let length = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .clamp(1, 10_000);
            let form = inner.kept.switches.bulk_created;
            let written = |at: Timestamp| match form {
                BulkCreated::Seconds => json!(at.as_second()),
                BulkCreated::Millis => json!(at.as_millisecond()),
                BulkCreated::Text => json!(issues::jira_time(at, admitted.offset_hours)),
            };
            let all = issues::of_site(inner, call.site(inner)?);
            let shows_status = fields.is_empty() || fields.iter().any(|it| it == "status");
            let mut changes = Vec::new();
            for issue in wanted.iter().filter_map(|it| issues::find(&all, it)) {
                let of_issue = issue.changes().into_iter().filter(|_| shows_status);
                changes.extend(of_issue.map(|it| (issue, it)));
            }
            let mut answer: Vec<Value> = Vec::new();
            for (issue, change) in changes.iter().skip(start).take(length) {
                let shown = history(inner, issue, change, &written(change.at));
                let id = issue.id.to_string();
                let same = answer.last_mut().filter(|it| it["issueId"] == id.as_str());
                match same.and_then(|it| it["changeHistories"].as_array_mut()) {
                    Some(histories) => histories.push(shown),
                    None => answer.push(json!({ "issueId": id, "changeHistories": [shown] })),
                }
            }
            let end = start.saturating_add(length);
            let mut answer = json!({ "issueChangeLogs": answer });
            if end < changes.len() {
                answer["nextPageToken"] = end.to_string().into();
            }
            Ok(answer)
        },
    )
    .await
}

pub(super) async fn worklog(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::Worklog, WORK, |inner, admitted| {
        let all = issues::of_site(inner, call.site(inner)?);
        let found = issues::find(&all, call.param("key")).ok_or_else(no_such_issue)?;
        let (start, length) = page(&call, 5_000, 5_000)?;
        let after: Option<i64> = call.number("startedAfter")?;
        let before: Option<i64> = call.number("startedBefore")?;
        let author = found.assignee.as_ref().and_then(|it| inner.account(it));
        let time = |at| issues::jira_time(at, admitted.offset_hours);
        let worklogs: Vec<_> = found
            .worklogs()
            .into_iter()
            .filter(|it| after.is_none_or(|after| it.started_at.as_millisecond() >= after))
            .filter(|it| before.is_none_or(|before| it.started_at.as_millisecond() < before))
            .map(|it| {
                json!({
                    "id": it.id.to_string(), "issueId": found.id.to_string(),
                    "author": author.map(person), "comment": issues::document("Worked on it."),
                    "started": time(it.started_at), "created": time(it.updated_at),
                    "updated": time(it.updated_at), "timeSpentSeconds": it.seconds,
                })
            })
            .collect();
        let total = worklogs.len();
        let page: Vec<_> = worklogs.into_iter().skip(start).take(length).collect();
        Ok(json!({
            "startAt": start, "maxResults": length, "total": total, "worklogs": page,
        }))
    })
    .await
}

/// No page of changed worklogs has more.
const WORKLOG_PAGE: usize = 1_000;
/// What was changed in the last minute is not told yet.
const UNTOLD_MILLIS: i64 = 60_000;

pub(super) async fn worklog_updated(State(site): State<Site>, call: Call) -> Response {
    call.answer(&site, Endpoint::WorklogUpdated, WORK, |inner, _| {
        let since: i64 = call.number("since")?.unwrap_or(0);
        let now = inner.now().as_millisecond();
        let all = issues::of_site(inner, call.site(inner)?);
        let mut changed: Vec<_> = all
            .iter()
            .flat_map(issues::Issue::worklogs)
            .map(|it| (it.updated_at.as_millisecond(), it.id))
            .filter(|(at, _)| *at > since && *at <= now.saturating_sub(UNTOLD_MILLIS))
            .collect();
        changed.sort_unstable();
        let is_last = changed.len() <= WORKLOG_PAGE;
        changed.truncate(WORKLOG_PAGE);
        let until = changed.last().map_or(since, |(at, _)| *at);
        let values = changed
            .iter()
            .map(|(at, id)| json!({ "worklogId": id, "updatedTime": at, "properties": [] }));
        let values: Vec<_> = values.collect();
        let address = |since: i64| call.address(&site, &format!("worklog/updated?since={since}"));
        let mut answer = json!({
            "values": values, "since": since, "until": until, "self": address(since),
            "lastPage": is_last,
        });
        if !is_last {
            answer["nextPage"] = address(until).into();
        }
        Ok(answer)
    })
    .await
}
