//! `POST /app/report-accounts/`: which accounts an app stores personal data of, and what became of them.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Endpoint, Site,
    faults::rate_limits::add_headers,
    gateway::{Refusal, answer, refused, token_of},
};

/// No report names more.
const MOST: usize = 90;
/// Atlassian's test account that is always closed.
const CLOSED: &str = "5be24ba3f91c106033269289";
/// Atlassian's test account that is always active.
const ACTIVE: &str = "5be24ad8b1653240376955d2";

#[derive(Deserialize)]
struct Report {
    accounts: Vec<Reported>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    account_id: String,
    updated_at: Timestamp,
}

fn bad(message: &str) -> Refusal {
    let body = json!({ "errorType": "BAD_REQUEST", "errorMessage": message });
    Refusal::new((StatusCode::BAD_REQUEST, axum::Json(body)))
}

pub(super) async fn report_accounts(
    State(site): State<Site>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let response = answer(&site.state, Endpoint::ReportAccounts, |inner| {
        inner.kept.counts.report_accounts += 1;
        if inner.bearer(token_of(&headers)).is_err() {
            return Err(refused(StatusCode::UNAUTHORIZED, "Unauthorized"));
        }
        let Ok(report) = serde_json::from_slice::<Report>(&body) else {
            return Err(bad("accounts with accountId and updatedAt are needed"));
        };
        if report.accounts.is_empty() || report.accounts.len() > MOST {
            return Err(bad("between 1 and 90 accounts can be reported"));
        }
        let told = report.accounts.iter().filter_map(|it| {
            let id = it.account_id.as_str();
            let account = inner.account(id);
            let status = match account {
                _ if id == ACTIVE => return None,
                _ if id == CLOSED => "closed",
                Some(account) if !account.is_active => "closed",
                // Everybody's data were last changed at the start of 2020.
                Some(_) if it.updated_at.as_second() < 1_577_836_800 => "updated",
                _ => return None,
            };
            Some(json!({ "accountId": id, "status": status }))
        });
        let told: Vec<_> = told.collect();
        Ok(if told.is_empty() {
            Value::Null
        } else {
            json!({ "accounts": told })
        })
    })
    .await;
    nothing_to_do(&site, response).await
}

/// 204 where nothing is to be told, and how often Atlassian wants to be asked.
async fn nothing_to_do(site: &Site, response: Response) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let days = site.state.switches().cycle_period_days;
    let (mut parts, body) = response.into_parts();
    let read = axum::body::to_bytes(body, usize::MAX).await;
    let body = read.unwrap_or_default();
    if body.as_ref() == b"null" {
        parts = StatusCode::NO_CONTENT.into_response().into_parts().0;
    }
    let has_body = parts.status == StatusCode::OK;
    let body = if has_body { body } else { Bytes::new() };
    let mut response = Response::from_parts(parts, body.into());
    if days > 0 {
        add_headers(&mut response, vec![("cycle-period", days.to_string())]);
    }
    response
}
