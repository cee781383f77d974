//! One way out: time-outs, a size limit, no redirects, spans without secrets.

use std::{
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{
    Client, NoProxy, Proxy, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, HeaderValue},
    redirect::Policy,
};
use url::Url;
use zeroize::Zeroizing;

use crate::before_send::{Look, LookLayer};

/// No answer that we read is larger.
pub(crate) const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// What we say we are.
pub(crate) const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tformance/", env!("CARGO_PKG_VERSION")));

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For a whole exchange at the token endpoint, which is slow at times.
    pub token: Duration,
    /// For any other whole call.
    pub call: Duration,
    /// For the head of an answer to a call that is passed on, since its body last moved.
    pub answer: Duration,
    /// For the next piece of a body that is passed on.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            token: Duration::from_mins(1),
            call: Duration::from_secs(15),
            answer: Duration::from_mins(1),
            idle: Duration::from_mins(1),
        }
    }
}

/// Is told how long each answer took; a call that got none counts too.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Of which call, and how long it took.
    fn answered(&self, operation: &'static str, took: Duration);

    /// An answer that was passed on broke off.
    fn broke_off(&self) {}
}

#[derive(Debug)]
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn answered(&self, _: &'static str, _: Duration) {}
}

/// Two clients: one that opens a connection for each token exchange, one that keeps them.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    pub(crate) token: Client,
    pub(crate) call: Client,
    pub(crate) observer: Arc<dyn Observer>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// May hold tokens: wiped when dropped.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// No whole answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The request was not sent: no address, no connection, no TLS.
    NotSent,
    /// It was sent; what became of it is not known.
    Sent,
    /// The answer was larger than anything that is meant for us; only its status is known.
    TooLarge(StatusCode),
}

impl Transport {
    pub(crate) fn new(timeouts: Timeouts) -> Result<Self, reqwest::Error> {
        let base = || {
            Client::builder()
                .user_agent(USER_AGENT)
                .redirect(Policy::none())
                .connect_timeout(timeouts.connect)
                .http1_only()
                // The system's proxy, except to this machine.
                .proxy(Proxy::custom(system_proxy).no_proxy(NoProxy::from_env()))
        };
        Ok(Self {
            // A fresh connection each: a kept one may be dead, and then nobody knows whether the
            // request, which spends the old token, has arrived.
            token: base()
                .timeout(timeouts.token)
                .pool_max_idle_per_host(0)
                .connector_layer(LookLayer)
                // What we gave up must not arrive later.
                .tcp_user_timeout(timeouts.token)
                .build()?,
            call: base().timeout(timeouts.call).build()?,
            observer: Arc::new(Nobody),
        })
    }
}

/// The proxy that the system has for other machines.
pub(crate) fn system_proxy(url: &Url) -> Option<Url> {
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(url::Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => true,
    };
    if is_here {
        return None;
    }
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    names
        .iter()
        .find_map(|name| std::env::var(name).ok()?.parse().ok())
}

impl Transport {
    /// Sends and reads the whole answer, up to the limit.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Answer, Lost> {
        let begun = Instant::now();
        let result = match request.header("accept", "application/json").send().await {
            Ok(response) => read(response).await,
            Err(err) if err.is_connect() || err.is_builder() => Err(Lost::NotSent),
            Err(_) => Err(Lost::Sent),
        };
        self.observer.answered(operation, begun.elapsed());
        match &result {
            Ok(answer) => tracing::debug!(
                operation,
                status = answer.status.as_u16(),
                "Atlassian answered"
            ),
            Err(lost) => tracing::info!(operation, ?lost, "no answer from Atlassian"),
        }
        result
    }

    /// As [`Transport::send`], with a last look before the first byte. Without its leave nothing was
    /// sent, whatever else went wrong.
    pub(crate) async fn send_after(
        &self,
        operation: &'static str,
        request: RequestBuilder,
        look: &Arc<Look>,
    ) -> Result<Answer, Lost> {
        match look.around(self.send(operation, request)).await {
            Err(_) if !look.has_passed() => Err(Lost::NotSent),
            result => result,
        }
    }
}

async fn read(mut response: Response) -> Result<Answer, Lost> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match response.chunk().await {
            Ok(None) => {
                return Ok(Answer {
                    status,
                    headers,
                    body,
                });
            }
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_LIMIT_BYTES => body.extend(&chunk),
            Ok(Some(_)) => return Err(Lost::TooLarge(status)),
            // The status alone tells nothing of a body that was cut.
            Err(_) => return Err(Lost::Sent),
        }
    }
}
