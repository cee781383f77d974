//! What goes along with a call, and what comes back with its answer.
//!
//! Out goes what is named here and nothing else: no credentials, no cookies, nothing of ours, nothing about where
//! the call came from, nothing that makes another method of it. Back comes everything but what belongs to a
//! connection or speaks for a whole host.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
    middleware::Next,
};
use service::proxy::AnswerBody;

use super::links::Links;
use crate::layers::CONTENT_SECURITY_POLICY;

/// Whose answer it is: `upstream` or `self`.
const SOURCE: HeaderName = HeaderName::from_static("tformance-source");

/// What is passed on to the gateway. `Content-Length` goes with the body.
const PASSED_ON: [HeaderName; 22] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::PRAGMA,
    header::RANGE,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("prefer"),
    // Jira's own: against forged requests, for what is experimental, for the language, for accounts by id.
    HeaderName::from_static("x-atlassian-token"),
    HeaderName::from_static("x-experimentalapi"),
    HeaderName::from_static("x-force-accept-language"),
    HeaderName::from_static("x-atlassian-force-account-id"),
    HeaderName::from_static("x-requested-with"),
];

/// What belongs to one connection (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What would speak for our host, or for everything that a caller does there; ours stand in its place.
const FOR_A_HOST: [HeaderName; 28] = [
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::ALT_SVC,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
    header::PUBLIC_KEY_PINS,
    header::REFERRER_POLICY,
    header::REFRESH,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("cross-origin-embedder-policy"),
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderName::from_static("cross-origin-resource-policy"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("origin-agent-cluster"),
    HeaderName::from_static("permissions-policy"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
    HeaderName::from_static("service-worker-allowed"),
    HeaderName::from_static("set-cookie2"),
    // Under this name an answer has ours.
    HeaderName::from_static("x-request-id"),
];

/// The names that `Connection`, however often it stands there, has made part of the connection.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter();
    let names = values.flat_map(|it| it.as_bytes().split(|it| *it == b','));
    names
        .filter_map(|it| HeaderName::from_bytes(it.trim_ascii()).ok())
        .collect()
}

/// What goes along with a call.
pub(super) fn to_the_gateway(from: &HeaderMap, links: Links) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(from.len() + 2);
    let of_the_connection = named_by_connection(from);
    for name in PASSED_ON {
        if of_the_connection.contains(&name) {
            continue;
        }
        for value in from.get_all(&name) {
            passed.append(name.clone(), value.clone());
        }
    }
    if links == Links::Ours {
        // What is compressed cannot be read on the way.
        let plain = HeaderValue::from_static("identity");
        passed.insert(header::ACCEPT_ENCODING, plain);
    }
    passed
}

/// What comes back with an answer of the gateway.
pub(super) fn to_the_caller(from: Response<AnswerBody>) -> Response<AnswerBody> {
    let (parts, body) = from.into_parts();
    let mut headers = parts.headers;
    for name in named_by_connection(&headers) {
        headers.remove(name);
    }
    for name in HOP_BY_HOP.iter().chain(&FOR_A_HOST) {
        headers.remove(name);
    }
    let ours = [
        (SOURCE, "upstream"),
        (header::CONTENT_SECURITY_POLICY, "sandbox"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in ours {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Version and extensions are those of another connection.
    let mut answer = Response::new(body);
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = headers;
    answer
}

/// Says of an answer that the gateway did not give it.
pub(crate) async fn answered_by_us(req: Request, next: Next) -> Response<Body> {
    let mut answer = next.run(req).await;
    let headers = answer.headers_mut();
    if !headers.contains_key(SOURCE) {
        headers.insert(SOURCE, HeaderValue::from_static("self"));
        let policy = format!("{CONTENT_SECURITY_POLICY}; sandbox");
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = of.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn out_goes_what_is_named_and_nothing_else() {
        let from = headers(&[
            ("accept", "application/json"),
            ("accept", "text/plain"),
            ("if-none-match", "\"x\""),
            ("range", "bytes=0-9"),
            ("x-atlassian-token", "no-check"),
            ("authorization", "Bearer tfk_x"),
            ("cookie", "tformance_session=x"),
            ("host", "ours"),
            ("connection", "keep-alive, Range, x-own"),
            ("x-own", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "chunked"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-host", "evil.example"),
            ("x-real-ip", "1.2.3.4"),
            ("via", "1.1 x"),
            ("x-http-method-override", "DELETE"),
            ("x-method-override", "DELETE"),
            ("x-http-method", "DELETE"),
            ("x-original-url", "/x"),
            ("x-rewrite-url", "/x"),
            ("origin", "https://evil.example"),
            ("referer", "https://evil.example"),
            ("user-agent", "curl"),
            ("tformance-links", "proxy"),
            ("expect", "100-continue"),
        ]);
        let expected = headers(&[
            ("accept", "application/json"),
            ("accept", "text/plain"),
            ("if-none-match", "\"x\""),
            ("x-atlassian-token", "no-check"),
        ]);
        assert_eq!(to_the_gateway(&from, Links::AsTheyAre), expected);
        let plain = to_the_gateway(&from, Links::Ours);
        assert_eq!(plain[header::ACCEPT_ENCODING], "identity");
    }
}
