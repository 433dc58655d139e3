//! From the start of the process until it is ready, and how the starts before it ended.
//!
//! Knows nothing of jobs but their names.

mod diary;
mod startup;

pub use self::diary::{Cause, Diary, Ended};
pub use self::startup::Startup;
