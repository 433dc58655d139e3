//! One module a command: its arguments, and `run`, which reads as a summary of it.

pub mod baseline;
pub mod bench;
pub mod build_cuda;
pub mod build_image;
pub mod clean;
pub mod compare;
pub mod demo;
pub mod doctor;
pub mod fetch_models;
pub mod gate;
pub mod load_test;
pub mod run;
pub mod setup;
mod stand;
pub mod test;

use crate::paths::Paths;
use crate::ui::Ui;

/// What every command is given.
#[derive(Debug)]
pub struct Context<'a> {
    /// Talks to the user.
    pub ui: &'a Ui,
    /// Where things are.
    pub paths: Paths,
}

/// What was typed, for whoever wants to do it again.
pub fn typed() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask {}", words.join(" "))
}
