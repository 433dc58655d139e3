//! `cargo xtask doctor`: what is there, and what each missing thing costs.

use crate::commands::Context;
use crate::exit::Exit;
use crate::interrupt;
use crate::machine::{self, Machine};
use crate::setup::needs;
use crate::ui::Table;

/// Say what is installed, and what each missing thing costs.
///
/// Asks programs for their versions, lets every H.264 encoder encode two frames, and looks for the
/// container engine, GPUs, fonts and models. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Prints a table, or with --json one object.

Examples:
  cargo xtask doctor
  cargo xtask doctor --json | jq '.encoders[] | select(.works) | .name'

Exit codes: 0 whatever is found")]
pub struct Args {}

/// Looks around and tells.
///
/// # Errors
///
/// Where the report cannot be written as JSON.
pub fn run(_: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let machine = interrupt::block_on(async |stop| {
        let look = machine::look(&cx.paths);
        Ok(stop.run_until_cancelled(look).await)
    })?;
    if let Some(machine) = machine {
        cx.ui.data(table(&machine));
        cx.ui.json(&machine)?;
    }
    Ok(Exit::Pass)
}

fn table(machine: &Machine) -> Table {
    let mut table = Table::new(["what", "found", "without it"]);
    for (name, found) in rows(machine) {
        let missing = machine.missing.iter().find(|missing| missing.name == name);
        table.row([name, &found, missing.map_or("", |missing| missing.lost)]);
    }
    table
}

fn rows(machine: &Machine) -> Vec<(&'static str, String)> {
    let absent = || "missing".to_owned();
    let mut rows = Vec::new();
    for tool in &machine.tools {
        rows.push((tool.name, tool.version.clone().unwrap_or_else(absent)));
    }
    for encoder in &machine.encoders {
        let found = if encoder.works { "encodes" } else { &encoder.reason };
        rows.push((encoder.name, found.to_owned()));
    }
    let engine = machine.engine.version.as_ref().unwrap_or(&machine.engine.reason);
    rows.push((machine::ENGINE, engine.clone()));
    rows.push((machine::GPU, or_none(&machine.gpus, "; ")));
    rows.push((machine::MODELS, or_none(&machine.models, " ")));
    for need in needs::NEEDS {
        if rows.iter().all(|(name, _)| *name != need.name) {
            let is_missing = machine.missing.iter().any(|missing| missing.name == need.name);
            rows.push((need.name, if is_missing { absent() } else { "found".to_owned() }));
        }
    }
    let [one, five, fifteen] = machine.load;
    let memory = (gib(machine.memory_available_bytes), gib(machine.memory_bytes));
    rows.push(("cores", machine.cores.to_string()));
    rows.push(("load", format!("{one:.2} {five:.2} {fifteen:.2}")));
    rows.push(("memory", format!("{} of {} GiB free", memory.0, memory.1)));
    rows.push(("disk", format!("{} GiB free", gib(machine.disk_free_bytes))));
    rows
}

fn or_none(names: &[String], separator: &str) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(separator) }
}

fn gib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Encoder, Engine, Missing, Tool};

    fn machine() -> Machine {
        let tool = |name, version: Option<&str>| Tool { name, version: version.map(str::to_owned) };
        let encoder = |name, reason: &str| Encoder {
            name,
            works: reason.is_empty(),
            reason: reason.to_owned(),
        };
        Machine {
            tools: vec![tool("rustc", Some("1.95.0")), tool("ffmpeg", None)],
            encoders: vec![encoder("libx264", ""), encoder("h264_nvenc", "Cannot load libcuda")],
            engine: Engine {
                host: "unix:///var/run/docker.sock".to_owned(),
                version: None,
                reason: "No such file or directory (os error 2)".to_owned(),
            },
            gpus: Vec::new(),
            cores: 2,
            load: [0.5, 1.25, 8.0],
            memory_bytes: 16 << 30,
            memory_available_bytes: 10 << 30,
            disk_free_bytes: 123 << 28,
            models: vec!["minilm".to_owned(), "whisper-tiny".to_owned()],
            missing: vec![
                Missing { name: "ffmpeg", lost: "no video is rendered" },
                Missing { name: "CJK font", lost: "subtitles show boxes" },
                Missing { name: "h264_nvenc", lost: "the CPU encodes" },
                Missing { name: machine::ENGINE, lost: "images cannot be run" },
                Missing { name: machine::GPU, lost: "models run on the CPU" },
            ],
        }
    }

    #[test]
    fn each_missing_thing_has_a_row_with_what_it_costs() {
        insta::assert_snapshot!(table(&machine()).to_string());
    }

    #[test]
    fn the_document_for_programs() {
        insta::assert_json_snapshot!(machine());
    }
}
