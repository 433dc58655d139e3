//! SHA-256 digests: the names of everything in the store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest. Written as 64 lower-case hex digits; read in either case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Not a SHA-256 digest in hex.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a SHA-256 digest of 64 hex digits, got `{text}`")]
pub struct InvalidDigest {
    /// What was given.
    pub text: String,
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.as_bytes()).map(Self).ok_or_else(|| InvalidDigest { text: text.to_owned() })
    }
}

fn parse(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Computes a [`Digest`] piece by piece. The one place that knows which implementation is used.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_answers() {
        // FIPS 180-4, examples of SHA-256.
        let check = |bytes: &[u8], hex: &str| assert_eq!(Digest::of(bytes).to_string(), hex);
        check(b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check(b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_no_digest_is_refused_and_named() {
        let hex = Digest::of(b"abc").to_string();
        for text in ["", "abc", &hex[1..], &format!("{hex}0"), &format!("g{}", &hex[1..])] {
            let error = text.parse::<Digest>().expect_err(text);
            assert!(error.to_string().contains(text), "{error}");
        }
        // As many bytes, fewer characters.
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }

    proptest! {
        #[test]
        fn parse_is_the_inverse_of_display(bytes in any::<[u8; 32]>(), upper in any::<bool>()) {
            let digest = Digest::from(bytes);
            let text = digest.to_string();
            let text = if upper { text.to_uppercase() } else { text };
            prop_assert_eq!(text.parse::<Digest>(), Ok(digest));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,80}|[0-9a-fA-F]{60,68}") {
            match text.parse::<Digest>() {
                Ok(digest) => prop_assert_eq!(digest.to_string(), text.to_lowercase()),
                Err(error) => prop_assert_eq!(error.text, text),
            }
        }

        #[test]
        fn pieces_hash_as_the_whole(pieces in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut hasher = Hasher::default();
            pieces.iter().for_each(|piece| hasher.update(piece));
            prop_assert_eq!(hasher.finish(), Digest::of(&pieces.concat()));
        }
    }
}
