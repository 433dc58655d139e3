//! What living processes use.

use std::path::{Path, PathBuf};

use procfs::process::{FDTarget, Process, all_processes};
use rustix::fs::{FlockOperation, flock};

/// What each process has open, is in, or was told of.
#[derive(Debug, Default)]
pub struct Living {
    uses: Vec<Use>,
}

#[derive(Debug)]
struct Use {
    process: String,
    /// Files it has open, and the folder it is in.
    places: Vec<PathBuf>,
    /// What it was started with.
    arguments: String,
}

impl Living {
    /// Looks at every process but this one. Of processes of other users nothing is seen.
    pub fn look() -> Self {
        let Ok(processes) = all_processes() else { return Self::default() };
        let this = i32::try_from(std::process::id()).unwrap_or_default();
        let others = processes.flatten().filter(|process| process.pid() != this);
        Self { uses: others.filter_map(|process| Use::of(&process)).collect() }
    }

    /// A process that uses `path` or something in it, in words.
    pub fn user_of(&self, path: &Path) -> Option<String> {
        let real = fs_err::canonicalize(path).ok()?;
        let shown = real.to_string_lossy();
        let uses = |it: &&Use| {
            it.places.iter().any(|place| place.starts_with(&real))
                || mentions(&it.arguments, &shown)
        };
        self.uses.iter().find(uses).map(|it| format!("process {} uses it", it.process))
    }
}

impl Use {
    fn of(process: &Process) -> Option<Self> {
        let name = process.stat().ok()?.comm;
        let open = process.fd().into_iter().flatten().flatten().filter_map(|fd| match fd.target {
            FDTarget::Path(path) => Some(path),
            _ => None,
        });
        Some(Self {
            process: format!("{} ({name})", process.pid()),
            places: open.chain(process.cwd().ok()).collect(),
            arguments: process.cmdline().unwrap_or_default().join("\n"),
        })
    }
}

/// Whether `arguments` name `path` or something in it, and not only something whose name begins like it.
fn mentions(arguments: &str, path: &str) -> bool {
    arguments.match_indices(path).any(|(start, found)| {
        let next = arguments[start + found.len()..].chars().next();
        !next.is_some_and(|next| next.is_alphanumeric() || "-_.".contains(next))
    })
}

/// Whether somebody holds the lock on a file, also somebody whose process cannot be seen from here.
pub fn is_locked(file: &Path) -> bool {
    fs_err::File::open(file)
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_longer_name_is_another_one() {
        for (arguments, expected) in [
            ("serve\n--set\ndata_dir='/home/runs/run-a'", true),
            ("/home/runs/run-a", true),
            ("/home/runs/run-a/jobs", true),
            ("/home/runs/run-ab", false),
            ("/home/runs/run-a.old and /home/runs/run-a", true),
            ("/home/runs", false),
            ("", false),
        ] {
            assert_eq!(mentions(arguments, "/home/runs/run-a"), expected, "{arguments}");
        }
    }
}
