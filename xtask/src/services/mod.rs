//! The programs that a run is made of: the fixture servers and the pipeline, each a process of its own.

mod build;
mod fixtures;
mod pipeline;
mod postgres;
mod server;

pub use self::build::{Binaries, COUNT_ALLOCATIONS, Profile, build, compile};
#[cfg(test)]
pub use self::fixtures::Addresses;
pub use self::fixtures::{Expect, Fixtures, Scenario};
pub use self::pipeline::{PROVIDER_KEY, Pipeline, PipelineArgs};
#[cfg(test)]
pub use self::pipeline::{S3_SECRET_KEY, TOKENS};
pub use self::postgres::Postgres;
pub use self::server::Server;
