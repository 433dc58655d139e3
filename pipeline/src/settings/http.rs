use serde::Deserialize;

/// Requests to language models, speech servers, stock sites and generators.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Whose connections they are (claim 002-8).
    pub client: HttpClient,
}

/// Whose connections requests have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpClient {
    /// All requests of a client: a connection is used again.
    #[default]
    Shared,
    /// Each its own, with a client that is built for it: how it was measured.
    PerRequest,
}
