//! Addresses: where we are reached, and where others are.

use std::net::SocketAddr;

use url::{Host, Url};
use web::client_address::TrustedProxies;

use super::{SettingError, shortened};

pub(super) fn trusted_proxies(text: &str) -> Result<TrustedProxies, SettingError> {
    TrustedProxies::parse(text).map_err(|err| {
        let what = format!("is no list of addresses and networks: {err}");
        SettingError::new("TRUSTED_PROXIES", what, "10.0.0.0/8,192.168.1.4")
    })
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, SettingError> {
    address("LISTEN", text, "127.0.0.1:8000")
}

/// None where it is empty.
pub(super) fn metrics_listen(text: &str) -> Result<Option<SocketAddr>, SettingError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    address("METRICS_LISTEN", text, "127.0.0.1:9464").map(Some)
}

fn address(name: &str, text: &str, example: &'static str) -> Result<SocketAddr, SettingError> {
    text.trim().parse().map_err(|_| {
        let what = format!("is {:?}, not an address and a port", shortened(text));
        SettingError::new(name, what, example)
    })
}

pub(super) fn base_url(text: &str, allow_plain_http: bool) -> Result<Url, SettingError> {
    const NAME: &str = "BASE_URL";
    const EXAMPLE: &str = "https://tformance.example.com";
    let url = origin(NAME, text, EXAMPLE)?;
    if url.scheme() == "http" && !is_loopback(&url) && !allow_plain_http {
        let what = "is plain http beyond this machine; use https, or say ALLOW_PLAIN_HTTP=true";
        return Err(SettingError::new(NAME, what, EXAMPLE));
    }
    Ok(url)
}

/// An http or https origin: no path, no query, no user.
pub(super) fn origin(name: &str, text: &str, example: &'static str) -> Result<Url, SettingError> {
    let refuse = |what: String| SettingError::new(name, what, example);
    let url = Url::parse(text.trim())
        .map_err(|err| refuse(format!("is {:?}, not a URL ({err})", shortened(text))))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refuse("must begin with https:// or http://".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("must not hold a user or a password".to_owned()));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(
            "must be an origin, without a path, query or fragment".to_owned(),
        ));
    }
    Ok(url)
}

/// Whether it names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
