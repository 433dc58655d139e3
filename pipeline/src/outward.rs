//! Addresses that users name: they lead into the world, not into the network of the service (server-side
//! request forgery, <https://owasp.org/www-community/attacks/Server_Side_Request_Forgery>).
//!
//! A name is looked up by the client itself, and what it stands for is checked when the connection is made:
//! a name that changes its mind between two questions changes nothing. Redirects are not followed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// A client for addresses that users name. `allow_private`: also those of this network.
///
/// # Errors
///
/// No TLS provider is installed.
pub fn client(allow_private: bool) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    // A proxy would look the name up, and we would not see what it stands for.
    let client =
        if allow_private { client } else { client.no_proxy().dns_resolver(Arc::new(Public)) };
    client.build()
}

/// Whether an address may be asked. A name is checked when it is looked up.
pub fn is_allowed(url: &Url, allow_private: bool) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return matches!(url.scheme(), "http" | "https"),
        None => return false,
    };
    matches!(url.scheme(), "http" | "https") && (allow_private || is_public(address))
}

/// Looks names up and leaves out what is not public.
struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                let reason = format!("{} is no address outside of this network", name.as_str());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason).into());
            }
            let public: Addrs = Box::new(public.into_iter());
            Ok(public)
        })
    }
}

/// Whether an address is one of the world's: in none of the special registries of IANA
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, and `-ipv6-`).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240 // reserved, and broadcast
        || (a == 100 && (64..128).contains(&b)) // carriers' own
        || (a == 198 && (18..20).contains(&b)) // benchmarks
        || (a == 192 && b == 0 && c == 0); // protocol assignments
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    match address.segments() {
        // Translated to IPv4 on the way (RFC 6052, RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0x2001, 0xdb8, ..] | [0x2001, 0, ..] => false, // documentation, Teredo
        // Global unicast is 2000::/3; the rest is local, multicast or nobody's.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: bool) {
        let url: Url = url.parse().expect("an address");
        assert_eq!(is_allowed(&url, false), expected, "{url}");
        assert!(is_allowed(&url, true) || !url.scheme().starts_with("http"), "{url}");
    }

    #[test]
    fn only_the_world_is_asked() {
        for public in [
            "https://example.org/hook",
            "http://93.184.216.34/",
            "http://[2606:2800:220:1::1]/",
            "http://[::ffff:93.184.216.34]/",
            "http://[64:ff9b::5db8:d822]/",
        ] {
            check(public, true);
        }
        for private in [
            "http://127.0.0.1:8090/",
            "http://2130706433/", // 127.0.0.1
            "http://0x7f.1/",
            "http://10.0.0.1/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://255.255.255.255/",
            "http://224.0.0.1/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
        ] {
            check(private, false);
        }
        check("ftp://example.org/", false);
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_refused_when_it_is_looked_up() {
        // Fails where another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://localhost:{}/", listener.local_addr().expect("bound").port());
        let refused = client(false).expect("a client").get(&url).send().await.expect_err("refused");
        assert!(format!("{refused:?}").contains("outside of this network"), "{refused:?}");
        let asked = client(true).expect("a client").get(&url).send();
        let (_, accepted) = tokio::select! {
            accepted = listener.accept() => ((), accepted),
            answer = asked => panic!("it was not asked: {answer:?}"),
        };
        accepted.expect("it is asked where it is allowed");
    }
}
