//! Jobs: what is asked for, where it stands, who works on it.
//!
//! `request` refuses what cannot be done before any work. `store` is the truth (SQLite), `queue` takes
//! jobs from it and runs them, `graph` orders the stages of one job, `folder` is where a job's files
//! are. Nothing here knows HTTP; `graph` is the only one that knows what a stage does.

mod folder;
pub mod graph;
mod outcome;
mod queue;
pub mod request;
mod store;

pub use folder::JobFolder;
pub use queue::{Queue, Work};
pub use store::{CancelAnswer, Claim, Counts, Store, StoreError, SubmitError};

/// Microseconds since the Unix epoch.
pub fn now_us() -> u64 {
    jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0)
}

/// Where the service gives out a file of a job, relative to it.
pub fn file_url(id: &str, name: &str) -> String {
    format!("/api/v1/jobs/{id}/files/{name}")
}
