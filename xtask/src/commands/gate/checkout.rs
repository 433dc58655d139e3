//! The programs of a commit: checked out into a worktree of its own, built with the cache of this
//! checkout, and kept by the name of the commit.
//!
//! There is one worktree for all of them: what a commit has not changed is not built again. What was built
//! is copied away before the next build takes its place.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::cargo::cargo;
use crate::commands::Context;
use crate::exit::Failure;
use crate::process;
use crate::services::{self, COUNT_ALLOCATIONS, Profile};

/// What a pipeline is made of.
const PROGRAMS: [&str; 2] = ["pipeline", "espeak-words"];

/// The program of an arm.
#[derive(Clone, Debug)]
pub struct Built {
    /// The commit, and whether there were changes that no commit has.
    pub revision: String,
    /// The measured program.
    pub pipeline: PathBuf,
}

/// Git, asked in the checkout.
async fn git(root: &Path, arguments: &[&str], stop: &CancellationToken) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(arguments);
    let mut said = Vec::new();
    let ended = process::captured(command, stop, |line| said.push(line.to_owned())).await?;
    if ended.status.success() {
        return Ok(said.join("\n"));
    }
    let tail = ended.tail.join("; ");
    anyhow::bail!("git {}: {tail}", arguments.join(" "))
}

/// The full name of the commit that `revision` names.
///
/// # Errors
///
/// There is none: usage.
pub async fn commit(
    revision: &str,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<String> {
    let name = format!("{revision}^{{commit}}");
    let found = git(&cx.paths.root, &["rev-parse", "--verify", "--quiet", &name], stop).await;
    if stop.is_cancelled() {
        return Err(Failure::Interrupted.into());
    }
    found.map_err(|_| {
        let message = format!("{revision}: expected a commit of this repository, found none");
        let hint = "`git fetch origin` brings what others have; a shallow clone has the newest commits \
                    alone (`git fetch --unshallow`)";
        Failure::usage(message).with_hint(hint).into()
    })
}

/// What a file has in the commit that `revision` names. None: it has no such file.
///
/// # Errors
///
/// There is no such commit: usage.
pub async fn file(
    revision: &str,
    path: &str,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Option<String>> {
    let commit = commit(revision, cx, stop).await?;
    let root = &cx.paths.root;
    let listed = git(root, &["ls-tree", "--name-only", &commit, "--", path], stop).await?;
    if listed.is_empty() {
        return Ok(None);
    }
    git(root, &["show", &format!("{commit}:{path}")], stop).await.map(Some)
}

/// Builds the programs of `revision`, or takes those that were built before.
///
/// # Errors
///
/// There is no such commit, it cannot be checked out, it does not build.
pub async fn built(
    revision: &str,
    build: Profile,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Built> {
    let commit = commit(revision, cx, stop).await?;
    let folder = cx.paths.home.join("arms").join(format!("{commit}-{}", build.folder()));
    let built = Built { revision: commit.clone(), pipeline: folder.join(PROGRAMS[0]) };
    if built.pipeline.is_file() {
        return Ok(built);
    }
    let tree = cx.paths.home.join("arms/tree");
    check_out(&tree, &commit, cx, stop).await?;
    let mut command = cargo();
    command.current_dir(&tree).env("CARGO_TARGET_DIR", &cx.paths.target);
    // As this checkout is built: with another set of packages the dependencies would have other features, and
    // all of them be built again.
    command.args(["build", "--locked", "--package", "pipeline", "--package", "fixtures", "--bins"]);
    if build == Profile::Release {
        command.arg("--release");
    }
    let title = format!("building the pipeline of {revision}");
    services::compile(cx, command, &title, stop).await?;
    // A later commit's may still lie in cargo's folder.
    let source = tree.join("pipeline/src/bin").join(COUNT_ALLOCATIONS);
    let programs = PROGRAMS.into_iter().chain(source.is_dir().then_some(COUNT_ALLOCATIONS));
    keep(programs, &cx.paths.target.join(build.folder()), &folder)?;
    Ok(built)
}

/// Puts the commit into the worktree at `tree`, and makes that where it is not there.
async fn check_out(
    tree: &Path,
    commit: &str,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    if tree.join(".git").is_file() {
        git(tree, &["checkout", "--quiet", "--force", "--detach", commit], stop).await?;
        return Ok(());
    }
    // One that was removed by hand is still in git's list.
    git(&cx.paths.root, &["worktree", "prune"], stop).await?;
    let path = tree.to_str().context("the folder of the worktree is not UTF-8")?;
    let add = ["worktree", "add", "--quiet", "--force", "--detach", path, commit];
    git(&cx.paths.root, &add, stop).await.map(drop)
}

/// Copies the programs out of cargo's folder; they are there whole or not at all.
fn keep(
    programs: impl IntoIterator<Item = &'static str>,
    from: &Path,
    to: &Path,
) -> anyhow::Result<()> {
    let begun = to.with_extension("part");
    let _ = fs_err::remove_dir_all(&begun);
    fs_err::create_dir_all(&begun)?;
    for program in programs {
        fs_err::copy(from.join(program), begun.join(program))?;
    }
    fs_err::rename(&begun, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Paths;
    use crate::ui::{Output, Ui};

    #[tokio::test]
    async fn a_file_is_read_as_a_commit_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let stop = CancellationToken::new();
        let paths =
            Paths { root: folder.path().to_owned(), ..Paths::from_env().expect("a checkout") };
        let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
        let cx = Context { ui: &ui, paths };
        fs_err::create_dir(folder.path().join("reports")).expect("made");
        let of = |text: &str| fs_err::write(folder.path().join("reports/b.toml"), text);
        of("first = 1\n").expect("written");
        let name = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        git(folder.path(), &["init", "--quiet"], &stop).await.expect("a repository");
        git(folder.path(), &["add", "."], &stop).await.expect("added");
        let commit = [&name[..], &["commit", "--quiet", "--message", "one"]].concat();
        git(folder.path(), &commit, &stop).await.expect("a commit");
        of("second = 2\n").expect("written");
        let found = file("HEAD", "reports/b.toml", &cx, &stop).await.expect("a commit");
        assert_eq!(found.as_deref(), Some("first = 1"));
        assert_eq!(file("HEAD", "reports/c.toml", &cx, &stop).await.expect("a commit"), None);
        let error = file("v9", "reports/b.toml", &cx, &stop).await.expect_err("no commit");
        assert!(error.to_string().starts_with("v9: expected a commit"), "{error}");
    }
}
