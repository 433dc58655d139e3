//! Programs of Python, each in a folder of its own with all that it needs: nothing of the machine's Python
//! is changed, and nothing of another program's. pip knows the mirrors, proxies and certificates.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::paths::Paths;
use crate::process;
use crate::ui::Ui;

/// A program, as a module of Python.
#[derive(Debug)]
pub struct Program {
    /// `name==version`.
    package: &'static str,
    /// What `python3` is given to start it; nothing of what is only imported.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the tests start it"))]
    start: &'static [&'static str],
    /// What `python3` is given to see whether it starts.
    trial: &'static [&'static str],
}

/// Asks an HTTP API all that its document allows and forbids (<https://schemathesis.io>).
pub const SCHEMATHESIS: Program = Program {
    package: "schemathesis==4.32.5",
    start: &["-m", "schemathesis.cli"],
    trial: &["-m", "schemathesis.cli", "--version"],
};

/// RunPod's own library of workers, whose local server speaks as its endpoints do
/// (<https://github.com/runpod/runpod-python>).
pub const RUNPOD: Program =
    Program { package: "runpod==1.12.0", start: &[], trial: &["-c", "import runpod"] };

/// Every program.
pub const ALL: [&Program; 2] = [&SCHEMATHESIS, &RUNPOD];

impl Program {
    fn folder(&self, paths: &Paths) -> PathBuf {
        paths.python().join(self.package.replace("==", "-"))
    }

    /// The program, to be given arguments. None: it was not brought.
    #[cfg(test)]
    pub fn command(&self, paths: &Paths) -> Option<Command> {
        let folder = self.folder(paths);
        folder.is_dir().then(|| {
            let mut command = Command::new("python3");
            command.env("PYTHONPATH", folder).args(self.start);
            command
        })
    }

    /// Brings the program, where it is not there.
    ///
    /// # Errors
    ///
    /// pip is not there, or cannot install it: the error has its last lines.
    pub async fn bring(&self, paths: &Paths, ui: &Ui, stop: &CancellationToken) -> Result<()> {
        let folder = self.folder(paths);
        if folder.is_dir() {
            return Ok(());
        }
        fs_err::create_dir_all(paths.python())?;
        // Beside it, and renamed: a half program is never started.
        let part = tempfile::tempdir_in(paths.python())?;
        let progress = ui.progress(&format!("bringing {}", self.package));
        let pip = install(self.package, part.path());
        let end = process::captured(pip, stop, |line| progress.message(line)).await?;
        drop(progress);
        if !end.status.success() {
            let said = end.tail.join("\n");
            let message = format!("pip cannot install {} ({}):\n{said}", self.package, end.status);
            let hint = "pip looks where its configuration says: `python3 -m pip config list`";
            return Err(Failure::environment(message).with_hint(hint).into());
        }
        self.starts(part.path(), stop).await?;
        fs_err::rename(part.keep(), folder)?;
        Ok(())
    }

    /// What was installed for another Python does not start: better known now than in a test.
    async fn starts(&self, folder: &Path, stop: &CancellationToken) -> Result<()> {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", folder).args(self.trial);
        let end = process::captured(command, stop, |_| {}).await?;
        if end.status.success() {
            return Ok(());
        }
        let said = end.tail.join("\n");
        let message = format!("{} does not start ({}):\n{said}", self.package, end.status);
        Err(Failure::environment(message).into())
    }
}

fn install(package: &str, folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--no-input",
        "--progress-bar",
        "off",
        "--no-warn-script-location",
    ]);
    // In a folder of its own nothing of the system's is touched: pip may be root there.
    pip.args(["--root-user-action", "ignore", "--disable-pip-version-check", "--target"]);
    pip.arg(folder).arg(package);
    pip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_pinned_and_has_a_folder_of_its_own() {
        let paths = Paths::from_env().expect("a checkout");
        for program in ALL {
            assert!(crate::wheel::is_package(program.package), "{}", program.package);
        }
        assert_ne!(SCHEMATHESIS.folder(&paths), RUNPOD.folder(&paths));
        let folder = SCHEMATHESIS.folder(&paths);
        assert!(folder.ends_with("python/schemathesis-4.32.5"), "{}", folder.display());
    }
}
