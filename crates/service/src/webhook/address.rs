//! Addresses that are not of the public internet, for operators who forbid them: judged by the address that
//! is connected to, never by the name, which may lead elsewhere a moment later.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name led inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is not of the public internet")
    }
}

impl std::error::Error for PrivateAddress {}

/// Looks names up, and refuses those of which any address is inside. The connection is made to what was
/// looked at here: nobody asks the name again.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if found.iter().any(|it| is_inside(it.ip())) {
                return Err(PrivateAddress.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is of this machine, of a private network, of the services that clouds show to their
/// machines, or of no host at all.
pub(super) fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_inside_v4(ip),
        IpAddr::V6(ip) => is_inside_v6(ip),
    }
}

#[expect(
    clippy::match_same_arms,
    reason = "each line is a group with its reason"
)]
fn is_inside_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    match (a, b) {
        // "This" network, private, loopback, link-local (with the metadata of most clouds).
        (0 | 10 | 127, _) | (172, 16..=31) | (192, 168) | (169, 254) => true,
        // Carriers' own (RFC 6598), where some clouds have their metadata; benchmarks (RFC 2544).
        (100, 64..=127) | (198, 18 | 19) => true,
        // Protocols' own, documentation, relays of 6to4 (RFC 6890).
        (192, 0) => c == 0 || c == 2,
        (192, 88) => c == 99,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        // Azure's, the same for all of its machines.
        (168, 63) => ip.octets() == [168, 63, 129, 16],
        // Multicast, reserved, broadcast.
        (224..=255, _) => true,
        _ => false,
    }
}

fn is_inside_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // An IPv4 address in other clothes: mapped, compatible, translated (RFC 6052), 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_inside_v4(v4(high, low))
        }
        [0x2002, high, low, ..] => is_inside_v4(v4(high, low)),
        // Teredo, documentation, ORCHID: none is a server's.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => true,
        // All other global addresses begin with the bits 001.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_known_in_all_its_forms() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_inside(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_outside_is_left_alone() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "100.63.255.255",
            "100.128.0.1",
            "168.63.129.17",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
        ] {
            assert!(!is_inside(text.parse().unwrap()), "{text}");
        }
    }
}
