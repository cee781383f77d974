//! Calls of others to the gateway, passed on as they come: streamed both ways, never read whole.
//!
//! Unlike our own calls these go over hyper, which sends an address as it was written; reqwest would tidy it.
//! Connections are kept and shared, HTTP/2 where the gateway offers it. There is a limit to how long the other
//! side may be silent, none to how long a call takes. Redirects are answers like others, and nothing that is
//! passed on is decompressed.

use std::{borrow::Cow, fmt, io::Read as _, sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{jira_path::JiraPath, text::CloudId};
use flate2::read::GzDecoder;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
    uri::{Authority, InvalidUri, PathAndQuery, Scheme},
};
use http_body::Body as _;
use http_body_util::Full;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use crate::{Atlassian, Observer, SetupError, Timeouts, jira::says};
use body::Progress;
pub use body::{AnswerBody, Body, BoxError, BrokeOff, CallersFault, body};
use connecting::Pool;

mod body;
mod connecting;

/// Under this name the time to an answer is told.
const OPERATION: &str = "proxy";

/// Where a call goes: below one site of the gateway, and nowhere else.
#[derive(Clone, Debug)]
pub struct Target(Uri);

/// A path and query that make no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path and query make no address below the site")]
pub struct NoTarget;

/// A call, once for each time that it is sent.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The headers that are passed on.
    pub headers: HeaderMap,
    /// The body.
    pub body: Sending,
}

/// A body on its way out.
#[derive(Debug)]
pub enum Sending {
    /// All of it is here.
    Whole(Bytes),
    /// It comes in pieces.
    Stream(Body),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// The gateway could not be reached; not a byte was sent.
    #[error("the gateway cannot be reached")]
    NotSent,
    /// The connection ended before an answer; what was sent may have been done.
    #[error("the connection ended before an answer")]
    Lost,
    /// No answer for longer than anybody waits; what was sent may have been done.
    #[error("no answer for too long")]
    Slow,
    /// The body that was to be sent did not come whole.
    #[error("the body did not come whole")]
    Body(CallersFault),
}

/// What a refusal says beside its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token is good and lacks a scope. A refresh would not help.
    ScopeMissing,
    /// The site does not let the app in.
    NotInstalled,
    /// Anything else.
    Other,
}

impl Refusal {
    /// Of an answer's headers and its body, or the beginning of that.
    pub fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let body = &*plain(headers, body);
        if says(body, "scope does not match") {
            Self::ScopeMissing
        } else if says(body, "not installed on this instance") {
            Self::NotInstalled
        } else {
            Self::Other
        }
    }
}

/// A refusal says no more than fits here.
const LONGEST_REFUSAL: u64 = 64 * 1024;

/// What was compressed as most clients allow it: a refusal is read, whoever asked.
fn plain<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    let is_gzip = |it: &HeaderValue| it.as_bytes().eq_ignore_ascii_case(b"gzip");
    if !headers.get(header::CONTENT_ENCODING).is_some_and(is_gzip) {
        return body.into();
    }
    let mut inflated = Vec::new();
    // As much as is there: what broke off is no refusal that we know.
    let _whole = GzDecoder::new(body)
        .take(LONGEST_REFUSAL)
        .read_to_end(&mut inflated);
    inflated.into()
}

/// The way to the gateway. Made once a process.
pub(crate) struct Gateway {
    scheme: Scheme,
    authority: Authority,
    /// Before `/ex/jira/…`: nothing, as a rule.
    base_path: String,
    pool: Pool,
    timeouts: Timeouts,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    pub(crate) fn new(api_url: &Url, timeouts: Timeouts) -> Result<Self, SetupError> {
        let uri: Uri = api_url
            .as_str()
            .parse()
            .map_err(|_| SetupError::GatewayUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(SetupError::GatewayUrl);
        };
        Ok(Self {
            scheme: scheme.clone(),
            authority: authority.clone(),
            base_path: api_url.path().trim_end_matches('/').to_owned(),
            pool: Pool::new(&uri, timeouts.connect)?,
            timeouts,
        })
    }

    fn target(
        &self,
        site: &CloudId,
        path: JiraPath<'_>,
        query: Option<&str>,
    ) -> Result<Target, NoTarget> {
        let (site, path) = (site.as_str(), path.as_str());
        let parts = [&*self.base_path, "/ex/jira/", site, "/", path];
        let path_length: usize = parts.iter().map(|it| it.len()).sum();
        let mut text = String::with_capacity(path_length + query.map_or(0, |it| it.len() + 1));
        for part in parts {
            text.push_str(part);
        }
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        let whole = text.len();
        let path_and_query: Result<PathAndQuery, InvalidUri> =
            PathAndQuery::from_maybe_shared(Bytes::from(text));
        let path_and_query = path_and_query.map_err(|_| NoTarget)?;
        // Nothing was cut off or read in another way.
        if path_and_query.as_str().len() != whole || path_and_query.path().len() != path_length {
            return Err(NoTarget);
        }
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(path_and_query);
        Uri::from_parts(uri).map(Target).map_err(|_| NoTarget)
    }

    /// Sends a call and waits for the head of its answer.
    async fn pass_on(
        &self,
        access: &SecretString,
        target: &Target,
        call: Call,
        observer: &Arc<dyn Observer>,
    ) -> Result<Response<AnswerBody>, PassError> {
        let progress = Progress::begin();
        let length = length_to_tell(&call);
        let body = match call.body {
            Sending::Whole(bytes) => body(Full::new(bytes)),
            Sending::Stream(stream) => {
                body::watched(stream, Arc::clone(&progress), self.timeouts.idle)
            }
        };
        let is_head = call.method == Method::HEAD;
        let mut request = Request::new(body);
        *request.method_mut() = call.method;
        *request.uri_mut() = target.0.clone();
        *request.headers_mut() = call.headers;
        if let Some((name, value)) = length {
            request.headers_mut().insert(name, value);
        }
        request
            .headers_mut()
            .insert(header::USER_AGENT, crate::transport::USER_AGENT);
        let Some(bearer) = bearer(access) else {
            return Err(PassError::NotSent);
        };
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let mut answering = self.pool.request(request);
        let begun = Instant::now();
        let answered = loop {
            let deadline = || progress.answer_expected_since() + self.timeouts.answer;
            match timeout_at(deadline(), &mut answering).await {
                Ok(answered) => break answered,
                Err(_) if Instant::now() < deadline() => {}
                Err(_) => {
                    observer.answered(OPERATION, begun.elapsed());
                    tracing::info!("no answer from the gateway for too long");
                    return Err(PassError::Slow);
                }
            }
        };
        observer.answered(OPERATION, begun.elapsed());
        match answered {
            Ok(answer) => {
                let is_of_head = is_head || answer.status() == StatusCode::NOT_MODIFIED;
                let (idle, observer) = (self.timeouts.idle, Arc::clone(observer));
                Ok(answer.map(|it| AnswerBody::new(it, is_of_head, idle, observer)))
            }
            Err(err) => {
                if let Some(fault) = progress.fault() {
                    return Err(PassError::Body(fault));
                }
                let cause = std::error::Error::source(&err);
                tracing::info!(error = %err, ?cause, "no answer from the gateway");
                Err(if err.is_connect() {
                    PassError::NotSent
                } else {
                    PassError::Lost
                })
            }
        }
    }
}

/// What hyper leaves out over HTTP/1.1: that there is no body where one is usual, and that there is one of unknown
/// length where none is (RFC 9112, 6.3). HTTP/2 has no need of it, and hyper takes it off.
fn length_to_tell(call: &Call) -> Option<(header::HeaderName, HeaderValue)> {
    let is_usual = [Method::POST, Method::PUT, Method::PATCH].contains(&call.method);
    match &call.body {
        Sending::Whole(bytes) => (bytes.is_empty() && is_usual)
            .then(|| (header::CONTENT_LENGTH, HeaderValue::from_static("0"))),
        Sending::Stream(stream) => stream.size_hint().exact().is_none().then(|| {
            let chunked = HeaderValue::from_static("chunked");
            (header::TRANSFER_ENCODING, chunked)
        }),
    }
}

/// What is sent to the gateway, and shown to nobody.
fn bearer(access: &SecretString) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {}", access.expose_secret()));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Atlassian {
    /// Where a call of a site goes.
    ///
    /// # Errors
    ///
    /// [`NoTarget`] if path and query make no address.
    pub fn target(
        &self,
        site: &CloudId,
        path: JiraPath<'_>,
        query: Option<&str>,
    ) -> Result<Target, NoTarget> {
        self.gateway.target(site, path, query)
    }

    /// Passes a call on. It is sent once, and cancelled when the caller goes.
    ///
    /// # Errors
    ///
    /// [`PassError`].
    pub async fn pass_on(
        &self,
        access: &SecretString,
        target: &Target,
        call: Call,
    ) -> Result<Response<AnswerBody>, PassError> {
        let observer = &self.transport.observer;
        self.gateway.pass_on(access, target, call, observer).await
    }

    /// So long a body may stand still on its way in.
    pub const fn patience_with_bodies(&self) -> Duration {
        self.settings.timeouts.idle
    }
}

#[cfg(test)]
mod tests;
