use serde::{Deserialize, Serialize};

/// What is asked for. Only the target understands the payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// A stable word, such as `vietnamese`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The job, in the target's own terms.
    pub payload: serde_json::Value,
}
