use serde::{Deserialize, Serialize};

/// How a run came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It did not: whoever wrote the run file was ended before.
    #[default]
    Unfinished,
    /// Every planned job has ended.
    Complete,
    /// Somebody stopped it (Ctrl-C): what was finished is kept.
    CutShort,
    /// The plan said that it is to end early, for this reason: an SLO was broken, or a cap was reached.
    Aborted(String),
    /// More jobs were in flight than the plan allows: what is driven does not keep up.
    Overwhelmed {
        /// So many were allowed.
        max_in_flight: u32,
    },
    /// What was driven died, for this reason.
    TargetDied(String),
}
