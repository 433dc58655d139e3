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
    /// What was driven died, for this reason.
    TargetDied(String),
}
