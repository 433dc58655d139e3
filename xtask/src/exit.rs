//! How a command ends: one table of exit codes, and the errors that choose among them.

use std::fmt::Write;
use std::process::ExitCode;

/// How a command ended. The numbers are documented in `README.md` and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Pass,
    /// What was checked failed: a broken invariant, a failed job, a regression, a failed test.
    Failed,
    /// Wrong usage, or something is missing or broken in the environment.
    Environment,
    /// Not enough data for a verdict.
    Inconclusive,
    /// The run cannot be trusted: driver late, target died, host not stable.
    Invalid,
    /// Ctrl-C. Finished work is kept; no process and no temp file is left.
    Interrupted,
}

impl Exit {
    const ALL: [Self; 6] = [
        Self::Pass,
        Self::Failed,
        Self::Environment,
        Self::Inconclusive,
        Self::Invalid,
        Self::Interrupted,
    ];

    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Failed => 1,
            Self::Environment => 2,
            Self::Inconclusive => 3,
            Self::Invalid => 4,
            Self::Interrupted => 130,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Failed => "what was checked failed",
            Self::Environment => "wrong usage, or something is missing in the environment",
            Self::Inconclusive => "not enough data for a verdict",
            Self::Invalid => "the run cannot be trusted",
            Self::Interrupted => "interrupted; finished work is kept",
        }
    }

    /// How a command ends that met `error`. What is not a [`Failure`] is the environment's: a file
    /// that cannot be written, a server that is not there.
    pub fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Failure>() {
            None | Some(Failure::Environment { .. } | Failure::Usage { .. }) => Self::Environment,
            Some(Failure::Check { .. }) => Self::Failed,
            Some(Failure::Interrupted) => Self::Interrupted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The table as it stands under `--help`.
pub fn table() -> String {
    Exit::ALL.iter().fold("Exit codes:".to_owned(), |mut table, exit| {
        let _ = write!(table, "\n  {:>3}  {}", exit.code(), exit.meaning());
        table
    })
}

/// An error that chooses the exit code. Everything else that goes wrong is an `anyhow::Error` with
/// context, and ends with [`Exit::Environment`].
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was asked for makes no sense.
    #[error("{message}")]
    Usage {
        /// What is wrong with it.
        message: String,
        /// What would make sense.
        hint: Option<String>,
    },
    /// Something that is needed is missing or broken.
    #[error("{message}")]
    Environment {
        /// What, and for which purpose.
        message: String,
        /// How to mend it.
        hint: Option<String>,
    },
    /// What was checked failed.
    #[error("{message}")]
    Check {
        /// What was expected, and what was found.
        message: String,
        /// Where to look next.
        hint: Option<String>,
    },
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// Wrong usage, without advice.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    /// Something is missing or broken, without advice.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::Environment { message: message.into(), hint: None }
    }

    /// What was checked failed, without advice.
    pub fn check(message: impl Into<String>) -> Self {
        Self::Check { message: message.into(), hint: None }
    }

    /// The same with advice, which is printed on a line of its own.
    #[must_use]
    pub fn with_hint(mut self, advice: impl Into<String>) -> Self {
        match &mut self {
            Self::Usage { hint, .. }
            | Self::Environment { hint, .. }
            | Self::Check { hint, .. } => {
                *hint = Some(advice.into());
            }
            Self::Interrupted => {}
        }
        self
    }

    /// The same, with what it is about before its message.
    #[must_use]
    pub fn about(mut self, what: &str) -> Self {
        match &mut self {
            Self::Usage { message, .. }
            | Self::Environment { message, .. }
            | Self::Check { message, .. } => *message = format!("{what}: {message}"),
            Self::Interrupted => {}
        }
        self
    }

    /// The advice.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. }
            | Self::Environment { hint, .. }
            | Self::Check { hint, .. } => hint.as_deref(),
            Self::Interrupted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn context_does_not_hide_the_exit_code() {
        let deep = Err::<(), _>(Failure::check("3 of 4")).context("outer").expect_err("an error");
        assert_eq!(Exit::of(&deep), Exit::Failed);
        assert_eq!(Exit::of(&Failure::Interrupted.into()), Exit::Interrupted);
        assert_eq!(Exit::of(&Failure::usage("no").into()), Exit::Environment);
        assert_eq!(Exit::of(&anyhow::anyhow!("disk full")), Exit::Environment);
    }
}
