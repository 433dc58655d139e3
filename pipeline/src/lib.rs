//! The measured program: a text-to-video service. `ARCHITECTURE.md` at the root has the code map.
//!
//! A request becomes a validated `job`, waits in the queue, runs through `stages`, and each stage
//! leaves its `artefacts` in the job folder. The modules below the stages know nothing of jobs:
//! `media` is ffmpeg, `speech` is spoken words with their times, `captions` is subtitles, `ml` is
//! models, `providers` is other people's HTTP.

// A worker's stack of 2 MiB holds several copies of a future, more in a debug build.
#![warn(clippy::large_futures)]

pub mod api;
pub mod artefacts;
mod busy;
pub mod captions;
mod chance;
pub mod dashboard;
pub mod elsewhere;
pub mod error;
pub mod flags;
pub mod health;
pub mod job;
pub mod life;
pub mod limits;
pub mod local;
pub mod machine;
pub mod media;
pub mod ml;
pub mod observe;
pub mod outward;
pub mod parts;
pub mod process;
pub mod providers;
pub mod relief;
pub mod selection;
pub mod service;
pub mod settings;
pub mod shared_redis;
pub mod speech;
pub mod stages;
#[cfg(test)]
mod test_redis;
pub mod timeline;
