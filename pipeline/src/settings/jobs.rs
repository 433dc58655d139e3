use std::path::PathBuf;

use serde::Deserialize;

/// The queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// Environment variable that holds the address of a PostgreSQL database that several machines share:
    /// `postgres://user@host/name`. None: SQLite in the data folder, for this machine alone.
    pub postgres_env: Option<String>,
    /// Jobs that run at once on this machine, where they load it (claim 002-1: unlimited before, 3 after).
    /// Jobs that only ask providers have places of their own, by class.
    pub concurrency: usize,
    /// How often a job is taken by a worker before it counts as failed (claim 002-11: 1 before).
    pub max_attempts: u32,
    /// Wait before the second attempt; doubled for each further one, and up to half of it longer.
    pub retry_after_s: f64,
    /// Jobs that may wait; one more is answered with 429.
    pub max_queued: u64,
    /// How much waiting a step of priority is worth: a job goes before one of the next higher priority
    /// that came so much later. 0: first come, first served (claim 002-10: 0 before, 600 after).
    pub ageing_s: f64,
    /// A worker that was not heard of for so long has lost its jobs.
    pub lease_s: f64,
    /// How long jobs may go on when the service is told to stop; then they are handed back, and go on at
    /// the next start.
    pub drain_s: f64,
    /// How long the files of a job are kept after its end.
    pub keep_h: f64,
    /// How long it is known afterwards that there was a job, and how long it took.
    pub history_d: f64,
    /// Let stages that do not need each other run at once (claim 001-0: false before).
    pub overlap: bool,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            postgres_env: None,
            concurrency: 3,
            max_attempts: 3,
            retry_after_s: 1.0,
            max_queued: 100,
            ageing_s: 600.0,
            lease_s: 15.0,
            drain_s: 0.0,
            keep_h: 168.0,
            history_d: 90.0,
            overlap: true,
        }
    }
}

/// Where artefacts go when a job has ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// Files that go up at once (claim 003-10: 1 before).
    pub concurrency: usize,
    /// `s3://bucket/prefix` or `file:///folder`. None: they stay in the job folder and are served from there.
    pub url: Option<String>,
    /// Address of an S3-like store; none for AWS itself.
    pub endpoint: Option<String>,
    /// Region of the store.
    pub region: Option<String>,
}

impl Default for Publish {
    fn default() -> Self {
        Self { concurrency: 4, url: None, endpoint: None, region: None }
    }
}

/// Files of users that jobs may name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Local {
    /// Folder of ready narrations and materials. None: a job can name none.
    pub dir: Option<PathBuf>,
}
