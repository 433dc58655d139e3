//! What may explain a measurement, for its run file.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::tools;

/// Facts by name, as a run file holds them.
pub type Facts = BTreeMap<String, Value>;

/// This machine, now, and the checkout at `root`. What cannot be known is left out.
pub async fn facts(root: &Path) -> Facts {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let (ffmpeg, gpus, revision) =
        tokio::join!(tools::version("ffmpeg"), tools::gpus(), revision(root));
    let system = System::new_with_specifics(wanted).ok();
    let cpu =
        system.as_ref().and_then(|system| system.cpus().first()).map(|cpu| cpu.brand().trim());
    let memory =
        system.as_ref().map(|system| format!("{:.1} GB", system.total_memory() as f64 / 1e9));
    let load = System::load_average().ok();
    let facts = [
        ("began", Some(jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S %:z").to_string().into())),
        ("cores", std::thread::available_parallelism().ok().map(|n| n.get().into())),
        ("cpu", cpu.filter(|brand| !brand.is_empty()).map(Into::into)),
        ("memory", memory.map(Into::into)),
        ("os", System::long_os_version().ok().map(Into::into)),
        ("kernel", System::kernel_version().ok().map(Into::into)),
        ("load before", load.map(|load| format!("{:.2}", load.one).into())),
        ("ffmpeg", ffmpeg.map(Into::into)),
        ("cards", (!gpus.is_empty()).then(|| gpus.into())),
        ("revision", revision.map(Into::into)),
    ];
    let known = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.collect()
}

/// The commit, and whether files differ from it. None: this is no checkout of git's.
async fn revision(root: &Path) -> Option<String> {
    let root = root.to_str()?;
    let commit = tools::output(&["git", "-C", root, "rev-parse", "--short=12", "HEAD"]).await?;
    let changed = ["git", "-C", root, "status", "--porcelain", "--untracked-files=no"];
    let changed = tools::output(&changed).await.is_some_and(|said| !said.trim().is_empty());
    Some(format!("{}{}", commit.trim(), if changed { " and changes" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_is_described() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let facts = facts(folder.path()).await;
        for name in ["began", "cores", "memory", "os", "kernel", "load before"] {
            assert!(facts.contains_key(name), "{name} in {facts:?}");
        }
        assert!(!facts.contains_key("revision"), "{facts:?}");
        assert!(facts.values().all(|value| value != ""), "{facts:?}");
    }
}
