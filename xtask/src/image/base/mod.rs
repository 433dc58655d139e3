//! The lowest stratum: an operating system with the packages of `docker/packages.txt`.
//!
//! Of the host's own release ([`local`]), or over an image of a registry by way of the engine
//! ([`registry`]). Which of them is decided by [`choose`], which is pure.

mod local;
mod registry;
mod sources;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

pub use self::registry::check_age;
use self::sources::Release;
use super::archive::{Image, Stacked};
use super::engine::{Engine, EngineError, Inspected};
use super::glibc::Versions;
use super::pieces::Piece;
use super::strata::{Stratum, labels, look, named};
use super::{Place, Variant};
use crate::commands::Context;
use crate::exit::Failure;

/// Time for a registry to say whether it has the default base.
const REGISTRY: Duration = Duration::from_secs(5);

/// What every program looks for others in, where no image below says it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the image is built over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The host's own release, by mmdebstrap.
    Local,
    /// An image of the engine or of a registry.
    Image(String),
}

impl Base {
    /// As typed.
    pub fn parse(text: &str) -> Self {
        if text == "local" { Self::Local } else { Self::Image(text.to_owned()) }
    }
}

/// The image of a registry that is the default for `variant` on this machine.
///
/// A program needs the C library that it was built with, or a later one: hence the host's own release,
/// and for cards the newest one that NVIDIA builds on.
fn default_image(variant: Variant, release: Option<&Release>) -> String {
    match (variant, release) {
        (Variant::Gpu, _) => "nvidia/cuda:13.0.2-runtime-ubuntu24.04".to_owned(),
        (Variant::Cpu, Some(release)) if release.id == "ubuntu" => {
            format!("ubuntu:{}", release.codename)
        }
        (Variant::Cpu, Some(release)) => format!("debian:{}-slim", release.codename),
        (Variant::Cpu, None) => "debian:stable-slim".to_owned(),
    }
}

/// What the image is built over: what was asked for, else an image of a registry where one answers.
///
/// # Errors
///
/// No registry answers, and this machine cannot make a base of its own.
pub async fn choose(
    asked: Option<&Base>,
    variant: Variant,
    engine: &Engine,
    cx: &Context<'_>,
) -> anyhow::Result<Base> {
    if let Some(base) = asked {
        if *base == Base::Local {
            local::release()?;
        }
        return Ok(base.clone());
    }
    let release = local::release();
    let image = default_image(variant, release.as_ref().ok());
    if look(engine, &image).await?.is_some() || engine.is_offered(&image, REGISTRY).await {
        return Ok(Base::Image(image));
    }
    release?;
    cx.ui.say(format!(
        "no registry offers {image} within {} s: the base is made here (`--base local`)",
        REGISTRY.as_secs()
    ));
    Ok(Base::Local)
}

/// Makes the base, or finds it. What `needed` by the programs and too old in a base ends it before
/// anything is built over it.
///
/// # Errors
///
/// A tool or the engine fails, the disk is full, the base is too old.
pub async fn ensure(
    base: &Base,
    needed: &Versions,
    place: &Place<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<(Inspected, Stratum)> {
    let wanted = Wanted::read(&place.docker)?;
    match base {
        Base::Local => {
            let recipe = local::Recipe { release: local::release()?, wanted };
            let (made, stratum) = ensure_local(&recipe, place, stop).await?;
            check_age(place, &stratum.image, needed).await?;
            Ok((made, stratum))
        }
        Base::Image(image) => registry::ensure(image, &wanted, needed, place).await,
    }
}

/// The name of the base that `--base local` makes here from the packages of the folder `docker`.
///
/// # Errors
///
/// This machine is of no release that apt knows.
#[cfg(test)]
pub fn local_name(docker: &Path) -> anyhow::Result<String> {
    let (release, wanted) = (local::release()?, Wanted::read(docker)?);
    Ok(named("base", &local::Recipe { release, wanted }.text()))
}

async fn ensure_local(
    recipe: &local::Recipe,
    place: &Place<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<(Inspected, Stratum)> {
    let Place { engine, cx, .. } = place;
    let (begun, sent_before) = (Instant::now(), engine.sent());
    let name = named("base", &recipe.text());
    let told = |reused| Stratum {
        name: "base",
        image: name.clone(),
        reused,
        sent: engine.sent() - sent_before,
        seconds: begun.elapsed().as_secs_f64(),
        layers: 1,
    };
    if let Some(there) = look(engine, &name).await? {
        return Ok((there, told(true)));
    }
    let title = format!("making a base of {} {}", recipe.release.id, recipe.release.codename);
    let progress = cx.ui.progress(&title);
    // One name for one recipe: what an earlier call left half is overwritten.
    let tar = place.work.join(format!("{}.tar", name.replace(':', "-")));
    let gone = Gone(&tar);
    local::make(recipe, &tar, &*progress, stop).await?;
    drop(progress);
    let bytes = fs_err::metadata(&tar)?.len();
    let diff_id = tokio::task::block_in_place(|| fetch::digest_of_file(&tar))?;
    let piece = Piece::File { path: tar.clone(), bytes, sha256: Some(diff_id) };
    let release = format!("{} {}", recipe.release.id, recipe.release.codename);
    let image = Image {
        name: name.clone(),
        layers: vec![Stacked {
            diff_id,
            made_by: format!("mmdebstrap {release}: {}", recipe.wanted.packages.join(" ")),
            tar: Some(vec![piece]),
        }],
        env: vec![PATH.to_owned()],
        labels: labels("base", &[("reelbench.base".to_owned(), release)]),
    };
    let progress = cx.ui.progress(&format!("loading {name}")).into();
    engine.load(&name, image.pieces(0)?, progress).await.map_err(EngineError::told)?;
    drop(gone);
    let made = look(engine, &name).await?;
    let made = made.ok_or_else(|| Failure::environment(format!("the engine has no {name}")))?;
    Ok((made, told(false)))
}

/// Removes a file at every ending.
struct Gone<'a>(&'a Path);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(self.0);
    }
}

/// What is installed in a base: `packages.txt` and `dpkg.cfg` of the folder `docker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Sorted.
    pub packages: Vec<String>,
    /// Options of dpkg: which of their files are left out.
    pub dpkg: String,
    /// Where those stand.
    pub dpkg_path: PathBuf,
}

impl Wanted {
    fn read(docker: &Path) -> anyhow::Result<Self> {
        let dpkg_path = std::path::absolute(docker.join("dpkg.cfg"))?;
        Ok(Self {
            packages: packages(&docker.join("packages.txt"))?,
            dpkg: fs_err::read_to_string(&dpkg_path)?,
            dpkg_path,
        })
    }

    /// Everything that decides what is installed.
    fn text(&self) -> String {
        format!("{}\n{}", self.packages.join("\n"), self.dpkg)
    }
}

/// The packages that `path` lists, sorted.
fn packages(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs_err::read_to_string(path)?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut all: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    all.sort();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    if let Some(bad) = all.iter().find(|name| !name.chars().all(plain)) {
        let message =
            format!("`{}`: expected the name of a package, found `{bad}`", path.display());
        return Err(Failure::environment(message).into());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_of_the_hosts_release_and_for_cards_nvidias() {
        let release =
            |id: &str, codename: &str| Release { id: id.to_owned(), codename: codename.to_owned() };
        let image = |release: Option<&Release>| default_image(Variant::Cpu, release);
        assert_eq!(image(Some(&release("debian", "bookworm"))), "debian:bookworm-slim");
        assert_eq!(image(Some(&release("ubuntu", "noble"))), "ubuntu:noble");
        assert_eq!(image(None), "debian:stable-slim");
        assert!(default_image(Variant::Gpu, None).starts_with("nvidia/cuda:"));
        assert_eq!(Base::parse("local"), Base::Local);
        assert_eq!(Base::parse("debian:12"), Base::Image("debian:12".to_owned()));
    }

    #[test]
    fn packages_are_read_without_their_reasons() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("packages.txt");
        fs_err::write(&path, "# head\n\ntini  # process 1\nffmpeg\n").expect("written");
        assert_eq!(packages(&path).expect("packages"), ["ffmpeg", "tini"]);
        fs_err::write(&path, "ffmpeg; rm -rf /\n").expect("written");
        let error = packages(&path).expect_err("no package").to_string();
        assert!(
            error.ends_with("expected the name of a package, found `ffmpeg; rm -rf /`"),
            "{error}"
        );
    }

    #[test]
    fn the_packages_of_the_checkout_are_sound() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/packages.txt");
        let packages = packages(&path).expect("docker/packages.txt");
        for needed in ["ffmpeg", "tini", "espeak-ng-data", "ca-certificates"] {
            assert!(packages.contains(&needed.to_owned()), "{packages:?}");
        }
    }
}
