//! The script of failures to come: consumed in order, each by the next request to its endpoint.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::serving::cut;

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /oauth/token`.
    Token,
    /// `GET /oauth/token/accessible-resources`.
    Resources,
    /// `GET …/myself`.
    Myself,
    /// `GET …/serverInfo`.
    ServerInfo,
    /// `GET …/project/search`.
    ProjectSearch,
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
    /// A page of somebody's proxy, nothing done.
    HtmlWith200,
    /// Everything is done, and the JSON is cut in the middle.
    TruncatedJson,
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
    }

    pub(crate) fn pending(&self) -> usize {
        self.next.values().map(VecDeque::len).sum()
    }

    fn take(&mut self, on: Endpoint) -> Option<Step> {
        let scripted = self.next.get_mut(&on).and_then(VecDeque::pop_front);
        scripted.or_else(|| self.always.get(&on).cloned().map(Step::Fault))
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
        let step = self.lock().script.take(on);
        match step {
            None => Verdict::Go,
            Some(Step::Hold(held)) => {
                held.wait().await;
                Verdict::Go
            }
            Some(Step::Fault(fault)) => before(fault).await,
        }
    }
}

async fn before(fault: Fault) -> Verdict {
    Verdict::Instead(match fault {
        Fault::Status(status) => status_of(status).into_response(),
        Fault::StatusWithRetryAfter(status, wait) => {
            (status_of(status), [(header::RETRY_AFTER, wait)]).into_response()
        }
        Fault::DelayMillis(millis) => {
            pause(Duration::from_millis(millis)).await;
            return Verdict::Go;
        }
        Fault::DropBeforeRotation => cut(),
        Fault::HtmlWith200 => (
            [(header::CONTENT_TYPE, "text/html")],
            "<html><body>Sign in</body></html>",
        )
            .into_response(),
        Fault::HugeBody(bytes) => (
            [(header::CONTENT_TYPE, "application/json")],
            vec![b' '; bytes],
        )
            .into_response(),
        Fault::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Fault::Hang => std::future::pending().await,
        spoiling @ (Fault::DropAfterRotation
        | Fault::TruncatedJson
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

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the delay of a wire, which only passes in real time"
)]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}
