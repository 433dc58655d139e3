//! Keys, from the environment.

use std::ffi::OsStr;

use secrecy::SecretString;

/// The key of a provider, never shown. Without one the provider is asked as a stranger.
#[derive(Clone, Debug)]
pub struct Key {
    env: String,
    secret: Option<SecretString>,
}

/// A variable that holds something which is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{env}: expected a key of printable ASCII characters, found another character in it")]
pub struct KeyError {
    /// The variable.
    pub env: String,
}

impl Key {
    /// The key in the variable `env`, without the white space around it. A variable that is absent or
    /// blank is no key.
    ///
    /// # Errors
    ///
    /// The value cannot stand in an HTTP header: a line break or a typographic mark was copied with it.
    pub fn from_env(env: &str) -> Result<Self, KeyError> {
        Self::read(env, std::env::var_os(env).as_deref())
    }

    /// The keys in the variable `env`, separated by commas. At least one, which may be none.
    ///
    /// # Errors
    ///
    /// As [`Self::from_env`].
    pub fn all_from_env(env: &str) -> Result<Vec<Self>, KeyError> {
        Self::read_all(env, std::env::var_os(env).as_deref())
    }

    pub(super) fn read_all(env: &str, value: Option<&OsStr>) -> Result<Vec<Self>, KeyError> {
        let value = value.unwrap_or_default().to_string_lossy();
        let parts = value.split(',').map(|part| Self::read(env, Some(OsStr::new(part))));
        let mut keys: Vec<Self> = parts.collect::<Result<_, _>>()?;
        if keys.iter().any(|key| key.secret.is_some()) {
            keys.retain(|key| key.secret.is_some());
        } else {
            keys.truncate(1);
        }
        Ok(keys)
    }

    pub(super) fn read(env: &str, value: Option<&OsStr>) -> Result<Self, KeyError> {
        let env = env.to_owned();
        // Not Unicode is not ASCII either: the mark that takes its place is refused below.
        let value = value.unwrap_or_default().to_string_lossy();
        let value = value.trim();
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(KeyError { env });
        }
        let secret = (!value.is_empty()).then(|| SecretString::from(value));
        Ok(Self { env, secret })
    }

    /// The variable that holds it, or should.
    pub fn env(&self) -> &str {
        &self.env
    }

    /// The key, if there is one.
    pub fn secret(&self) -> Option<&SecretString> {
        self.secret.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[track_caller]
    fn check(value: Option<&str>, expected: Result<Option<&str>, &str>) {
        let key = Key::read("THE_KEY", value.map(OsStr::new));
        let found = key.as_ref().map(|key| key.secret().map(ExposeSecret::expose_secret));
        assert_eq!(found.map_err(ToString::to_string), expected.map_err(str::to_owned));
        let shown = format!("{key:?}");
        assert!(!shown.contains("sk-"), "the key is shown: {shown}");
    }

    #[test]
    fn a_key_is_trimmed_and_fits_into_a_header() {
        let wrong = "THE_KEY: expected a key of printable ASCII characters, found another \
                     character in it";
        check(Some("sk-a\nsk-b"), Err(wrong));
        check(Some("sk-a\u{7f}"), Err(wrong));
        check(Some("\u{201c}sk-a\u{201d}"), Err(wrong));
        check(None, Ok(None));
        check(Some(""), Ok(None));
        check(Some(" \n"), Ok(None));
        check(Some(" sk-a\r\n"), Ok(Some("sk-a")));
    }

    #[test]
    fn several_keys_are_separated_by_commas() {
        let check = |value: &str, expected: &[Option<&str>]| {
            let keys = Key::read_all("THE_KEY", Some(OsStr::new(value))).expect("keys");
            let found: Vec<_> =
                keys.iter().map(|key| key.secret().map(ExposeSecret::expose_secret)).collect();
            assert_eq!(found, expected, "{value:?}");
        };
        check("", &[None]);
        check(" , ,", &[None]);
        check("sk-a", &[Some("sk-a")]);
        check(" sk-a,, sk-b ,", &[Some("sk-a"), Some("sk-b")]);
        Key::read_all("THE_KEY", Some(OsStr::new("sk-a,sk-\u{2019}"))).expect_err("no key");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_no_key() {
        let value = std::os::unix::ffi::OsStrExt::from_bytes(b"sk-\xFF");
        let error = Key::read("THE_KEY", Some(value)).expect_err("no key");
        assert_eq!(error.env, "THE_KEY");
    }
}
