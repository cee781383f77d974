//! Who may use the control address: programs, and pages of its own. A page of another site that a
//! browser shows must neither change anything here nor, through a name of its own for this machine, read
//! what is kept here.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

use crate::{Site, control::refused};

pub(super) async fn check(State(site): State<Site>, req: Request, next: Next) -> Response {
    let own_name = site.api_url.host_str().unwrap_or_default();
    let names = ["localhost", "127.0.0.1", own_name];
    match complaint(&names, req.method(), req.headers()) {
        Some(why) => refused(StatusCode::FORBIDDEN, why),
        None => next.run(req).await,
    }
}

/// What there is against a request to an address that is known by `names`; the demo's own pages ask too.
pub fn complaint(names: &[&str], method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let value = |name| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    let host = value(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !names.contains(&name) {
        return Some("this address is not known by this name");
    }
    if method.is_safe() {
        return None;
    }
    let is_cross_site = match (
        value(HeaderName::from_static("sec-fetch-site")),
        value(header::ORIGIN),
    ) {
        (Some(relation), _) => !matches!(relation, "same-origin" | "none"),
        (None, Some(origin)) => origin.strip_prefix("http://") != Some(host),
        // A program: our own sender of webhooks, too.
        (None, None) => false,
    };
    is_cross_site.then_some("requests from pages of other sites are refused")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

    #[test]
    fn pages_of_other_sites_get_nothing_done() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let header = |(name, value): &(&'static str, &'static str)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            };
            pairs.iter().map(header).collect()
        };
        let here = ("host", "localhost:1");
        for (method, pairs, is_refused) in [
            (Method::GET, vec![here], false),
            (Method::GET, vec![("host", "evil.example:1")], true),
            (
                Method::GET,
                vec![here, ("sec-fetch-site", "cross-site")],
                false,
            ),
            (Method::POST, vec![here], false),
            (
                Method::POST,
                vec![here, ("sec-fetch-site", "same-origin")],
                false,
            ),
            (
                Method::POST,
                vec![here, ("sec-fetch-site", "same-site")],
                true,
            ),
            (
                Method::POST,
                vec![here, ("origin", "http://localhost:1")],
                false,
            ),
            (
                Method::POST,
                vec![here, ("origin", "http://localhost:2")],
                true,
            ),
            (Method::POST, vec![here, ("origin", "null")], true),
        ] {
            let refused = complaint(&NAMES, &method, &headers(&pairs));
            assert_eq!(refused.is_some(), is_refused, "{method} {pairs:?}");
        }
    }
}
