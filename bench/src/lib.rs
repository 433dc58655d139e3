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

pub mod comparison;
mod dependence;
mod distribution;
mod ending;
mod hdr_log;
mod hgrm;
mod labels;
mod load;
pub mod markdown;
pub mod page;
mod parts;
pub mod picture;
mod plan;
mod quantile;
pub mod raw;
mod record;
pub mod report;
mod run;
mod sample;
mod scenario;
mod summary;
mod target;
pub mod text;
mod usage;
mod validity;

pub use comparison::Comparison;
pub use distribution::Distribution;
pub use ending::Ending;
pub use hdr_log::hdr_log;
pub use hgrm::hgrm;
pub use labels::Labels;
pub use load::load;
pub use parts::Parts;
pub use plan::Plan;
pub use quantile::Estimate;
pub use record::{Record, Slice, Times};
pub use run::{Run, RunError};
pub use sample::{Outcome, Sample, StageSpan};
pub use scenario::Scenario;
pub use summary::{StageSummary, Summary};
pub use target::{Clock, Driven, Job, Stop, Target};
pub use usage::{Flow, GpuSummary, GpuUsage, Moved, Usage, UsageSummary};
pub use validity::Doubt;
