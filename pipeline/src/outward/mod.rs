//! Addresses that others name: users' webhooks, and what providers answer. They lead into the world, not
//! into the network of the service (server-side request forgery,
//! <https://owasp.org/www-community/attacks/Server_Side_Request_Forgery>).
//!
//! A name is looked up by the client itself, and what it stands for is checked when the connection is made:
//! a name that changes its mind between two questions changes nothing. `address` says what is public,
//! `exception` what the operator allows beside it, `way` asks on a provider's word. Nothing here knows who
//! names an address, or what for.

mod address;
mod exception;
mod way;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fetch::Refusal;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use self::address::is_public;
pub use self::exception::Exception;
pub use self::way::{Outward, Way};

/// A client for addresses that users name. `allow_private`: also those of this network. It follows no
/// redirects.
///
/// # Errors
///
/// No TLS provider is installed.
pub fn client(allow_private: bool) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    // A proxy would look the name up, and we would not see what it stands for.
    let client = if allow_private {
        client
    } else {
        client.no_proxy().dns_resolver(Arc::new(Lookup::default()))
    };
    client.build()
}

/// Whether an address that a user names may be asked. A name is checked when it is looked up.
pub fn is_allowed(url: &Url, allow_private: bool) -> bool {
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    is_http && (allow_private || check(url, &[]).is_ok())
}

/// Whether this address may be asked, as far as that is seen without looking a name up.
fn check(url: &Url, exceptions: &[Exception]) -> Result<(), Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal(format!("expected an http or https address, found {}", url.scheme())));
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(Refusal("expected a host, found none".to_owned())),
    };
    if may_ask(address, exceptions) { Ok(()) } else { Err(private(&address.to_string(), &[])) }
}

fn may_ask(address: IpAddr, exceptions: &[Exception]) -> bool {
    is_public(address) || exceptions.iter().any(|exception| exception.has_address(address))
}

/// That a host is in no public network.
fn private(host: &str, found: &[SocketAddr]) -> Refusal {
    let found: Vec<String> = found.iter().map(|found| found.ip().to_string()).collect();
    let stands_for = match found.as_slice() {
        [] => "is".to_owned(),
        found => format!("stands for {},", found.join(", ")),
    };
    Refusal(format!(
        "{host} {stands_for} no address outside of this network \
         (hint: the setting outward.allow names those that may be asked all the same)"
    ))
}

/// Looks names up and leaves out what is neither public nor an exception.
#[derive(Clone, Debug, Default)]
struct Lookup {
    names: Names,
    exceptions: Arc<[Exception]>,
}

/// Who knows what names stand for.
#[derive(Clone)]
struct Names(Arc<dyn Resolve>);

impl Default for Names {
    fn default() -> Self {
        Self(Arc::new(System))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

/// The system does.
struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (exceptions, host) = (Arc::clone(&self.exceptions), name.as_str().to_owned());
        let found = self.names.0.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            let is_named = exceptions.iter().any(|exception| exception.has_name(&host));
            let may_ask = |found: &&SocketAddr| is_named || may_ask(found.ip(), &exceptions);
            let allowed: Vec<SocketAddr> = found.iter().filter(may_ask).copied().collect();
            if allowed.is_empty() {
                return Err(private(&host, &found).into());
            }
            let allowed: Addrs = Box::new(allowed.into_iter());
            Ok(allowed)
        })
    }
}

#[cfg(test)]
mod tests;
