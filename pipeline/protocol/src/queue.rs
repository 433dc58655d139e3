use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Accepted, JobStatus};

/// A page of jobs, the youngest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobList {
    /// The jobs.
    pub jobs: Vec<JobStatus>,
    /// `before` of the next page. None: this is the last one.
    pub next: Option<i64>,
}

/// Answer to a batch: all of its jobs were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AcceptedBatch {
    /// Name of the batch, a UUID of version 7.
    pub id: String,
    /// Where its [`BatchStatus`] is, relative to the server.
    pub status_url: String,
    /// Its jobs, in the order of the request.
    pub jobs: Vec<Accepted>,
}

/// How far a batch is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchStatus {
    /// Name of the batch.
    pub id: String,
    /// How many of its jobs are in each state; every state is named.
    pub states: BTreeMap<String, u64>,
    /// Whether all have ended.
    pub ended: bool,
}

/// The queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueStatus {
    /// Whether nothing is begun until it is let go on.
    pub held: bool,
    /// Why this machine begins nothing now, where it has no room.
    pub closed: Option<String>,
    /// By class of job, how many wait and how many run.
    pub lanes: BTreeMap<String, LaneStatus>,
}

/// Jobs of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LaneStatus {
    /// They wait.
    pub queued: u64,
    /// They run, on any machine.
    pub running: u64,
}
