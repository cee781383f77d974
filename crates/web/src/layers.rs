//! What every request goes through, from the outside in, and why in this order.
//!
//! 1. Request id: ours, made anew; what a caller sends is not believed. Everything after it can name it.
//! 2. Span and one line a request: method, route, status, time. Never the query, which holds `code`
//!    and `state` at the callback.
//! 3. Security headers, on errors too.
//! 4. Compression, but of what is passed on from Jira, which comes as it was answered, and of what services are
//!    answered: a token hardly gets smaller, and the time that it takes is theirs.
//! 5. Problems become pages, or documents around what programs ask for; inside the headers, outside all that can refuse.
//! 6. Panics become problems.
//! 7. Time limit, limits of address, headers and body; what is passed on to Jira has the second and third alone.
//! 8. Origin check of unsafe requests of pages (CSRF), scheme and all, before any handler.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Response, header, request::Parts},
    middleware::{self, Next},
    response::IntoResponse,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    csrf::{CsrfLayer, ProtectionError, ResponseForProtectionError},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    trace::TraceLayer,
};
use tracing::Span;

use crate::{App, problem::Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// No form of ours is larger.
const BODY_LIMIT_BYTES: usize = 64 * 1024;

/// A state has a few hundred bytes and a code about a thousand; more is no address of ours.
const ADDRESS_LIMIT_BYTES: usize = 16 * 1024;

/// What browsers and proxies send is a third of that. What has 100 headers or 96 KiB does not come so far: the
/// server refuses it without a body (`crates/app/src/http.rs`).
const MOST_HEADERS: usize = 64;
const HEADERS_LIMIT_BYTES: usize = 32 * 1024;

/// Everything from here, nothing inline, nothing of others, in no frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// The same without `form-action`, for pages with a form that ends at Atlassian: Chromium applies it
/// to every hop of the redirect chain, and the button would be dead.
pub(crate) const POLICY_WITH_WAY_OUT: &str = "default-src 'none'; style-src 'self'; \
     script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Puts all layers around the routes.
pub(crate) fn around(
    app: &App,
    pages: Router<App>,
    api: Router<App>,
    proxy: Router<App>,
    others: Router<App>,
) -> Router<App> {
    let pages = pages.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state(
                app.clone(),
                crate::problem::as_page,
            ))
            .layer(CatchPanicLayer::custom(|_| {
                Problem::broken().into_response()
            }))
            .layer(middleware::from_fn_with_state(app.clone(), limit_time))
            .layer(middleware::from_fn(limit_head))
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
            .layer(middleware::from_fn_with_state(app.clone(), other_scheme))
            .layer(csrf(app)),
    );
    // No origin is asked for: a browser sends no key by itself.
    let api = api.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state(
                app.clone(),
                crate::problem::as_document,
            ))
            .layer(CatchPanicLayer::custom(|_| {
                Problem::broken_for_programs().into_response()
            }))
            .layer(middleware::from_fn_with_state(app.clone(), limit_time))
            .layer(middleware::from_fn(limit_head))
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES)),
    );
    let others = others.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state(
                app.clone(),
                crate::problem::as_document,
            ))
            .layer(middleware::from_fn(limit_head)),
    );
    // What is passed on flows through: nothing is read whole, and it has times of its own. What the gateway
    // answered is not compressed either.
    let proxy = proxy.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn(crate::api::proxy::answered_by_us))
            .layer(middleware::from_fn_with_state(
                app.clone(),
                crate::problem::as_document,
            ))
            .layer(CatchPanicLayer::custom(|_| {
                Problem::broken_for_programs().into_response()
            }))
            .layer(middleware::from_fn(limit_head)),
    );
    let compressed = pages.merge(others).layer(CompressionLayer::new());
    let is_https = app.settings.base_url.scheme() == "https";
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    compressed.merge(api).merge(proxy).layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn(forget_callers_id))
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(
                TraceLayer::new_for_http()
                    .make_span_with(span)
                    .on_request(())
                    .on_response(on_response)
                    .on_failure(()),
            )
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(header(
                header::CONTENT_SECURITY_POLICY,
                CONTENT_SECURITY_POLICY,
            ))
            .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
            .layer(header(header::REFERRER_POLICY, "same-origin"))
            .layer(header(
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ))
            .layer(header(
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ))
            .layer(header(header::X_FRAME_OPTIONS, "DENY"))
            .layer(header(header::CACHE_CONTROL, "no-store"))
            .option_layer(
                is_https.then(|| header(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000")),
            ),
    )
}

/// The reference that a person can tell and an operator can search the log for.
pub(crate) fn request_id(req: &Request) -> String {
    let id = req.extensions().get::<RequestId>();
    id.and_then(|it| it.header_value().to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

async fn forget_callers_id(mut req: Request, next: Next) -> Response<Body> {
    req.headers_mut().remove(REQUEST_ID);
    next.run(req).await
}

async fn limit_time(State(app): State<App>, mut req: Request, next: Next) -> Response<Body> {
    let time = TimeUp::default();
    req.extensions_mut().insert(time.clone());
    // Dropped at the end of this function, when it can see why.
    let answering = pin!(next.run(req));
    let answer = tokio::time::timeout(app.settings.answer_time, answering).await;
    answer.unwrap_or_else(|_| {
        time.0.store(true, Ordering::Relaxed);
        Problem::too_slow().into_response()
    })
}

/// Whether the time for a request is up. What is dropped unfinished asks this: else its caller has left.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeUp(Arc<AtomicBool>);

impl TimeUp {
    pub(crate) fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl FromRequestParts<App> for TimeUp {
    type Rejection = Infallible;

    /// Without a limit around the route it is never up.
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Refuses addresses and headers that no request of ours has.
async fn limit_head(req: Request, next: Next) -> Response<Body> {
    let address = req.uri().path_and_query();
    if address.is_some_and(|it| it.as_str().len() > ADDRESS_LIMIT_BYTES) {
        return Problem::address_too_long().into_response();
    }
    let headers = req.headers();
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    if headers.len() > MOST_HEADERS || sizes.sum::<usize>() > HEADERS_LIMIT_BYTES {
        return Problem::headers_too_large().into_response();
    }
    next.run(req).await
}

/// What is read of a request's body, if it comes in time.
///
/// # Errors
///
/// [`Problem::body_too_slow`].
pub(crate) async fn in_time<T>(app: &App, reading: impl Future<Output = T>) -> Result<T, Problem> {
    let limit = app.settings.body_time;
    let read = tokio::time::timeout(limit, reading).await;
    read.map_err(|_| Problem::body_too_slow())
}

/// Refuses what [`csrf`] lets through where a browser sends no `Sec-Fetch-Site`: it compares the host of
/// `Origin` alone, and a page at `http://` our host is none of ours where ours are at `https://`.
async fn other_scheme(State(app): State<App>, req: Request, next: Next) -> Response<Body> {
    let headers = req.headers();
    let origin = headers
        .get(header::ORIGIN)
        .filter(|_| !req.method().is_safe() && !headers.contains_key("sec-fetch-site"));
    let has_our_scheme = |it: &HeaderValue| {
        let text = it.as_bytes();
        let rest = text.strip_prefix(app.settings.base_url.scheme().as_bytes());
        rest.is_some_and(|it| it.starts_with(b"://"))
    };
    if origin.is_some_and(|it| !has_our_scheme(it)) {
        return Problem::cross_site().into_response();
    }
    next.run(req).await
}

/// Refuses unsafe requests of other sites, by `Sec-Fetch-Site` or `Origin`.
fn csrf(app: &App) -> CsrfLayer<impl ResponseForProtectionError<Body> + use<>> {
    let refuse = |_: ProtectionError| Problem::cross_site().into_response();
    // Behind a proxy that rewrites `Host` our own origin must still be known as ours.
    let origin = app.settings.base_url.origin().ascii_serialization();
    match CsrfLayer::new().add_trusted_origin(&origin) {
        Ok(layer) => layer.with_rejection_response(refuse),
        Err(err) => {
            tracing::error!(error = ?err, "BASE_URL is no origin for the CSRF check");
            CsrfLayer::new().with_rejection_response(refuse)
        }
    }
}

fn span(req: &Request) -> Span {
    let route = req
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)", MatchedPath::as_str);
    tracing::info_span!(
        "request",
        request_id = %request_id(req),
        method = %req.method(),
        route,
    )
}

fn on_response<B>(res: &Response<B>, took: Duration, _: &Span) {
    let status = res.status().as_u16();
    tracing::info!(status, took_ms = took.as_millis(), "answered");
}
