//! The script of failures to come: consumed in order, each by the next request to its endpoint.

use std::{
    collections::{HashMap, VecDeque},
    io::Write as _,
    sync::Arc,
    time::Duration,
};

use atlassian::wire::TokenErrorResponse;
use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::{
    oauth::redirect,
    serving::{Dying, Spaces, cut},
};

pub(crate) mod rate_limits;

pub use rate_limits::RateLimit;

/// No body that is asked for is larger.
const LARGEST_BODY_BYTES: usize = 256 * 1024 * 1024;

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /authorize`.
    Authorize,
    /// A person's decision on the consent page.
    Consent,
    /// `POST /oauth/token`.
    Token,
    /// `POST /oauth/revoke`.
    Revoke,
    /// `GET /oauth/token/accessible-resources`.
    Resources,
    /// Every call to a site that has no fault of its own.
    Jira,
    /// `GET …/myself`.
    Myself,
    /// `GET …/serverInfo`.
    ServerInfo,
    /// `GET …/project` and `…/project/{key}`.
    Project,
    /// `GET …/project/search`.
    ProjectSearch,
    /// `GET …/users/search`.
    UsersSearch,
    /// `GET` or `POST …/search/jql`.
    SearchJql,
    /// `GET …/field`.
    Field,
    /// `GET …/issue/{key}`.
    Issue,
    /// `GET …/issue/{key}/changelog`.
    Changelog,
    /// `POST …/changelog/bulkfetch`.
    ChangelogBulkfetch,
    /// `GET …/issue/{key}/worklog`.
    Worklog,
    /// `GET …/worklog/updated`.
    WorklogUpdated,
    /// Anything about webhooks.
    Webhook,
    /// `POST /app/report-accounts/`.
    ReportAccounts,
}

impl Endpoint {
    /// All, as a person is offered them.
    pub(crate) const ALL: [Self; 20] = [
        Self::Token,
        Self::Resources,
        Self::Jira,
        Self::Authorize,
        Self::Consent,
        Self::Revoke,
        Self::Myself,
        Self::ServerInfo,
        Self::Project,
        Self::ProjectSearch,
        Self::UsersSearch,
        Self::SearchJql,
        Self::Field,
        Self::Issue,
        Self::Changelog,
        Self::ChangelogBulkfetch,
        Self::Worklog,
        Self::WorklogUpdated,
        Self::Webhook,
        Self::ReportAccounts,
    ];

    /// Whether it is a call to a site.
    const fn is_of_jira(self) -> bool {
        !matches!(
            self,
            Self::Token
                | Self::Resources
                | Self::Authorize
                | Self::Consent
                | Self::Revoke
                | Self::ReportAccounts
        )
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// This status, nothing done.
    Status(u16),
    /// This status with a `Retry-After`, nothing done.
    StatusWithRetryAfter(u16, String),
    /// The answer comes so many milliseconds later.
    DelayMillis(u64),
    /// The connection is closed before anything is done.
    DropBeforeRotation,
    /// Everything is done, and the connection is closed without an answer.
    DropAfterRotation,
    /// A refusal as of OAuth (RFC 6749, 5.2), nothing done.
    Refusal {
        /// The HTTP status.
        status: u16,
        /// `error`.
        error: String,
        /// `error_description`.
        description: String,
    },
    /// 429 in one of its forms, nothing done.
    RateLimited(RateLimit),
    /// A page of somebody's proxy, nothing done.
    HtmlWith200,
    /// A page of somebody's proxy with this status, nothing done.
    Html(u16),
    /// Everything is done, and the answer is compressed, whatever the client accepts.
    GzipBody,
    /// The browser comes back from consent with this `error`.
    CallbackError(String),
    /// Everything is done, and the JSON is cut in the middle.
    TruncatedJson,
    /// Everything is done, and the connection dies in the middle of the answer.
    DiesMidway,
    /// The answer lacks this field.
    MissingField(String),
    /// The answer has null in this field.
    NullField(String),
    /// So many bytes, nothing done.
    HugeBody(usize),
    /// A redirect elsewhere, nothing done.
    Redirect(String),
    /// No answer, ever; nothing done.
    Hang,
    /// Everything is done, and no answer, ever.
    HangAfterRotation,
}

impl Fault {
    /// Whether the answer comes without this field.
    pub(crate) fn takes_field(&self, name: &str) -> bool {
        matches!(self, Self::MissingField(field) | Self::NullField(field) if field == name)
    }
}

/// A request that waits at the door, for a test that wants to act meanwhile.
#[derive(Clone, Debug)]
pub struct Held {
    reached: Arc<Semaphore>,
    release: Arc<Semaphore>,
}

impl Held {
    fn new() -> Self {
        Self {
            reached: Arc::new(Semaphore::new(0)),
            release: Arc::new(Semaphore::new(0)),
        }
    }

    /// Waits until the request is there.
    pub async fn reached(&self) {
        // Never closed: the semaphore is ours.
        let _permit = self.reached.acquire().await;
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.release.add_permits(1);
    }

    async fn wait(&self) {
        self.reached.add_permits(1);
        let _permit = self.release.acquire().await;
    }
}

/// One entry of the script.
#[derive(Clone, Debug)]
enum Step {
    Fault(Fault),
    Hold(Held),
}

/// The script.
#[derive(Debug, Default)]
pub(crate) struct Script {
    next: HashMap<Endpoint, VecDeque<Step>>,
    always: HashMap<Endpoint, Fault>,
    /// By the refresh token that is sent.
    refreshes: HashMap<String, Fault>,
}

impl Script {
    pub(crate) fn add(&mut self, on: Endpoint, fault: Fault) {
        self.next
            .entry(on)
            .or_default()
            .push_back(Step::Fault(fault));
    }

    pub(crate) fn set_always(&mut self, on: Endpoint, fault: Fault) {
        self.always.insert(on, fault);
    }

    pub(crate) fn set_refreshes(&mut self, refresh_token: String, fault: Fault) {
        self.refreshes.insert(refresh_token, fault);
    }

    pub(crate) fn hold(&mut self, on: Endpoint) -> Held {
        let held = Held::new();
        self.next
            .entry(on)
            .or_default()
            .push_back(Step::Hold(held.clone()));
        held
    }

    pub(crate) fn clear(&mut self) {
        self.next.clear();
        self.always.clear();
        self.refreshes.clear();
    }

    pub(crate) fn pending(&self) -> usize {
        self.next.values().map(VecDeque::len).sum()
    }

    /// What strikes a request to `on`. The fault of the refresh token that it sends goes first, and takes none
    /// of the others.
    fn take(&mut self, on: Endpoint, refresh_token: Option<&str>) -> Option<Step> {
        let own = refresh_token.and_then(|it| self.refreshes.get(it));
        if let Some(own) = own {
            return Some(Step::Fault(own.clone()));
        }
        let mut scripted = |on| self.next.get_mut(&on).and_then(VecDeque::pop_front);
        let wider = on.is_of_jira().then_some(Endpoint::Jira);
        scripted(on)
            .or_else(|| wider.and_then(scripted))
            .or_else(|| self.always_at(on).cloned().map(Step::Fault))
    }

    fn always_at(&self, on: Endpoint) -> Option<&Fault> {
        let wider = || self.always.get(&Endpoint::Jira).filter(|_| on.is_of_jira());
        self.always.get(&on).or_else(wider)
    }

    /// What is to come: where, what, and whether it stays.
    pub(crate) fn list(&self) -> Vec<(Endpoint, String, bool)> {
        let named = |it: &Fault| serde_json::to_string(it).unwrap_or_default();
        let mut all = Vec::new();
        for on in Endpoint::ALL {
            let next = self.next.get(&on).into_iter().flatten();
            all.extend(next.map(|step| match step {
                Step::Fault(fault) => (on, named(fault), false),
                Step::Hold(_) => (on, "held by a test".to_owned(), false),
            }));
            all.extend(self.always.get(&on).map(|it| (on, named(it), true)));
        }
        all
    }
}

/// How a request goes on once the script was asked.
pub(crate) enum Verdict {
    /// As if nothing were.
    Go,
    /// This is the answer; nothing was done.
    Instead(Response),
    /// Do it, then spoil the answer.
    Spoil(Fault),
}

impl crate::SimState {
    /// Asks the script what happens to a request that has just come.
    pub(crate) async fn strike(&self, on: Endpoint) -> Verdict {
        self.strike_with(on, None).await
    }

    /// The same for a request to the token endpoint.
    pub(crate) async fn strike_token(&self, refresh_token: Option<&str>) -> Verdict {
        self.strike_with(Endpoint::Token, refresh_token).await
    }

    async fn strike_with(&self, on: Endpoint, refresh_token: Option<&str>) -> Verdict {
        let (step, now) = {
            let mut inner = self.lock();
            (inner.script.take(on, refresh_token), inner.now())
        };
        match step {
            None => Verdict::Go,
            Some(Step::Hold(held)) => {
                held.wait().await;
                Verdict::Go
            }
            Some(Step::Fault(fault)) => before(fault, now).await,
        }
    }
}

async fn before(fault: Fault, now: Timestamp) -> Verdict {
    Verdict::Instead(match fault {
        Fault::Status(status) => status_of(status).into_response(),
        Fault::StatusWithRetryAfter(status, wait) => {
            let mut response = status_of(status).into_response();
            rate_limits::add_headers(&mut response, vec![("retry-after", wait)]);
            response
        }
        Fault::DelayMillis(millis) => {
            pause(Duration::from_millis(millis)).await;
            return Verdict::Go;
        }
        Fault::DropBeforeRotation => cut(),
        Fault::Refusal {
            status,
            error,
            description,
        } => {
            let body = TokenErrorResponse {
                error,
                error_description: Some(description),
            };
            (status_of(status), axum::Json(body)).into_response()
        }
        Fault::RateLimited(form) => form.response(now),
        Fault::HtmlWith200 => html(200),
        Fault::Html(status) => html(status),
        Fault::HugeBody(bytes) => (
            [(header::CONTENT_TYPE, "application/json")],
            // As many as were asked for, and no more than this machine can be asked for.
            Body::new(Spaces(bytes.min(LARGEST_BODY_BYTES))),
        )
            .into_response(),
        Fault::Redirect(to) => redirect(&to),
        Fault::Hang => std::future::pending().await,
        spoiling @ (Fault::DropAfterRotation
        | Fault::HangAfterRotation
        | Fault::TruncatedJson
        | Fault::DiesMidway
        | Fault::GzipBody
        | Fault::CallbackError(_)
        | Fault::MissingField(_)
        | Fault::NullField(_)) => return Verdict::Spoil(spoiling),
    })
}

/// Spoils the JSON of an answer that was earned.
pub(crate) fn spoil(fault: &Fault, mut body: serde_json::Value) -> Response {
    match fault {
        Fault::DropAfterRotation => return cut(),
        Fault::TruncatedJson => {
            let text = body.to_string();
            let half: String = text.chars().take(text.len() / 2).collect();
            let kind = [(header::CONTENT_TYPE, "application/json")];
            return (kind, Body::from(half)).into_response();
        }
        Fault::DiesMidway => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            return (kind, Body::new(Dying::of(body.to_string()))).into_response();
        }
        Fault::GzipBody => return gzip(&body).unwrap_or_else(|_| cut()),
        Fault::MissingField(field) => {
            body.as_object_mut().map(|it| it.remove(field));
        }
        Fault::NullField(field) => {
            body.as_object_mut()
                .map(|it| it.insert(field.clone(), serde_json::Value::Null));
        }
        _ => {}
    }
    axum::Json(body).into_response()
}

fn gzip(body: &serde_json::Value) -> std::io::Result<Response> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.to_string().as_bytes())?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_ENCODING, "gzip"),
    ];
    Ok((headers, encoder.finish()?).into_response())
}

fn html(status: u16) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html")];
    let body = "<html><body>Sign in</body></html>";
    (status_of(status), kind, body).into_response()
}

fn status_of(status: u16) -> StatusCode {
    // Below 200 an answer is not the last one, and a server cannot end with it.
    let status = StatusCode::from_u16(status).ok();
    let last = status.filter(|it| !it.is_informational());
    last.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the delay of a wire, which only passes in real time"
)]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}
