//! What may be asked though it is not the world's: an operator's setting.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

/// A network, or a host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Exception {
    /// `10.0.0.0/8`, `fd00::/8`; a single address is a network of one.
    Network(IpNet),
    /// `cdn.internal`, whatever it stands for; no name below it.
    Name(String),
}

impl Exception {
    /// Whether the address is in this network; one of IPv4 that is written as IPv6, too.
    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(&address.to_canonical()),
            Self::Name(_) => false,
        }
    }

    /// Whether it is this host.
    pub(super) fn has_name(&self, name: &str) -> bool {
        match self {
            Self::Network(_) => false,
            Self::Name(own) => name.trim_end_matches('.').eq_ignore_ascii_case(own),
        }
    }
}

impl FromStr for Exception {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        // A name of digits and dots is an address that is written wrong.
        let is_name = |host: &str| {
            host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && host.chars().any(|c| c.is_ascii_alphabetic())
                && !host.starts_with('.')
        };
        if is_name(text) {
            return Ok(Self::Name(text.trim_end_matches('.').to_ascii_lowercase()));
        }
        Err(format!("{text:?}: expected a network such as 10.0.0.0/8, an address, or a host name"))
    }
}

impl TryFrom<String> for Exception {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let found = text.parse::<Exception>();
        assert_eq!(found.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{found:?}");
    }

    #[test]
    fn networks_addresses_and_names_are_told_apart() {
        check("10.0.0.0/8", Some("10.0.0.0/8"));
        check("127.0.0.1", Some("127.0.0.1/32"));
        check("fd00::/8", Some("fd00::/8"));
        check("::1", Some("::1/128"));
        check("CDN.internal.", Some("cdn.internal"));
        check("localhost", Some("localhost"));
        let addresses = ["10.0.0", "10.0.0.0/33", "256.1.1.1"];
        let rest = ["", "*.internal", "http://a", "a:80", "a b", ".a", "[::1]"];
        for wrong in addresses.into_iter().chain(rest) {
            check(wrong, None);
        }
    }

    #[test]
    fn an_exception_is_what_it_says_and_no_more() {
        let has = |exception: &str, address: &str| {
            let exception: Exception = exception.parse().expect("valid");
            exception.has_address(address.parse().expect("an address"))
        };
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
        assert!(!has("localhost", "127.0.0.1"));
        let cdn: Exception = "cdn.internal".parse().expect("valid");
        assert!(cdn.has_name("cdn.internal") && cdn.has_name("CDN.Internal."));
        assert!(!cdn.has_name("a.cdn.internal") && !cdn.has_name("cdn.internal.example"));
    }
}
