//! Whether a request was sent from this machine to this machine, where no token says who calls.
//!
//! Any page in a browser can send requests to loopback, and a name of its own can be made to lead there
//! (DNS rebinding): what a page of another origin sent, and what is addressed to another name, is not
//! answered.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use url::{Host, Url};

/// Checks `Host` and `Origin` (RFC 9110, RFC 6454).
///
/// # Errors
///
/// Why it is not from here.
pub fn check(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(host) = text(header::HOST)
        && !is_loopback(&format!("http://{host}"))
    {
        return Err(format!(
            "without tokens only 127.0.0.1 and localhost are served, not {host:?}"
        ));
    }
    if let Some(origin) = text(header::ORIGIN)
        && !is_loopback(&origin)
    {
        return Err(format!("without tokens pages of {origin:?} are not served"));
    }
    Ok(())
}

fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check_is_here(name: &HeaderName, value: &str, expected: bool) {
        let value = HeaderValue::from_str(value).expect("a header");
        let headers = HeaderMap::from_iter([(name.clone(), value.clone())]);
        assert_eq!(check(&headers).is_ok(), expected, "{name}: {value:?}");
    }

    #[test]
    fn only_this_machine_is_here() {
        for (host, expected) in [
            ("127.0.0.1:8090", true),
            ("127.8.0.1", true),
            ("localhost:8090", true),
            ("LOCALHOST", true),
            ("[::1]:8090", true),
            ("reelbench.example", false),
            ("localhost.example:8090", false),
            ("127.0.0.1.example", false),
            ("10.0.0.1:8090", false),
            ("", false),
        ] {
            check_is_here(&header::HOST, host, expected);
        }
        for (origin, expected) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1:8090", true),
            ("https://page.example", false),
            ("null", false),
        ] {
            check_is_here(&header::ORIGIN, origin, expected);
        }
        assert_eq!(check(&HeaderMap::new()), Ok(()));
    }
}
