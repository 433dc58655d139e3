//! What a plan can be run against: each speaks one protocol and implements [`bench::Target`].

mod native;
mod patience;
mod service;

pub use self::native::{NativeClient, NativeTarget};
