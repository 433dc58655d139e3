//! Which clip is shown when: narration, to segments, to slots, to shots. Pure: no model, no file.
//!
//! [`segments`] cuts the narration where its sense does, [`plan_shots`] cuts its time, and
//! [`videos`] gives each slot a clip: by chance, in the order of the clips, or by [`Likeness`].

mod assign;
mod assignment;
mod likeness;
mod round;
mod segments;
mod slots;

pub use assign::{ClipFacts, Order, Reel, assign, videos};
pub use likeness::{Likeness, scores};
pub use round::{Fit, Round};
pub use segments::{Segment, segments};
pub use slots::{Slot, plan_shots};

/// A shot shorter than this is a flicker: none is planned where it can be avoided.
pub const MIN_SHOT_MS: u64 = 1_000;
