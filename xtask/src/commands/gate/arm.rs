//! The two sides of a gate, as they are typed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// What is measured on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arm {
    /// The programs of this checkout, as it is.
    Here,
    /// Those of a commit, built in a worktree of their own.
    Revision(String),
    /// A built image.
    Image(String),
    /// A service that runs elsewhere.
    Url(Url),
    /// Runs that were measured before, in the order of their pairs.
    Runs(PathBuf),
}

impl FromStr for Arm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match (kind, rest) {
            ("here", "") => Ok(Self::Here),
            ("rev", revision) if is_revision(revision) => Ok(Self::Revision(revision.to_owned())),
            ("rev", _) => Err(format!("{text:?}: expected the name of a commit behind `rev:`")),
            ("image", name) if !name.is_empty() => Ok(Self::Image(name.to_owned())),
            ("runs", path) if !path.is_empty() => Ok(Self::Runs(path.into())),
            ("url", url) => {
                url.parse().map(Self::Url).map_err(|error| format!("{text:?}: {error}"))
            }
            _ => Err(format!(
                "{text:?}: expected here, rev:COMMIT, image:TAG, url:URL or runs:FOLDER"
            )),
        }
    }
}

/// Whether git takes it for the name of a commit, and for no option of its own.
fn is_revision(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('-') && !name.contains(char::is_whitespace)
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("here"),
            Self::Revision(name) => write!(f, "rev:{name}"),
            Self::Image(name) => write!(f, "image:{name}"),
            Self::Url(url) => write!(f, "url:{url}"),
            Self::Runs(path) => write!(f, "runs:{}", path.display()),
        }
    }
}

impl Arm {
    /// Whether it has settings of ours: it is started here.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Here | Self::Revision(_) | Self::Image(_))
    }

    /// What can be compared with each other: ours, services elsewhere, and runs that were kept are asked for
    /// different things.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Here | Self::Revision(_) | Self::Image(_) => "what is started here",
            Self::Url(_) => "a service elsewhere",
            Self::Runs(_) => "runs that were kept",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let found = text.parse::<Arm>().map(|arm| arm.to_string());
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            _ => panic!("{text}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn an_arm_is_what_it_says() {
        for text in ["here", "rev:origin/main", "rev:v1.2^", "image:reelbench:cpu", "runs:a/b"] {
            check(text, Ok(text));
        }
        check("url:http://127.0.0.1:8090", Ok("url:http://127.0.0.1:8090/"));
        check("url:8090", Err("relative URL"));
        check("rev:", Err("the name of a commit"));
        check("rev:--upload-pack=x", Err("the name of a commit"));
        check("rev:a b", Err("the name of a commit"));
        for wrong in ["", "main", "here:x", "image:", "runs:"] {
            check(wrong, Err("expected here, rev:COMMIT"));
        }
    }
}
