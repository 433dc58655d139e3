//! `build-image` against a real engine: built, tried, rebuilt, broken and interrupted.
//!
//! All of them share one base and the programs that `cargo xtask test` built; each has a tag of its own
//! and takes it away. Without an engine they are skipped aloud, on a build server they fail.

mod bench;
mod compose;
mod failures;
mod load;
mod mock;
mod rebuild;
mod running;
mod world;
