//! What is removed, and what stays.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::living::Living;
use super::remove::Sizes;
use super::{Args, folders_of};
use crate::paths::Paths;
use crate::record;

/// A folder has no process in it before its programs are started; for so long it is new.
const NEW: Duration = Duration::from_secs(60);

/// Something that is removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// What it is.
    pub what: &'static str,
    /// Where.
    pub path: PathBuf,
    /// How much is free without it.
    pub bytes: u64,
}

/// Something that would be removed, was it not in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where.
    pub path: PathBuf,
    /// Who uses it.
    pub reason: String,
}

/// Everything that `args` ask for and that is there, sorted out by whether something uses it; an image is
/// being built where `is_building`.
///
/// # Errors
///
/// A folder cannot be read.
pub fn plan(
    args: &Args,
    paths: &Paths,
    living: &Living,
    is_building: bool,
) -> anyhow::Result<(Vec<Target>, Vec<Kept>)> {
    let mut sizes = Sizes::default();
    let (mut removed, mut kept) = (Vec::new(), Vec::new());
    for (what, path) in wanted(args, paths)? {
        let built =
            (what == BUILDING && is_building).then(|| "a build-image is at work".to_owned());
        let user = built.or_else(|| living.user_of(&path)).or_else(|| new_or_locked(what, &path));
        match user {
            Some(reason) => kept.push(Kept { path, reason }),
            None => removed.push(Target { what, bytes: sizes.of(&path), path }),
        }
    }
    Ok((removed, kept))
}

/// What killed commands leave behind; it goes without a flag.
const DATA: &str = "data of a run";
const BEGUN: &str = "begun download";

/// What building images keeps.
const BUILDING: &str = "image building";

/// Whether a command has just begun with it, or one that we cannot see holds its lock.
fn new_or_locked(what: &str, path: &Path) -> Option<String> {
    if ![DATA, BEGUN].contains(&what) {
        return None;
    }
    let lock = path.join("lock");
    if lock.is_file() {
        return super::living::is_locked(&lock).then(|| "its lock is held".to_owned());
    }
    let age = fs_err::metadata(path).and_then(|metadata| metadata.modified()).ok()?.elapsed();
    age.is_ok_and(|age| age < NEW).then(|| "it was made less than a minute ago".to_owned())
}

/// Everything that `args` ask for and that is there.
///
/// Only what is known to be ours is taken: the home may be a folder that the user has other things in.
fn wanted(args: &Args, paths: &Paths) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let is = |flag: bool| flag || args.all;
    let mut wanted = Vec::new();
    let mut add = |what: &'static str, paths: Vec<PathBuf>| {
        wanted.extend(paths.into_iter().map(|path| (what, path)));
    };
    let with = |parent: &Path, ours: fn(&Path) -> bool| -> anyhow::Result<Vec<PathBuf>> {
        Ok(folders_of(parent)?.into_iter().filter(|path| ours(path)).collect())
    };
    let toolkits = paths.home.join("cuda");
    add(DATA, with(&paths.runs(), |path| name(path).starts_with("run-"))?);
    add(BEGUN, with(&toolkits, |path| name(path).starts_with("fetch-"))?);
    if is(args.runs) {
        add("run", with(&record::runs(paths), |_| true)?);
    }
    if is(args.models) {
        add("model", with(&paths.models(), |path| path.join("model.json").is_file())?);
        let parts = ["blobs", "memo", "partial"].map(|part| paths.store().join(part));
        let is_store = parts[0].is_dir() && parts[2].is_dir();
        add("store", parts.into_iter().filter(|part| is_store && part.is_dir()).collect());
    }
    if is(args.media) {
        let media = paths.media();
        let is_ours = media.join("manifest.json").is_file() || media.join(".lock").is_file();
        add("media", if is_ours { vec![media] } else { Vec::new() });
    }
    if is(args.cuda) {
        add("CUDA toolkit", with(&toolkits, |path| is_toolkit(&name(path)))?);
    }
    if is(args.images) {
        let image = paths.home.join("image");
        let is_ours = image.join("lock").is_file();
        add(BUILDING, if is_ours { vec![image] } else { Vec::new() });
    }
    Ok(wanted)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// As `build-cuda` names them: the version, and the digest of the manifest.
fn is_toolkit(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(version, digest)| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && digest.len() == 12
            && digest.chars().all(|c| c.is_ascii_hexdigit())
    })
}
