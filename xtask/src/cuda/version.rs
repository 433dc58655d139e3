//! Versions of CUDA, and compute capabilities of cards: two numbers each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// The first version that both libraries build with, and the last that candle's binding knows.
const SUPPORTED: (Version, Version) =
    (Version { major: 12, minor: 0 }, Version { major: 13, minor: 4 });

/// A version of CUDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// 13 of 13.0.
    pub major: u16,
    /// 0 of 13.0.
    pub minor: u16,
}

impl Version {
    /// Whether the pipeline builds with it.
    pub fn is_supported(self) -> bool {
        (SUPPORTED.0..=SUPPORTED.1).contains(&self)
    }

    /// What the pipeline builds with, in words.
    pub fn supported() -> String {
        format!("{} to {}", SUPPORTED.0, SUPPORTED.1)
    }

    /// The version that `nvcc --version` says: `… release 13.0, V13.0.88`.
    pub fn said_by_nvcc(said: &str) -> Option<Self> {
        let (_, after) = said.split_once("release ")?;
        after.split(',').next()?.trim().parse().ok()
    }
}

impl FromStr for Version {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let (major, minor) = pair(text)
            .ok_or_else(|| Failure::usage(format!("expected a version like 13.0, got `{text}`")))?;
        Ok(Self { major, minor })
    }
}

impl TryFrom<String> for Version {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self, Failure> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a card can do, as NVIDIA counts it: 8.0 is the A100, 9.0 the H100, 7.5 the T4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComputeCap {
    major: u16,
    minor: u16,
}

impl ComputeCap {
    /// Ampere. What is made for it runs on every later card too.
    pub const DEFAULT: Self = Self { major: 8, minor: 0 };

    /// The first that CUDA 13 compiles for.
    const FIRST: Self = Self { major: 7, minor: 5 };

    /// From here on candle's kernels are made for one generation of cards and run on no other.
    const ONE_GENERATION: Self = Self { major: 9, minor: 0 };

    /// The number that compilers want: 80.
    pub const fn number(self) -> u16 {
        self.major * 10 + self.minor
    }

    /// Whether later generations run what is made for this one.
    pub fn runs_on_later_cards(self) -> bool {
        self < Self::ONE_GENERATION
    }
}

impl FromStr for ComputeCap {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::usage(format!("expected {what}, got `{text}`"));
        let (major, minor) = pair(text).ok_or_else(|| wrong("a compute capability like 8.0"))?;
        let cap = Self { major, minor };
        if cap < Self::FIRST || major > 12 || minor > 9 {
            return Err(wrong("a compute capability from 7.5 to 12.9"));
        }
        Ok(cap)
    }
}

impl fmt::Display for ComputeCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn pair(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_nvcc(said: &str, expected: Option<&str>) {
        let version = Version::said_by_nvcc(said).map(|version| version.to_string());
        assert_eq!(version.as_deref(), expected, "{said}");
    }

    #[test]
    fn nvcc_says_its_version_on_its_fourth_line() {
        let said = "nvcc: NVIDIA (R) Cuda compiler driver\nCopyright (c) 2005-2025 NVIDIA Corporation\n\
                    Built on Wed_Aug_20_01:58:59_PM_PDT_2025\n\
                    Cuda compilation tools, release 13.0, V13.0.88\nBuild cuda_13.0.r13.0/compiler\n";
        check_nvcc(said, Some("13.0"));
        check_nvcc("Cuda compilation tools, release 11.8, V11.8.89", Some("11.8"));
        check_nvcc("clang version 19.1.0", None);
        check_nvcc("", None);
    }

    #[track_caller]
    fn check_supported(version: &str, expected: bool) {
        let version: Version = version.parse().expect("a version");
        assert_eq!(version.is_supported(), expected, "{version}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        check_supported("11.8", false);
        check_supported("12.0", true);
        check_supported("12.10", true);
        check_supported("13.4", true);
        check_supported("13.5", false);
    }

    #[track_caller]
    fn check_cap(text: &str, expected: Result<(u16, bool), &str>) {
        let cap = text.parse::<ComputeCap>();
        let seen = cap.map(|cap| (cap.number(), cap.runs_on_later_cards()));
        match (seen, expected) {
            (Ok(seen), Ok(expected)) => assert_eq!(seen, expected, "{text}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (seen, _) => panic!("{text}: {seen:?}"),
        }
    }

    #[test]
    fn a_compute_capability_is_one_that_cuda_13_knows() {
        check_cap("8.0", Ok((80, true)));
        check_cap("7.5", Ok((75, true)));
        check_cap("8.9", Ok((89, true)));
        check_cap("9.0", Ok((90, false)));
        check_cap("12.0", Ok((120, false)));
        check_cap("80", Err("expected a compute capability like 8.0, got `80`"));
        check_cap("7.0", Err("from 7.5 to 12.9, got `7.0`"));
        check_cap("9.15", Err("from 7.5 to 12.9"));
        check_cap("90a", Err("like 8.0"));
        assert_eq!(ComputeCap::DEFAULT.to_string(), "8.0");
    }
}
