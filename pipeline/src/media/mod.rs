//! ffmpeg: what a file holds, which encoder works here, and the one render of a job.
//!
//! `probe` reads a file, `encoder` finds an encoder by using it, `plan` decides which frame comes from
//! where, `graph` writes the plan down as ffmpeg's arguments, `render` runs them. `plan` and `graph`
//! are pure. A clip is decoded once and the video encoded once; where there are too many clips to open
//! at once, they are decoded one after the other into a pipe, with the same bytes as result.
//! Nothing here knows of jobs, stages or stock sites.

mod encoder;
mod error;
mod graph;
mod plan;
mod probe;
mod render;
mod voiced;

pub mod checks;

pub use encoder::{Encoder, choose, works};
pub use error::MediaError;
pub use graph::arguments;
pub use plan::{BurnIn, Cut, Encoding, Music, RenderPlan, ShotInput};
pub use probe::{parse_probe, probe};
pub use render::{Render, render};
pub use voiced::voiced;
