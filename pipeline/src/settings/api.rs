use std::num::NonZeroU32;

use serde::Deserialize;

use super::load::SettingsError;

/// The HTTP API.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Who may call it. Empty: everybody on this machine, and the service listens on loopback alone.
    pub tokens: Vec<Token>,
    /// Requests a second that one token may send; one more is answered with 429.
    pub requests_per_s: NonZeroU32,
    /// Requests that one token may send at once, after a pause.
    pub burst: NonZeroU32,
    /// Largest body of a request, in bytes. The longest script in four-byte characters, escaped, fits
    /// into the default.
    pub max_body_bytes: usize,
    /// How sounds are sent (claim 002-9: whole before, streamed after).
    pub bodies: Bodies,
    /// When a job's fields are checked (claim 000-4.1: after its pictures before, first after).
    pub validate: Validate,
}

/// How an answer is sent that is made while it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bodies {
    /// When all of it is in memory: how it was measured.
    Whole,
    /// A chunk at a time.
    #[default]
    Streamed,
}

/// When the fields of a job are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validate {
    /// Before anything is done for it.
    #[default]
    First,
    /// When the pictures that it names were read: how it was measured.
    AfterImages,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            requests_per_s: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN),
            burst: NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN),
            max_body_bytes: 1 << 20,
            bodies: Bodies::default(),
            validate: Validate::default(),
        }
    }
}

/// Telling clients of the end of their jobs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Environment variable that holds the secret with which they are signed
    /// (<https://www.standardwebhooks.com>). None: they are not.
    pub secret_env: Option<String>,
    /// Whether they may lead into the network of this service.
    pub allow_private: bool,
}

/// One caller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What logs call it.
    pub name: String,
    /// The environment variable that holds the secret.
    pub env: String,
    /// What it may do.
    pub role: Role,
}

/// What a caller may do; each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look: status, results, metrics.
    Read,
    /// Submit and cancel jobs, and speak.
    Submit,
    /// Everything, also what concerns the jobs of all.
    Admin,
}

impl Role {
    /// The name in settings and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Admin => "admin",
        }
    }
}

pub(super) fn validate(api: &Api) -> Result<(), SettingsError> {
    if !(1 << 10..=1 << 30).contains(&api.max_body_bytes) {
        let (key, value) = ("api.max_body_bytes", api.max_body_bytes.to_string());
        return Err(SettingsError::OutOfRange { key, value, expected: "1024 to 1073741824" });
    }
    for (place, token) in api.tokens.iter().enumerate() {
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let is_new = api.tokens[..place].iter().all(|other| other.name != token.name);
        let (value, expected) = (token.name.clone(), "a name of its own, of a-z, 0-9 and -_.");
        if !is_name(&token.name) || !is_new {
            return Err(SettingsError::OutOfRange { key: "api.tokens.name", value, expected });
        }
        if !is_name(&token.env) {
            // It may be the secret itself: it is not told.
            let value = format!("not the name of a variable (token {value})");
            let expected = "the environment variable that holds the secret";
            return Err(SettingsError::OutOfRange { key: "api.tokens.env", value, expected });
        }
    }
    Ok(())
}
