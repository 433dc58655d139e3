//! What a text-to-video client and the pipeline say to each other: the job specification, the
//! status, the outcome and the problem document of a refused request.
//!
//! The crate knows serde and nothing else: no HTTP, no files, no clock. `pipeline` serves these
//! types, `xtask` and `fixtures` read and write them. Field names of [`JobSpec`] are
//! MoneyPrinterTurbo's `VideoParams` where it has the same thing; ours alone are marked.
//!
//! Instants are microseconds since the Unix epoch (`…_us`), lengths of media are milliseconds
//! (`…_ms`): both are integers, so a document read back is the document written.

mod event;
mod outcome;
mod problem;
mod queue;
mod spec;
mod stage;
mod status;

pub use event::JobEvent;
pub use outcome::{
    ClipUse, Downloads, ModelUse, NarrationInfo, Outcome, RejectedClip, SelectionInfo, SocialPost,
    SubtitleInfo, TimingSource, VideoInfo, Weights, Writer,
};
pub use problem::{FieldError, Problem};
pub use queue::{AcceptedBatch, BatchStatus, JobList, LaneStatus, QueueStatus};
pub use spec::{
    Aspect, Background, BgmType, Class, ConcatMode, FitMode, JobSpec, Material, Platform, Priority,
    Size, SubtitleAnimation, SubtitlePosition, Terms, Transition, VideoSource,
};
pub use stage::{Stage, UnknownStage};
pub use status::{Accepted, JobError, JobState, JobStatus, StageTime, Times};
