//! Refusals for the number of requests, in all the forms that Atlassian sends.
//!
//! Source: Jira Cloud's page on rate limiting, and what clients have seen beside it.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::{SignedDuration, Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::state::later;

/// The form of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimit {
    /// Too many in this second, for one address of one site.
    Burst,
    /// The app's points of this hour are spent, over all sites.
    GlobalQuota,
    /// The site's points of this hour are spent.
    TenantQuota,
    /// Too many writes to one issue.
    PerIssue,
    /// The gateway's own, without `Retry-After`.
    Gateway,
    /// A page of HTML, with nothing but `Retry-After`.
    Html,
    /// Enforced limits and ones to come in the same answer, the latter with `Beta-`, and a reset
    /// without seconds.
    Beta,
    /// Nothing but the status.
    Bare,
    /// The app's points are spent, and the wait that is told goes beyond the hour.
    WrongWait,
    /// The wait is told as a date of HTTP.
    HttpDate,
    /// A reason that is not documented, and no wait.
    Concurrent,
}

impl RateLimit {
    /// The whole answer.
    pub(crate) fn response(self, now: Timestamp) -> Response {
        let headers = self.headers(now);
        let (kind, body) = match self {
            Self::Html => (
                "text/html",
                "<html><body><h1>429 Too Many Requests</h1></body></html>",
            ),
            Self::Bare => ("text/plain", ""),
            _ => (
                "application/json",
                r#"{"errorMessages":["Rate limit exceeded."],"errors":{}}"#,
            ),
        };
        let kind = [(header::CONTENT_TYPE, kind)];
        let mut response = (StatusCode::TOO_MANY_REQUESTS, kind, body).into_response();
        add_headers(&mut response, headers);
        response
    }

    fn headers(self, now: Timestamp) -> Vec<(&'static str, String)> {
        let hour = next_hour(now);
        let until_hour = seconds_between(now, hour);
        let soon = later(now, SignedDuration::from_secs(1));
        let text = |it: &str| it.to_owned();
        match self {
            Self::Burst => vec![
                ("retry-after", text("1")),
                ("x-ratelimit-limit", text("100")),
                ("x-ratelimit-remaining", text("0")),
                ("x-ratelimit-reset", seconds(soon)),
                ("ratelimit-reason", text("jira-burst-based")),
            ],
            Self::GlobalQuota => vec![
                ("retry-after", until_hour.to_string()),
                ("x-ratelimit-limit", text("65000")),
                ("x-ratelimit-remaining", text("0")),
                ("x-ratelimit-reset", seconds(hour)),
                ("ratelimit-reason", text("jira-quota-global-based")),
                (
                    "ratelimit-policy",
                    text("\"global-app-quota\";q=65000;w=3600"),
                ),
                (
                    "ratelimit",
                    format!("\"global-app-quota\";r=0;t={until_hour}"),
                ),
            ],
            Self::TenantQuota => vec![
                ("retry-after", until_hour.to_string()),
                ("x-ratelimit-limit", text("100000")),
                ("x-ratelimit-remaining", text("0")),
                ("x-ratelimit-reset", seconds(hour)),
                ("ratelimit-reason", text("jira-quota-tenant-based")),
                (
                    "ratelimit-policy",
                    text("\"jira-burst-based\";q=100;w=1, \"tenant-app-quota\";q=100000;w=3600"),
                ),
                (
                    "ratelimit",
                    format!(
                        "\"jira-burst-based\";r=99;t=1, \"tenant-app-quota\";r=0;t={until_hour}"
                    ),
                ),
            ],
            Self::PerIssue => vec![
                ("retry-after", text("2")),
                ("ratelimit-reason", text("jira-per-issue-on-write")),
            ],
            Self::Gateway => vec![
                ("x-failure-category", text("FAILURE CLIENT RATE LIMITED")),
                ("x-ratelimit-limit", text("360000")),
                ("x-ratelimit-remaining", text("0")),
                ("x-ratelimit-reset", seconds(hour)),
            ],
            Self::Html => vec![("retry-after", text("5"))],
            Self::Beta => vec![
                ("x-ratelimit-reset", minutes(hour)),
                ("ratelimit-reason", text("jira-cost-based")),
                (
                    "ratelimit-policy",
                    text("\"jira-burst-based\";q=100;w=1, \"an-unheard-of-policy\";q=7;w=60"),
                ),
                ("beta-retry-after", until_hour.to_string()),
                ("x-beta-ratelimit-limit", text("65000")),
                ("x-beta-ratelimit-remaining", text("0")),
                ("x-beta-ratelimit-reset", seconds(hour)),
                (
                    "beta-ratelimit-policy",
                    text("\"global-app-quota\";q=65000;w=3600"),
                ),
                (
                    "beta-ratelimit",
                    format!("\"global-app-quota\";r=0;t={until_hour}"),
                ),
            ],
            Self::Bare => Vec::new(),
            Self::WrongWait => vec![
                ("retry-after", text("3600")),
                ("x-ratelimit-limit", text("65000")),
                ("x-ratelimit-remaining", text("0")),
                ("x-ratelimit-reset", seconds(hour)),
                ("ratelimit-reason", text("jira-quota-global-based")),
            ],
            Self::HttpDate => vec![
                ("retry-after", http_date(soon)),
                ("ratelimit-reason", text("jira-burst-based")),
            ],
            Self::Concurrent => vec![(
                "ratelimit-reason",
                text("jira-max-concurrent-threads-per-user"),
            )],
        }
    }
}

pub(crate) fn add_headers(response: &mut Response, headers: Vec<(&'static str, String)>) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, value);
        }
    }
}

/// The top of the hour that comes: quotas begin anew there.
pub(crate) fn next_hour(now: Timestamp) -> Timestamp {
    let hour = SignedDuration::from_hours(1);
    later(
        Timestamp::from_second(hour_of(now).saturating_mul(3_600)).unwrap_or(now),
        hour,
    )
}

/// Which hour it is, counted from 1970.
pub(crate) fn hour_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(3_600)
}

pub(crate) fn seconds_between(now: Timestamp, end: Timestamp) -> i64 {
    end.duration_since(now).as_secs().max(1)
}

fn seconds(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Without seconds, as was seen.
fn minutes(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}
