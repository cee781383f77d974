//! Who may use the control address: programs, and pages of its own. A page of another site that a
//! browser shows must neither change anything here nor, through a name of its own for this machine, read
//! what is kept here.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

use crate::{Site, control::refused};

pub(super) async fn check(State(site): State<Site>, req: Request, next: Next) -> Response {
    match complaint(&site, req.method(), req.headers()) {
        Some(why) => refused(StatusCode::FORBIDDEN, why),
        None => next.run(req).await,
    }
}

fn complaint(site: &Site, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let value = |name| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    let host = value(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let own_name = site.api_url.host_str().unwrap_or_default();
    if !["localhost", "127.0.0.1", own_name].contains(&name) {
        return Some("the control address is not known by this name");
    }
    if method.is_safe() {
        return None;
    }
    let is_cross_site = match (
        value(header::HeaderName::from_static("sec-fetch-site")),
        value(header::ORIGIN),
    ) {
        (Some(relation), _) => !matches!(relation, "same-origin" | "none"),
        (None, Some(origin)) => origin.strip_prefix("http://") != Some(host),
        // A program.
        (None, None) => false,
    };
    is_cross_site.then_some("requests from pages of other sites are refused")
}
