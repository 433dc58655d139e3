//! The stratum of the code: built by the engine from a context of the programs alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use tokio::process::Command;

use super::context;
use super::engine::{Build, EngineError, Inspected};
use super::strata::{Stratum, labels, look};
use super::{Place, Variant};
use crate::exit::Failure;

/// Copies of `programs` in `folder` without symbols, which nobody reads in an image.
///
/// # Errors
///
/// `strip` fails.
pub async fn stripped(programs: &[PathBuf], folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    fs_err::create_dir_all(folder)?;
    let mut all = Vec::new();
    for program in programs {
        let target = folder.join(program.file_name().unwrap_or_default());
        let mut strip = Command::new("strip");
        strip.arg("--strip-all").arg("-o").arg(&target).arg(program);
        let output = strip.kill_on_drop(true).output().await.context("cannot start `strip`")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::environment(format!("`strip`: {}: {said}", output.status)).into());
        }
        all.push(target);
    }
    Ok(all)
}

/// Builds the candidate over the models.
///
/// # Errors
///
/// The Dockerfile does not build, or the engine refuses.
pub async fn build(
    models_name: &str,
    programs: &[PathBuf],
    facts: &[(String, String)],
    place: &Place<'_>,
) -> anyhow::Result<(Inspected, Stratum)> {
    let Place { engine, cx, docker, session, .. } = place;
    let (begun, sent_before) = (Instant::now(), engine.sent());
    let candidate = session.candidate();
    let progress = cx.ui.progress("building the image");
    let programs: Vec<&Path> = programs.iter().map(PathBuf::as_path).collect();
    let build = Build {
        tag: &candidate,
        context: context::of_code(docker, &programs, &labels("code", facts))?,
        args: HashMap::from([("MODELS".to_owned(), models_name.to_owned())]),
    };
    let on_line = |line: &str| {
        progress.message(line);
        place.log(line);
    };
    engine.build(build, on_line).await.map_err(EngineError::told)?;
    let made = look(engine, &candidate).await?;
    let made = made.with_context(|| format!("the engine has no {candidate}"))?;
    let stratum = Stratum {
        name: "code",
        image: made.id.clone(),
        reused: false,
        sent: engine.sent() - sent_before,
        seconds: begun.elapsed().as_secs_f64(),
        layers: 0,
    };
    Ok((made, stratum))
}

/// What the labels say of the code: which version, from where, and for what.
pub async fn facts(variant: Variant, root: &Path) -> Vec<(String, String)> {
    let label = |name: &str, value: String| (name.to_owned(), value);
    let mut all = vec![
        label("org.opencontainers.image.version", env!("CARGO_PKG_VERSION").to_owned()),
        label("reelbench.variant", variant.name().to_owned()),
    ];
    let revision = git(root, &["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]);
    if let Some(revision) = revision.await {
        all.push(label("org.opencontainers.image.revision", revision));
    }
    if let Some(source) =
        git(root, &["remote", "get-url", "origin"]).await.and_then(|remote| public(&remote))
    {
        all.push(label("org.opencontainers.image.source", source));
    }
    all
}

async fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// An address that others can open: no path of this machine, no name and no password.
fn public(remote: &str) -> Option<String> {
    let mut url = url::Url::parse(remote).ok()?;
    if !["https", "http"].contains(&url.scheme()) || url.host_str().is_none() {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_public_address_is_told() {
        let check = |remote: &str, expected: Option<&str>| {
            assert_eq!(public(remote).as_deref(), expected, "{remote}");
        };
        check("https://host/a/b.git", Some("https://host/a/b.git"));
        check("https://me:secret@host/a/b.git", Some("https://host/a/b.git"));
        check("git@host:a/b.git", None);
        check("/srv/git/b.git", None);
        check("file:///srv/git/b.git", None);
    }

    #[tokio::test]
    async fn symbols_are_left_out_and_the_program_still_runs() {
        let folder = tempfile::tempdir().expect("folder");
        let program = std::env::current_exe().expect("this program");
        let copies =
            stripped(std::slice::from_ref(&program), folder.path()).await.expect("stripped");
        let size = |path: &Path| fs_err::metadata(path).expect("a file").len();
        assert!(size(&copies[0]) < size(&program));
        let output = Command::new(&copies[0]).arg("--list").output().await.expect("it starts");
        assert!(output.status.success());
    }
}
