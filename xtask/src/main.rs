//! `cargo xtask`: every command of Reelbench, and every side effect.
//!
//! A command reads as one summary: parse, plan (pure), do (effects), tell. `main` maps, [`run`]
//! decides: nobody else ends the program, and only [`ui`] prints.

mod accepted;
mod cargo;
mod cli;
mod commands;
mod cuda;
#[cfg(test)]
mod e2e;
mod exit;
mod image;
mod interrupt;
mod invariants;
mod machine;
mod models;
mod monitor;
mod paths;
mod process;
mod python;
mod record;
mod services;
mod setup;
mod targets;
mod ui;
mod wheel;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::commands::Context;
use crate::exit::Exit;
use crate::paths::Paths;
use crate::ui::Ui;

fn main() -> ExitCode {
    // Fails only where a provider is installed already: then there is one, which is all we need.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return ui::usage(&usage).into(),
    };
    let ui = Ui::from_env(cli.output);
    match run(&cli, &ui) {
        Ok(exit) => exit.into(),
        Err(error) => {
            ui.failure(&error);
            Exit::of(&error).into()
        }
    }
}

fn run(cli: &Cli, ui: &Ui) -> anyhow::Result<Exit> {
    let cx = Context { ui, paths: Paths::from_env()? };
    match &cli.command {
        Command::Setup(args) => commands::setup::run(args, &cx),
        Command::Test(args) => commands::test::run(args, &cx),
        Command::FetchModels(args) => commands::fetch_models::run(args, &cx),
        Command::BuildCuda(args) => commands::build_cuda::run(args, &cx),
        Command::Doctor(args) => commands::doctor::run(args, &cx),
        Command::Run(args) => commands::run::run(args, &cx),
        Command::LoadTest(args) => commands::load_test::run(args, &cx),
        Command::BuildImage(args) => commands::build_image::run(args, &cx),
        Command::Compare(args) => commands::compare::run(args, &cx),
        Command::Gate(args) => commands::gate::run(args, &cx),
        Command::Bench(args) => commands::bench::run(args, &cx),
        Command::Baseline(args) => commands::baseline::run(args, &cx),
        Command::Clean(args) => commands::clean::run(args, &cx),
        Command::Demo(args) => commands::demo::run(args, &cx),
    }
}
