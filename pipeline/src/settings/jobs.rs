use std::path::PathBuf;

use serde::Deserialize;

/// The queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// Jobs that run at once (claim 002-1: 3).
    pub concurrency: usize,
    /// How often a job is taken by a worker before it counts as failed.
    pub max_attempts: u32,
    /// Wait before the second attempt; doubled for each further one.
    pub retry_after_s: f64,
    /// Jobs that may wait; one more is answered with 429.
    pub max_queued: u64,
    /// Let stages that do not need each other run at once (claim 001-0: false before).
    pub overlap: bool,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { concurrency: 3, max_attempts: 3, retry_after_s: 1.0, max_queued: 100, overlap: true }
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
