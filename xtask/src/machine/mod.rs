//! What this machine has: the facts that `doctor` shows and that explain a measurement.

mod encoders;
mod engine;
mod tools;

use std::path::Path;

use serde::Serialize;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

pub use self::encoders::Encoder;
pub use self::engine::Engine;
pub use self::tools::Tool;
use crate::paths::Paths;
use crate::setup::{self, needs};

/// A machine as it was found.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Programs with their versions.
    pub tools: Vec<Tool>,
    /// Encoders of H.264, each tried.
    pub encoders: Vec<Encoder>,
    /// The container engine.
    pub engine: Engine,
    /// NVIDIA cards: name, driver, memory.
    pub gpus: Vec<String>,
    /// Cores this process may use.
    pub cores: usize,
    /// Load average over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Memory of the machine.
    pub memory_bytes: u64,
    /// Memory that is free or can be freed.
    pub memory_available_bytes: u64,
    /// Space for what the commands make.
    pub disk_free_bytes: u64,
    /// Models that `fetch-models` brought, or that the fixtures made.
    pub models: Vec<String>,
    /// What is not there, and what that costs.
    pub missing: Vec<Missing>,
}

/// Something that is not there.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What people call it.
    pub name: &'static str,
    /// What does not work without it.
    pub lost: &'static str,
}

/// What is lost without things that `setup` does not install.
const OPTIONAL: &[(&str, &str)] = &[
    ("rustc", "nothing builds"),
    ("cargo", "nothing builds"),
    ("cargo-nextest", "`test` runs one test program after the other"),
    ("cargo-deny", "`test` leaves out the check of licences, bans and sources"),
    ("nvcc", "`build-cuda` brings a CUDA toolkit through pip, 0.7 GB"),
    ("libx264", "a machine without a video card renders no video"),
    ("h264_nvenc", "the CPU encodes"),
    ("h264_qsv", "the CPU encodes"),
    ("h264_vaapi", "the CPU encodes"),
    (ENGINE, "images are assembled and cannot be run"),
    (GPU, "models run on the CPU"),
    (MODELS, "the first command that needs them fetches them"),
];

/// Name of the container engine among what is missing.
pub const ENGINE: &str = "container engine";
/// Name of the cards among what is missing.
pub const GPU: &str = "GPU";
/// Name of the models among what is missing.
pub const MODELS: &str = "models";

/// Looks around; everything that takes time runs at once.
pub async fn look(paths: &Paths) -> Machine {
    let (tools, encoders, engine, gpus) =
        tokio::join!(tools::look(), encoders::look(), engine::look(), tools::gpus());
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory).ok();
    let load = System::load_average().map_or([0.0; 3], |load| [load.one, load.five, load.fifteen]);
    let mut machine = Machine {
        tools,
        encoders,
        engine,
        gpus,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        load,
        memory_bytes: system.as_ref().map_or(0, System::total_memory),
        memory_available_bytes: system.as_ref().map_or(0, System::available_memory),
        disk_free_bytes: disk_free(&paths.home),
        models: folders_in(&paths.models()),
        missing: Vec::new(),
    };
    machine.missing = missing(&machine, &setup::missing(needs::of(None)));
    machine
}

/// What `machine` lacks: needs that `setup` did not find, and optional things.
fn missing(machine: &Machine, needs: &[&'static setup::Need]) -> Vec<Missing> {
    let tools = machine.tools.iter().filter(|tool| tool.version.is_none()).map(|tool| tool.name);
    let encoders = machine.encoders.iter().filter(|encoder| !encoder.works);
    let absent: Vec<&str> = tools
        .chain(encoders.map(|encoder| encoder.name))
        .chain(machine.engine.version.is_none().then_some(ENGINE))
        .chain(machine.gpus.is_empty().then_some(GPU))
        .chain(machine.models.is_empty().then_some(MODELS))
        .collect();
    let optional = OPTIONAL.iter().filter(|(name, _)| absent.contains(name));
    let needs = needs.iter().map(|need| Missing { name: need.name, lost: need.lost });
    needs.chain(optional.map(|&(name, lost)| Missing { name, lost })).collect()
}

/// Space on the disk of `folder`, or of the nearest folder above it that is there.
fn disk_free(folder: &Path) -> u64 {
    folder
        .ancestors()
        .find_map(|folder| rustix::fs::statvfs(folder).ok())
        .map_or(0, |disk| disk.f_bavail * disk.f_frsize)
}

/// Names of the folders in `folder`, sorted; none where it is not there.
fn folders_in(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>());
    let mut names: Vec<String> = entries
        .unwrap_or_default()
        .iter()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_missing_once_with_what_it_costs() {
        let tool = |name, version: Option<&str>| Tool { name, version: version.map(str::to_owned) };
        let machine = Machine {
            tools: vec![
                tool("cargo", Some("1.95.0")),
                tool("ffmpeg", None),
                tool("cargo-deny", None),
            ],
            encoders: vec![Encoder { name: "h264_qsv", works: false, reason: "no".to_owned() }],
            engine: Engine { host: String::new(), version: None, reason: "no".to_owned() },
            gpus: vec!["a card".to_owned()],
            cores: 1,
            load: [0.0; 3],
            memory_bytes: 0,
            memory_available_bytes: 0,
            disk_free_bytes: 0,
            models: Vec::new(),
            missing: Vec::new(),
        };
        let ffmpeg = needs::NEEDS.iter().find(|need| need.name == "ffmpeg").expect("a need");
        let missing = missing(&machine, &[ffmpeg]);
        let names: Vec<&str> = missing.iter().map(|missing| missing.name).collect();
        assert_eq!(names, ["ffmpeg", "cargo-deny", "h264_qsv", ENGINE, MODELS]);
        assert!(missing.iter().all(|missing| !missing.lost.is_empty()));
    }

    #[test]
    fn the_disk_of_a_folder_that_is_not_there_yet_is_found() {
        let folder = tempfile::tempdir().expect("a temp folder");
        assert!(disk_free(&folder.path().join("not/there/yet")) > 0);
    }

    #[test]
    fn folders_are_listed_in_order_and_files_are_not() {
        let folder = tempfile::tempdir().expect("a temp folder");
        fs_err::create_dir(folder.path().join("whisper")).expect("a folder");
        fs_err::create_dir(folder.path().join("minilm")).expect("a folder");
        fs_err::write(folder.path().join("a-file"), b"").expect("a file");
        assert_eq!(folders_in(folder.path()), ["minilm", "whisper"]);
        assert!(folders_in(&folder.path().join("absent")).is_empty());
    }
}
