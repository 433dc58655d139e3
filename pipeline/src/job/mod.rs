//! Jobs: what is asked for, where it stands, who works on it.
//!
//! `request` refuses what cannot be done before any work. `store` is the truth (SQLite or PostgreSQL), `lane` says which jobs wait for each other, `queue` takes
//! jobs from it and runs them, `graph` orders the stages of one job, `inputs` names what each result
//! follows from, `folder` is where a job's files are, `reuse` where later jobs find them. Nothing here knows HTTP; `graph` is the only one that knows what a stage does.

mod folder;
pub mod graph;
mod inputs;
mod lane;
mod outcome;
mod queue;
pub mod request;
mod reuse;
mod store;
#[cfg(test)]
mod test_database;

use std::path::{Path, PathBuf};

pub use folder::JobFolder;
pub use lane::{Lane, Lanes};
pub use queue::{Failure, Queue, Room, Work};
pub use reuse::Reuse;
pub use store::{
    CancelAnswer, Claim, Counts, DueWebhook, Filter, ForgetAnswer, Listed, Place, Request,
    RetryAnswer, Store, StoreError, SubmitError,
};

/// Microseconds since the Unix epoch.
pub fn now_us() -> u64 {
    jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0)
}

/// Where the files of the job `id` are.
pub fn folder(data_dir: &Path, id: &str) -> PathBuf {
    data_dir.join("jobs").join(id)
}

/// Where the service gives out a file of a job, relative to it.
pub fn file_url(id: &str, name: &str) -> String {
    format!("/api/v1/jobs/{id}/files/{name}")
}
