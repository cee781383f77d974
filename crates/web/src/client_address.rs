//! Where a request comes from: the peer, or what a proxy that we trust says of it.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    Router,
    extract::{ConnectInfo, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
    middleware::{self, Next},
};
use service::throttle::ClientAddress;

/// The proxies whose `X-Forwarded-For` counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

/// The text is no list of addresses and networks; it names the part that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network")]
pub struct NotANetwork(String);

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl TrustedProxies {
    /// Reads `10.0.0.1, 192.168.0.0/16, fd00::/8`; an empty text trusts nobody.
    ///
    /// # Errors
    ///
    /// [`NotANetwork`] for the first part that is neither an address nor a network.
    pub fn parse(text: &str) -> Result<Self, NotANetwork> {
        let parts = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        parts
            .map(Network::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|it| it.contains(ip))
    }

    /// The right-most address that is no proxy of ours: whatever stands left of it was written by the
    /// client, who can write anything.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return ClientAddress::of(peer);
        }
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        let mut last = peer;
        for hop in hops {
            // A hop that cannot be read: what stands left of it means nothing.
            let Some(ip) = address(hop.trim()) else {
                break;
            };
            last = ip;
            if !self.trusts(ip) {
                break;
            }
        }
        ClientAddress::of(last)
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, NotANetwork> {
        let bad = || NotANetwork(text.chars().take(60).collect());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| bad())?,
            None => longest,
        };
        if prefix > longest {
            return Err(bad());
        }
        Ok(Self { address, prefix })
    }

    fn contains(self, ip: IpAddr) -> bool {
        let (ours, theirs, bits) = match (self.address, ip) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (
                u128::from(u32::from(ours)),
                u128::from(u32::from(theirs)),
                32,
            ),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.into(), theirs.into(), 128),
            _ => return false,
        };
        let differing: u32 = bits - u32::from(self.prefix);
        // Shifting all bits away would overflow: then everything begins alike.
        (ours ^ theirs).checked_shr(differing).unwrap_or(0) == 0
    }
}

/// Some proxies write the port too, and IPv6 in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain
        .or_else(with_port)
        .or_else(in_brackets)
        .map(|it: IpAddr| it.to_canonical())
}

/// Finds the address of each request's client, for a server that knows its peers
/// (`into_make_service_with_connect_info`).
pub fn with_client_addresses(router: Router, proxies: TrustedProxies) -> Router {
    router.layer(middleware::from_fn(move |mut req: Request, next: Next| {
        let peer = req.extensions().get::<ConnectInfo<SocketAddr>>();
        let found = peer.map(|it| proxies.client(it.0.ip(), req.headers()));
        if let Some(found) = found {
            req.extensions_mut().insert(found);
        }
        next.run(req)
    }))
}

/// Where the request comes from, for the throttles; unknown where the server does not know its peers.
pub(crate) struct From(pub(crate) ClientAddress);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let found = parts.extensions.get::<ClientAddress>().copied();
        Ok(Self(found.unwrap_or(ClientAddress::UNKNOWN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(proxies: &str, peer: &str, forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let proxies = TrustedProxies::parse(proxies).unwrap();
        let got = proxies.client(peer.parse().unwrap(), &headers);
        assert_eq!(got, ClientAddress::of(expected.parse().unwrap()));
    }

    #[test]
    fn nobody_is_believed_but_the_proxies_that_are_named() {
        check("", "192.0.2.1", &["198.51.100.1"], "192.0.2.1");
        check("10.0.0.0/8", "192.0.2.1", &["198.51.100.1"], "192.0.2.1");
        check("10.0.0.0/8", "10.1.2.3", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", "10.0.0.2", &["198.51.100.1"], "10.0.0.2");
    }

    #[test]
    fn the_right_most_address_that_is_no_proxy_counts() {
        let proxies = "10.0.0.0/8, fd00::/8";
        check(
            proxies,
            "10.0.0.1",
            &["203.0.113.9, 198.51.100.1, 10.0.0.7"],
            "198.51.100.1",
        );
        check(
            proxies,
            "10.0.0.1",
            &["203.0.113.9", "198.51.100.1, fd00::1"],
            "198.51.100.1",
        );
        check(
            proxies,
            "::ffff:10.0.0.1",
            &["198.51.100.1:4711"],
            "198.51.100.1",
        );
        check(proxies, "10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1");
        check(
            proxies,
            "10.0.0.1",
            &["203.0.113.9, nonsense, 10.0.0.7"],
            "10.0.0.7",
        );
        check(proxies, "10.0.0.1", &[], "10.0.0.1");
        check("0.0.0.0/0", "10.0.0.1", &["198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn what_is_no_network_is_named() {
        for (text, part) in [
            ("10.0.0.1, proxy", "proxy"),
            ("10.0.0.0/33", "10.0.0.0/33"),
            ("::/x", "::/x"),
        ] {
            assert_eq!(
                TrustedProxies::parse(text),
                Err(NotANetwork(part.to_owned()))
            );
        }
        assert_eq!(TrustedProxies::parse(" , "), Ok(TrustedProxies::default()));
    }
}
