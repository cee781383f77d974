//! Connections to the gateway: kept, shared, straight or through the system's proxy.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Uri, uri::Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::{
        legacy::{
            Client, ResponseFuture,
            connect::{HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::time::timeout;
use tower::Service;
use url::Url;

use super::{Body, BoxError};
use crate::{SetupError, transport::system_proxy};

/// A connection that was used by nobody for so long is closed: before the gateway does.
const IDLE: Duration = Duration::from_secs(45);

/// So many that are used by nobody are kept.
const KEPT: usize = 64;

/// How often a silent HTTP/2 connection is asked whether it still stands, and for how long.
const PING_EVERY: Duration = Duration::from_secs(20);

type Straight = Limited<HttpsConnector<HttpConnector>>;
type Through = Limited<HttpsConnector<Tunnel<HttpsConnector<HttpConnector>>>>;

/// The connections of a process to the one host.
pub(super) enum Pool {
    /// Of a gateway on this machine, or of a drill.
    Plain(Box<Client<Limited<HttpConnector>, Body>>),
    Straight(Box<Client<Straight, Body>>),
    Through(Box<Client<Through, Body>>),
}

impl Pool {
    /// Believes whom the system believes.
    pub(super) fn new(gateway: &Uri, connect: Duration) -> Result<Self, SetupError> {
        let tls = || ClientConfig::with_platform_verifier().map_err(SetupError::GatewayTls);
        Self::with_tls(gateway, connect, tls)
    }

    /// The same, and `tls` says whom to believe.
    pub(super) fn with_tls(
        gateway: &Uri,
        connect: Duration,
        tls: impl FnOnce() -> Result<ClientConfig, SetupError>,
    ) -> Result<Self, SetupError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_mins(1)));
        let proxy = proxy_to(gateway);
        if proxy.is_none() && gateway.scheme() == Some(&Scheme::HTTP) {
            return Ok(Self::Plain(Box::new(client().build(limited(tcp, connect)))));
        }
        let tls = tls()?;
        let straight = secured(&tls, tcp);
        let Some(proxy) = proxy else {
            let straight = limited(straight, connect);
            return Ok(Self::Straight(Box::new(client().build(straight))));
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), straight);
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let through = limited(secured(&tls, tunnel), connect);
        Ok(Self::Through(Box::new(client().build(through))))
    }

    pub(super) fn request(&self, request: Request<Body>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Straight(client) => client.request(request),
            Self::Through(client) => client.request(request),
        }
    }
}

fn client() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(KEPT)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_EVERY);
    builder
}

/// HTTP/2 where it is offered.
fn secured<C>(tls: &ClientConfig, inner: C) -> HttpsConnector<C> {
    HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(inner)
}

/// The system's proxy for the gateway, as our other calls go.
fn proxy_to(gateway: &Uri) -> Option<Intercept> {
    let url = Url::parse(&gateway.to_string()).ok()?;
    let proxy = system_proxy(&url)?;
    let except = ["NO_PROXY", "no_proxy"];
    let except = except.iter().find_map(|it| std::env::var(it).ok());
    let matcher = Matcher::builder()
        .all(proxy.to_string())
        .no(except.unwrap_or_default())
        .build();
    matcher.intercept(gateway)
}

/// Connects in time or not at all.
#[derive(Clone, Debug)]
pub(super) struct Limited<C> {
    inner: C,
    limit: Duration,
}

const fn limited<C>(inner: C, limit: Duration) -> Limited<C> {
    Limited { inner, limit }
}

impl<C> Service<Uri> for Limited<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, limit) = (self.inner.call(to), self.limit);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err("no connection in time".into()),
            }
        })
    }
}
