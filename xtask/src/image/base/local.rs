//! A base without a registry: the host's own release, put together by mmdebstrap as one layer that is
//! the same, byte for byte, as long as the packages are.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::Wanted;
use super::sources::{self, Release};
use crate::exit::Failure;
use crate::process;
use crate::ui::Progress;

/// The time that all files get at the latest: the 14th of November 2023. Any will do that stays.
const EPOCH: &str = "1700000000";

/// What is of this machine: its mirrors (with names and passwords, maybe), its name, its resolver.
const FORGET: &str = r#"rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/var/log/apt "$1"/var/log/dpkg.log"#;

/// How a base is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The release.
    pub release: Release,
    /// What is installed, beside what every system has, and what of it.
    pub wanted: Wanted,
}

impl Recipe {
    /// Everything that decides what comes out, but the mirrors: it names the image.
    pub fn text(&self) -> String {
        let Self { release, wanted } = self;
        format!("{} {}\n{EPOCH}\n{FORGET}\n{}", release.id, release.codename, wanted.text())
    }

    /// Arguments of mmdebstrap, which writes the tar file to its standard output.
    fn arguments(&self, sources: &[String]) -> Vec<String> {
        let mut all: Vec<String> =
            ["--variant=minbase", "--format=tar", "--dpkgopt=force-unsafe-io"]
                .map(str::to_owned)
                .into();
        // A path that is there is read as a file of options.
        all.push(format!("--dpkgopt={}", self.wanted.dpkg_path.display()));
        all.push(format!("--customize-hook={FORGET}"));
        all.push(format!("--include={}", self.wanted.packages.join(",")));
        all.extend([self.release.codename.clone(), "-".to_owned()]);
        all.extend(sources.iter().cloned());
        all
    }
}

/// The release of this machine.
///
/// # Errors
///
/// It is none that apt knows.
pub fn release() -> anyhow::Result<Release> {
    let text = fs_err::read_to_string("/etc/os-release").unwrap_or_default();
    Release::parse(&text).ok_or_else(|| {
        Failure::environment("`--base local` needs Debian or Ubuntu: this is neither")
            .with_hint("name a base of a registry: `--base debian:bookworm-slim`")
            .into()
    })
}

/// Puts the base together and writes its layer to `target`.
///
/// # Errors
///
/// mmdebstrap fails; the error has its last lines. The disk is full.
pub async fn make(
    recipe: &Recipe,
    target: &Path,
    progress: &dyn Progress,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let sources = sources::lines(&recipe.release, &source_files()?);
    if sources.is_empty() {
        let message = format!("/etc/apt names no source of {}", recipe.release.codename);
        return Err(Failure::environment(message)
            .with_hint("`--base IMAGE` takes one of a registry")
            .into());
    }
    let file = fs_err::File::create(target)?;
    // By its path: sudo has a search path of its own.
    let mmdebstrap = which::which("mmdebstrap").context("cannot start `mmdebstrap`")?;
    let mut command = as_root(&mmdebstrap);
    command.args(recipe.arguments(&sources));
    let stdout = Stdio::from(file.into_parts().0);
    let on_line = |line: &str| progress.message(line.trim_start_matches("I: "));
    let end = process::redirected(command, stdout, stop, on_line).await?;
    if end.status.success() {
        return Ok(());
    }
    let said = end.tail.join("\n  ");
    let message = format!(
        "mmdebstrap cannot write {}: it ended with {}:\n  {said}",
        target.display(),
        end.status
    );
    Err(Failure::environment(message).into())
}

/// `program` as root where that is possible without a password: otherwise it must do without, and
/// mmdebstrap does where the kernel lets users have namespaces of their own.
fn as_root(program: &Path) -> Command {
    let is_root = rustix::process::geteuid().is_root();
    let sudo = || {
        let asked = std::process::Command::new("sudo").args(["-n", "true"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    let mut command = Command::new(if !is_root && sudo() { "sudo" } else { "env" });
    if command.as_std().get_program() == "sudo" {
        command.args(["-n", "env"]);
    }
    command.arg(format!("SOURCE_DATE_EPOCH={EPOCH}")).arg(program);
    command
}

/// `/etc/apt/sources.list` and what is in the folder beside it, sorted by name.
fn source_files() -> anyhow::Result<Vec<(String, String)>> {
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    for entry in fs_err::read_dir("/etc/apt/sources.list.d").into_iter().flatten() {
        paths.push(entry?.path());
    }
    paths.retain(|path| {
        path.extension().is_some_and(|kind| kind == "list" || kind == "sources") && path.is_file()
    });
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs_err::read_to_string(&path).context("cannot read the package sources")?;
        Ok((path.to_string_lossy().into_owned(), text))
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            release: Release { id: "debian".to_owned(), codename: "bookworm".to_owned() },
            wanted: Wanted {
                packages: vec!["ffmpeg".to_owned(), "tini".to_owned()],
                dpkg: "path-exclude=/usr/share/doc/*\n".to_owned(),
                dpkg_path: "/x/dpkg.cfg".into(),
            },
        }
    }

    #[test]
    fn the_recipe_is_all_that_decides() {
        let arguments = recipe().arguments(&["deb http://mirror bookworm main".to_owned()]);
        assert!(arguments.contains(&"--include=ffmpeg,tini".to_owned()), "{arguments:?}");
        assert_eq!(
            arguments[arguments.len() - 3..],
            ["bookworm", "-", "deb http://mirror bookworm main"]
        );
        let mut more = recipe();
        more.wanted.packages.push("vim".to_owned());
        let mut whole = recipe();
        whole.wanted.dpkg.clear();
        let mut later = recipe();
        later.release.codename = "trixie".to_owned();
        let texts = [recipe(), more, whole, later].map(|recipe| recipe.text());
        assert!(texts[1..].iter().all(|text| *text != texts[0]), "{texts:?}");
        assert!(!texts[0].contains("mirror"), "{}", texts[0]);
    }
}
