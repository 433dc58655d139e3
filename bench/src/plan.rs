use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// When each job is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "load", rename_all = "lowercase", deny_unknown_fields)]
pub enum Plan {
    /// Each of `workers` starts its next job when its last one ended, until `jobs` were started. The
    /// rate is whatever the target can do.
    Closed {
        /// Jobs in flight at most.
        workers: NonZeroU32,
        /// Jobs in all.
        jobs: NonZeroU32,
    },
}

impl Plan {
    /// One job: what `run` does.
    pub const fn single() -> Self {
        Self::Closed { workers: NonZeroU32::MIN, jobs: NonZeroU32::MIN }
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[track_caller]
    fn check(document: &str, is_plan: bool) {
        assert_eq!(serde_json::from_str::<Plan>(document).is_ok(), is_plan, "{document}");
    }

    #[test]
    fn a_plan_without_work_cannot_be_read() {
        check(r#"{"load":"closed","workers":0,"jobs":10}"#, false);
        check(r#"{"load":"closed","workers":1,"jobs":0}"#, false);
        check(r#"{"load":"closed","workers":1}"#, false);
        check(r#"{"load":"closed","workers":1,"jobs":1,"rate":2}"#, false);
        check(r#"{"load":"closed","workers":10,"jobs":80}"#, true);
    }
}
