//! The core: plan, load, record, report.
//!
//! `bench` takes values and gives values. It knows nothing of HTTP, Docker, files, the environment or
//! printing, and it does not know what a job is: a [`Scenario`] carries it as an opaque value, and what
//! is driven stands behind the [`Target`] trait, whose implementations live in `xtask`.
//!
//! ```text
//! Mix + Plan + Target -> load -> Sample, Sample, … -> Run -> Summary
//! Schedule -> slots -> (runs) -> Pair, Pair, … -> gate::judge -> Judgement
//! ```
//!
//! Instants are microseconds since the run began (`…_us`), on one monotonic clock.

mod beside;
mod cold;
pub mod comparison;
#[cfg(test)]
mod coverage;
pub mod criterion;
mod dependence;
mod distribution;
mod ending;
mod figures;
pub mod gate;
mod hdr_log;
mod hgrm;
mod knee;
mod labels;
mod load;
pub mod markdown;
pub mod page;
mod paired;
mod parts;
pub mod picture;
mod plan;
mod polling;
mod quantile;
pub mod raw;
mod record;
pub mod report;
mod rtf;
mod run;
mod sample;
mod scenario;
#[cfg(test)]
mod simulation;
pub mod statistics;
mod summary;
mod target;
pub mod text;
mod usage;
mod validity;
pub mod ways;

pub use cold::{COLD, ColdStart};
pub use comparison::{Better, Comparison};
pub use distribution::Distribution;
pub use ending::Ending;
pub use figures::{COUNTERS, Figure, PRIMARY, figures};
pub use hdr_log::hdr_log;
pub use hgrm::hgrm;
pub use knee::{Found, Held, Knee, Probe, Probed, Slo};
pub use labels::Labels;
pub use load::{Loaded, load};
pub use paired::{PairError, Runs, Unfit, all_runs, paired};
pub use parts::Parts;
pub use plan::{Abort, Arrivals, Due, Load, Phase, Plan, PlanError, Rate, Think, Until};
pub use polling::Looks;
pub use quantile::Estimate;
pub use record::{Record, Slice, Times};
pub use rtf::{MEDIA_MS, Rtf};
pub use run::{Run, RunError};
pub use sample::{Outcome, Sample, StageSpan};
pub use scenario::{Mix, Scenario, Share};
pub use summary::{StageSummary, Summary};
pub use target::{Clock, Driven, Job, Stop, Target};
pub use usage::{Flow, GpuSummary, GpuUsage, Moved, Usage, UsageSummary};
pub use validity::{Doubt, Figures, Little, Own, Pace, Slope, Warning};
