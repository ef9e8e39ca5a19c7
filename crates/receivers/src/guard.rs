//! Which addresses are connected to: a name is resolved once, its addresses are judged, and exactly those are used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// What an address is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Public,
    /// This machine or a network of one's own.
    Private,
    /// Never a receiver: metadata of clouds, link-local, multicast and what is no host.
    Never,
}

// Services of clouds that tell secrets of the machine to whoever asks from it, beyond 169.254.0.0/16.
const METADATA_V4: [Ipv4Addr; 2] = [
    // Alibaba Cloud.
    Ipv4Addr::new(100, 100, 100, 200),
    // Oracle Cloud.
    Ipv4Addr::new(192, 0, 0, 192),
];
/// AWS, over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

pub(crate) fn place(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => match inner_v4(address) {
            Some(inner) => place_v4(inner),
            None => place_v6(address),
        },
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    let [a, b, ..] = address.octets();
    if address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || METADATA_V4.contains(&address)
        // 0.0.0.0/8 is this machine to some systems, 240.0.0.0/4 is reserved.
        || a == 0
        || a >= 240
    {
        return Place::Never;
    }
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (18..20).contains(&b);
    if address.is_loopback() || address.is_private() || shared || benchmark {
        return Place::Private;
    }
    Place::Public
}

fn place_v6(address: Ipv6Addr) -> Place {
    if address.is_unspecified()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address == METADATA_V6
    {
        return Place::Never;
    }
    let [first, ..] = address.segments();
    // fec0::/10 were site-local addresses once.
    if address.is_loopback() || address.is_unique_local() || first & 0xffc0 == 0xfec0 {
        return Place::Private;
    }
    Place::Public
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64 and 6to4.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let [first, second] = high.to_be_bytes();
        let [third, fourth] = low.to_be_bytes();
        Ipv4Addr::new(first, second, third, fourth)
    };
    match (a, b) {
        // ::1 and :: are addresses of their own.
        (0, 0) if [c, d, e, f, g] == [0; 5] && h < 2 => None,
        (0, 0) if [c, d, e] == [0; 3] && (f == 0 || f == 0xffff) => Some(v4(g, h)),
        (0x64, 0xff9b) => Some(v4(g, h)),
        (0x2002, _) => Some(v4(b, c)),
        _ => None,
    }
}

/// Why an address is not connected to, or nothing.
pub(crate) fn refusal(address: IpAddr, allow_private: bool) -> Option<String> {
    match place(address) {
        Place::Public => None,
        Place::Private if allow_private => None,
        Place::Private => Some(format!(
            "`{address}` is an address of a private network\nhint: set `allow_private: true` where this receiver is meant to be there"
        )),
        Place::Never => Some(format!(
            "`{address}` is never connected to: link-local, metadata of a cloud, multicast, or no host"
        )),
    }
}

/// The addresses that may be connected to; where none is, why.
pub(crate) fn allowed(
    addresses: impl IntoIterator<Item = SocketAddr>,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, String> {
    let mut good = Vec::new();
    let mut why = None;
    for address in addresses {
        match refusal(address.ip(), allow_private) {
            None => good.push(address),
            Some(reason) => why = why.or(Some(reason)),
        }
    }
    match why {
        Some(reason) if good.is_empty() => Err(reason),
        _ => Ok(good),
    }
}

/// Why a host that is written as an address is not connected to, which is known without resolving anything.
pub(crate) fn refusal_of_literal(host: &str, allow_private: bool) -> Option<String> {
    refusal(without_brackets(host).parse().ok()?, allow_private)
}

/// Whether a host is this machine, by what is written alone.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let host = without_brackets(host);
    let address: Result<IpAddr, _> = host.parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Resolves `host` for a connection of ours; the addresses are those to connect to.
pub(crate) async fn resolve(
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, Unreachable> {
    let host = without_brackets(host);
    let found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| Unreachable::Unknown(format!("cannot resolve `{host}`: {error}")))?;
    let good = allowed(found, allow_private).map_err(Unreachable::Forbidden)?;
    if good.is_empty() {
        return Err(Unreachable::Unknown(format!("`{host}` has no address")));
    }
    Ok(good)
}

/// Why there is nothing to connect to.
#[derive(Debug)]
pub(crate) enum Unreachable {
    Unknown(String),
    Forbidden(String),
}

/// The same for the HTTP client, which connects to what its resolver returns and resolves nothing else.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    inner: DefaultResolver,
    allow_private: bool,
}

impl GuardedResolver {
    pub(crate) fn new(allow_private: bool) -> Self {
        Self {
            inner: DefaultResolver::default(),
            allow_private,
        }
    }
}

/// How the client carries a refusal.
#[derive(Debug)]
pub(crate) struct Forbidden(pub(crate) String);

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Forbidden {}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let good = allowed(found.iter().copied(), self.allow_private)
            .map_err(|why| ureq::Error::Other(Box::new(Forbidden(why))))?;
        let mut addresses = self.empty();
        for address in good {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Connects to the first of some addresses that answers; each has an equal part of the time.
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    timeout: Duration,
) -> Result<(tokio::net::TcpStream, SocketAddr), std::io::Error> {
    let each = timeout / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in addresses {
        match tokio::time::timeout(each, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => last = error,
            Err(_) => last = std::io::Error::from(std::io::ErrorKind::TimedOut),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_address_is_judged_by_where_it_leads() {
        for (address, expected) in [
            ("93.184.216.34", Place::Public),
            ("2606:2800:220:1::1", Place::Public),
            ("127.0.0.1", Place::Private),
            ("10.0.0.1", Place::Private),
            ("172.16.0.1", Place::Private),
            ("172.32.0.1", Place::Public),
            ("192.168.1.1", Place::Private),
            ("100.64.0.1", Place::Private),
            ("198.18.0.1", Place::Private),
            ("::1", Place::Private),
            ("fd12::1", Place::Private),
            ("fec0::1", Place::Private),
            ("::ffff:10.0.0.1", Place::Private),
            ("64:ff9b::10.0.0.1", Place::Private),
            ("2002:0a00:0001::1", Place::Private),
            ("169.254.169.254", Place::Never),
            ("::ffff:169.254.169.254", Place::Never),
            ("::169.254.169.254", Place::Never),
            ("64:ff9b::169.254.169.254", Place::Never),
            ("2002:a9fe:a9fe::", Place::Never),
            ("fd00:ec2::254", Place::Never),
            ("100.100.100.200", Place::Never),
            ("192.0.0.192", Place::Never),
            ("fe80::1", Place::Never),
            ("0.0.0.0", Place::Never),
            ("::", Place::Never),
            ("::ffff:0.0.0.0", Place::Never),
            ("255.255.255.255", Place::Never),
            ("224.0.0.1", Place::Never),
            ("ff02::1", Place::Never),
        ] {
            assert_eq!(place(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_name_that_begins_like_this_machine_is_another() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "127.evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn of_a_names_addresses_only_the_good_ones_are_left() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let mixed = addresses(&["169.254.169.254:80", "93.184.216.34:80", "10.0.0.1:80"]);
        assert_eq!(
            allowed(mixed.clone(), false),
            Ok(addresses(&["93.184.216.34:80"]))
        );
        assert_eq!(
            allowed(mixed, true),
            Ok(addresses(&["93.184.216.34:80", "10.0.0.1:80"]))
        );
        let why = allowed(addresses(&["10.0.0.1:80"]), false).unwrap_err();
        assert!(why.contains("allow_private"), "{why}");
        assert!(allowed(addresses(&["169.254.169.254:80"]), true).is_err());
    }
}
