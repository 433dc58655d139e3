//! ffmpeg: what a file holds, which encoder works here, and the one render of a job.
//!
//! `tool` begins every run of ffmpeg and ffprobe, `probe` reads a file, `probes` remembers what was read, `loudness` listens to one, `encoder` finds an encoder by using it, `plan`
//! decides which frame comes from where, `effect` what transitions do, `graph` writes it down as
//! ffmpeg's arguments, `render` runs them, and `pieces` where a video is made of files of its own for
//! each shot. `plan`, `effect` and `graph` are pure. By default a clip is decoded once and the video
//! encoded once; where there are too many clips to open at once, they are decoded one after the other
//! into a pipe, and the encoder is given the same frames.
//! Nothing here knows of jobs, stages or stock sites.

mod credible;
mod effect;
mod encoder;
mod error;
mod graph;
mod loudness;
mod pieces;
mod plan;
mod probe;
mod probes;
mod relay;
mod render;
mod signature;
mod sound;
mod tool;
mod voiced;

pub mod checks;

pub use credible::Credible;
pub use encoder::{Choice, Encoder, choose, works};
pub use error::MediaError;
pub use graph::{Targets, arguments};
pub use loudness::{gain_db, loudness};
pub use pieces::PIECES;
pub use plan::{Allowance, BurnIn, Cut, Encoding, Mode, Music, RenderPlan, ShotInput};
pub use probe::{parse_probe, probe, probe_within};
pub use probes::Probes;
pub(crate) use render::monotonic;
pub use render::{Render, render};
pub use sound::to_wav;
pub(crate) use tool::{MAX_PIXELS, SAFE_INPUT, SAFE_STILL, ffmpeg, file_url};
pub use voiced::voiced;
