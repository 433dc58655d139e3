//! What can be typed. Each command has its arguments and its help in `commands/<name>.rs`.

use clap::{Parser, Subcommand};

use crate::commands::doctor;
use crate::exit;
use crate::ui::Output;

/// Build, run and measure text-to-video pipelines.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true,
    after_help = exit::table(),
)]
pub struct Cli {
    /// How to talk to the user.
    #[command(flatten)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what is installed, and what each missing thing costs.
    Doctor(doctor::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
