//! The core: plan, load, record, report.
//!
//! `bench` takes values and gives values. It knows nothing of HTTP, Docker, files, the environment or
//! printing, and it does not know what a job is: a [`Scenario`] carries it as an opaque value, and what
//! is driven stands behind the [`Target`] trait, whose implementations live in `xtask`.
//!
//! ```text
//! Scenario + Plan + Target -> load -> Sample, Sample, … -> Run -> Summary
//! ```
//!
//! Instants are microseconds since the run began (`…_us`), on one monotonic clock.

mod cold;
pub mod comparison;
mod dependence;
mod distribution;
mod ending;
mod hdr_log;
mod load;
pub mod markdown;
mod parts;
pub mod picture;
mod plan;
mod quantile;
pub mod report;
mod rtf;
mod run;
mod sample;
mod scenario;
mod summary;
mod target;
pub mod text;
mod usage;
mod validity;

pub use cold::{COLD, ColdStart};
pub use comparison::Comparison;
pub use distribution::Distribution;
pub use ending::Ending;
pub use hdr_log::hdr_log;
pub use load::load;
pub use parts::Parts;
pub use plan::Plan;
pub use quantile::Estimate;
pub use rtf::{MEDIA_MS, Rtf};
pub use run::{Run, RunError};
pub use sample::{Outcome, Sample, StageSpan};
pub use scenario::Scenario;
pub use summary::{StageSummary, Summary};
pub use target::{Clock, Driven, Job, Stop, Target};
pub use usage::{GpuUsage, Usage};
pub use validity::Doubt;
