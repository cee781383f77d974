//! One way out: time-outs, a size limit, no redirects, spans without secrets.

use std::{net::IpAddr, sync::Arc, time::Duration};

use reqwest::{Client, NoProxy, Proxy, Response, StatusCode, header::HeaderMap, redirect::Policy};
use url::Url;
use zeroize::Zeroizing;

use crate::before_send::{Look, LookLayer};

/// No answer that we read is larger.
pub(crate) const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For a whole exchange at the token endpoint, which is slow at times.
    pub token: Duration,
    /// For any other whole call.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            token: Duration::from_mins(1),
            call: Duration::from_secs(15),
        }
    }
}

/// Two clients: one that opens a connection for each token exchange, one that keeps them.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    pub(crate) token: Client,
    pub(crate) call: Client,
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
                .user_agent(concat!("tformance/", env!("CARGO_PKG_VERSION")))
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
        })
    }
}

fn system_proxy(url: &Url) -> Option<Url> {
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

/// Sends and reads the whole answer, up to the limit.
pub(crate) async fn send(
    operation: &'static str,
    request: reqwest::RequestBuilder,
) -> Result<Answer, Lost> {
    let result = match request.header("accept", "application/json").send().await {
        Ok(response) => read(response).await,
        Err(err) if err.is_connect() || err.is_builder() => Err(Lost::NotSent),
        Err(_) => Err(Lost::Sent),
    };
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

/// As [`send`], with a last look before the first byte. Without its leave nothing was sent, whatever
/// else went wrong.
pub(crate) async fn send_after(
    operation: &'static str,
    request: reqwest::RequestBuilder,
    look: &Arc<Look>,
) -> Result<Answer, Lost> {
    match look.around(send(operation, request)).await {
        Err(_) if !look.has_passed() => Err(Lost::NotSent),
        result => result,
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
