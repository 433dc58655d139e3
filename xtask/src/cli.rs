//! What can be typed. Each command has its arguments and its help in `commands/<name>.rs`.

use clap::{Parser, Subcommand};

use crate::commands::{
    baseline, bench, build_cuda, build_image, clean, compare, demo, doctor, fetch_models, gate,
    load_test, run, setup, test,
};
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

/// Every command; its help is the comment on its `Args`.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::Args),
    BuildImage(build_image::Args),
    Run(run::Args),
    LoadTest(Box<load_test::Args>),
    Compare(compare::Args),
    Gate(Box<gate::Args>),
    Baseline(baseline::Args),
    Bench(bench::Args),
    FetchModels(fetch_models::Args),
    BuildCuda(build_cuda::Args),
    Setup(setup::Args),
    Doctor(doctor::Args),
    Test(test::Args),
    Clean(clean::Args),
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
