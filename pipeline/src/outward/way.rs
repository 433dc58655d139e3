//! Asking on a provider's word: the operator's own address of that provider, and the world.

use std::sync::Arc;
use std::time::Duration;

use fetch::{AskError, Ways};
use reqwest::ClientBuilder;
use reqwest::redirect::Policy;
use url::{Origin, Url};

use super::{Exception, Lookup, Names, check};
use crate::settings::{self, HttpClient};

/// What may be asked beside the world.
#[derive(Clone, Debug, Default)]
pub struct Outward {
    names: Names,
    exceptions: Arc<[Exception]>,
    through_proxy: bool,
}

/// The clients of one provider.
#[derive(Clone, Debug)]
pub struct Way {
    outward: Outward,
    /// Scheme, host and port that the operator set. None: there is no such address.
    own: Option<Origin>,
    clients: Clients,
}

#[derive(Clone, Debug)]
enum Clients {
    Kept {
        own: reqwest::Client,
        others: reqwest::Client,
    },
    /// One for each request, which takes so long at most.
    Anew(Option<Duration>),
}

impl Outward {
    /// As it is set.
    pub fn new(settings: &settings::Outward) -> Self {
        let exceptions = settings.allow.clone().into();
        Self { names: Names::default(), exceptions, through_proxy: settings.through_proxy }
    }

    /// The way to the provider at `base_url`, for requests that take `timeout` at most.
    ///
    /// # Errors
    ///
    /// No TLS provider is installed.
    pub fn to_provider(
        &self,
        base_url: &str,
        http: HttpClient,
        timeout: Option<Duration>,
    ) -> reqwest::Result<Way> {
        let clients = match http {
            HttpClient::Shared => self.kept(|| builder(timeout))?,
            HttpClient::PerRequest => Clients::Anew(timeout),
        };
        Ok(Way { outward: self.clone(), own: None, clients }.of(base_url))
    }

    /// The way to what providers name, with clients as `build` begins them.
    ///
    /// # Errors
    ///
    /// No TLS provider is installed.
    pub fn to_files(&self, build: impl Fn() -> ClientBuilder) -> reqwest::Result<Way> {
        Ok(Way { outward: self.clone(), own: None, clients: self.kept(build)? })
    }

    fn kept(&self, build: impl Fn() -> ClientBuilder) -> reqwest::Result<Clients> {
        let (own, others) = (own(build()).build()?, self.others(build()).build()?);
        Ok(Clients::Kept { own, others })
    }

    fn others(&self, builder: ClientBuilder) -> ClientBuilder {
        let builder = builder.redirect(Policy::none());
        if self.through_proxy {
            return builder; // it looks the names up
        }
        let (names, exceptions) = (self.names.clone(), Arc::clone(&self.exceptions));
        builder.no_proxy().dns_resolver(Arc::new(Lookup { names, exceptions }))
    }
}

fn own(builder: ClientBuilder) -> ClientBuilder {
    builder.redirect(Policy::none())
}

fn builder(timeout: Option<Duration>) -> ClientBuilder {
    let builder = reqwest::Client::builder();
    match timeout {
        Some(timeout) => builder.timeout(timeout),
        None => builder,
    }
}

impl Way {
    /// The same, of the provider at `base_url`.
    #[must_use]
    pub fn of(&self, base_url: &str) -> Self {
        let own = Url::parse(base_url).ok().map(|url| url.origin());
        Self { own, ..self.clone() }
    }
}

impl Ways for Way {
    fn client(&self, url: &Url) -> Result<reqwest::Client, AskError> {
        let is_http = matches!(url.scheme(), "http" | "https");
        let is_own = is_http && self.own.as_ref() == Some(&url.origin());
        if !is_own {
            check(url, &self.outward.exceptions)?;
        }
        let client = match (&self.clients, is_own) {
            (Clients::Kept { own, .. }, true) => own.clone(),
            (Clients::Kept { others, .. }, false) => others.clone(),
            (Clients::Anew(timeout), true) => own(builder(*timeout)).build()?,
            (Clients::Anew(timeout), false) => self.outward.others(builder(*timeout)).build()?,
        };
        Ok(client)
    }
}

#[cfg(test)]
mod tests;
