//! Who calls: bearer tokens (RFC 6750), what each may do, and how often.

use std::ffi::OsString;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::settings::{self, Role};

/// Shortest secret. 22 letters of base 64 or 32 of hex are 128 bits.
const MIN_SECRET_CHARS: usize = 22;

/// The callers that are known.
#[derive(Debug)]
pub struct Tokens(Vec<Token>);

/// One of them. The secret itself is not kept.
#[derive(Debug)]
pub struct Token {
    name: String,
    role: Role,
    digest: [u8; 32],
    pace: DefaultDirectRateLimiter,
}

/// Why the tokens cannot be used. No secret is in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The variable is not there, or blank.
    #[error(
        "api.tokens: {name}: the environment variable {env} is not set\nhint: {env}=$(openssl rand -hex 32)"
    )]
    Absent {
        /// Whose.
        name: String,
        /// Where it was to be.
        env: String,
    },
    /// It can be guessed, or cannot stand in a header.
    #[error(
        "api.tokens: {name}: {env} holds no usable secret: expected at least {MIN_SECRET_CHARS} \
         printable ASCII characters without spaces\nhint: {env}=$(openssl rand -hex 32)"
    )]
    Weak {
        /// Whose.
        name: String,
        /// Where it is.
        env: String,
    },
    /// Nobody could say who calls.
    #[error("api.tokens: {name} has the same secret as {other}")]
    Shared {
        /// The later one.
        name: String,
        /// The earlier one.
        other: String,
    },
}

impl Tokens {
    /// The tokens of `settings`, whose secrets `variable` looks up in the environment.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn read(
        settings: &settings::Api,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, TokenError> {
        let mut tokens: Vec<Token> = Vec::new();
        let quota = Quota::per_second(settings.requests_per_s).allow_burst(settings.burst);
        for settings::Token { name, env, role } in &settings.tokens {
            let (name, env) = (name.clone(), env.clone());
            let secret = variable(&env).unwrap_or_default();
            // What is not Unicode is not ASCII either.
            let secret = secret.to_string_lossy();
            let secret = secret.trim();
            if secret.is_empty() {
                return Err(TokenError::Absent { name, env });
            }
            if secret.len() < MIN_SECRET_CHARS || !secret.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(TokenError::Weak { name, env });
            }
            let digest = Sha256::digest(secret).into();
            if let Some(other) = tokens.iter().find(|token| token.digest == digest) {
                return Err(TokenError::Shared { name, other: other.name.clone() });
            }
            tokens.push(Token { name, role: *role, digest, pace: RateLimiter::direct(quota) });
        }
        Ok(Self(tokens))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose secret this is. Digests are compared, all of them and whole: how long it takes tells neither
    /// how much of a secret is right nor how long it is.
    pub fn of(&self, secret: &[u8]) -> Option<&Token> {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        let mut found = None;
        for token in &self.0 {
            if bool::from(token.digest.ct_eq(&digest)) {
                found = Some(token);
            }
        }
        found
    }
}

impl Token {
    /// What logs call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether it may do what `needed` may.
    pub fn may(&self, needed: Role) -> bool {
        self.role >= needed
    }

    /// Counts a request.
    ///
    /// # Errors
    ///
    /// It is one too many: how long to wait.
    pub fn take_turn(&self) -> Result<(), Duration> {
        self.pace
            .check()
            .map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

/// The secret of an `Authorization` header: behind `Bearer`, in letters of any size, or alone, as RunPod's
/// clients send it.
pub fn bearer(header: &[u8]) -> Option<&[u8]> {
    if !header.is_empty() && !header.contains(&b' ') {
        return Some(header);
    }
    let (scheme, secret) = header.split_at_checked("Bearer ".len())?;
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !secret.is_empty()).then_some(secret)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const FIRST: &str = "0123456789abcdef0123456789abcdef";
    const SECOND: &str = "0123456789abcdef0123456789abcdee";

    fn settings(burst: u32) -> settings::Api {
        let token = |name: &str, env: &str, role| settings::Token {
            name: name.to_owned(),
            env: env.to_owned(),
            role,
        };
        settings::Api {
            tokens: vec![token("ci", "CI", Role::Submit), token("eye", "EYE", Role::Read)],
            requests_per_s: NonZeroU32::MIN,
            burst: NonZeroU32::new(burst).expect("not zero"),
            ..settings::Api::default()
        }
    }

    fn read(first: &str, second: &str) -> Result<Tokens, TokenError> {
        Tokens::read(&settings(3), |env| Some(if env == "CI" { first } else { second }.into()))
    }

    #[test]
    fn a_secret_has_one_owner() {
        let tokens = read(&format!(" {FIRST}\n"), SECOND).expect("usable");
        let name = |secret: &str| tokens.of(secret.as_bytes()).map(Token::name);
        assert_eq!((name(FIRST), name(SECOND)), (Some("ci"), Some("eye")));
        for wrong in ["", "0", &FIRST[1..], &format!("{FIRST}0"), &FIRST.to_uppercase(), "CI"] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_role_may_what_the_ones_before_it_may() {
        let tokens = read(FIRST, SECOND).expect("usable");
        let may = |secret: &str| {
            let token = tokens.of(secret.as_bytes()).expect("known");
            [Role::Read, Role::Submit, Role::Admin].map(|role| token.may(role))
        };
        assert_eq!(may(FIRST), [true, true, false]);
        assert_eq!(may(SECOND), [true, false, false]);
    }

    #[test]
    fn what_is_no_secret_is_refused_without_telling_it() {
        for (first, expected) in [
            ("", "the environment variable CI is not set"),
            (" \n", "the environment variable CI is not set"),
            ("hunter2hunter2hunter2", "CI holds no usable secret: expected at least 22"),
            ("hunter2 hunter2 hunter2 hunter2", "CI holds no usable secret"),
            ("hunter2…hunter2…hunter2…hunter2", "CI holds no usable secret"),
            (SECOND, "eye has the same secret as ci"),
        ] {
            let error = read(first, SECOND).expect_err("no secret").to_string();
            assert!(error.contains(expected), "{first:?}: {error}");
            assert!(!error.contains("hunter2") && !error.contains(SECOND), "{error}");
        }
    }

    #[test]
    fn a_token_is_shown_without_its_secret() {
        let shown = format!("{:?}", read(FIRST, SECOND).expect("usable"));
        assert!(shown.contains("ci") && !shown.contains(FIRST), "{shown}");
    }

    #[test]
    fn one_token_too_busy_does_not_slow_another() {
        let tokens = read(FIRST, SECOND).expect("usable");
        let [first, second] = [FIRST, SECOND].map(|secret| tokens.of(secret.as_bytes()));
        let (first, second) = (first.expect("known"), second.expect("known"));
        let turns: Vec<bool> = (0..5).map(|_| first.take_turn().is_ok()).collect();
        assert_eq!(turns[..3], [true; 3]);
        let wait = first.take_turn().expect_err("one too many");
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        second.take_turn().expect("its own turn");
    }

    #[test]
    fn a_bearer_token_is_read_as_rfc_6750_says() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER abc", Some("abc")),
            ("Bearer ", None),
            ("abc", Some("abc")),
            ("Basic abc", None),
            ("", None),
        ] {
            assert_eq!(bearer(header.as_bytes()), expected.map(str::as_bytes), "{header}");
        }
    }
}
