//! The image: strata over each other, from what changes least to what changes most.
//!
//! | stratum | made by | sent when |
//! |---|---|---|
//! | base | [`base`]: mmdebstrap, or packages over an image of a registry | the packages change |
//! | cuda | [`gpu`]: one layer of CUDA's libraries | the toolkit changes |
//! | models | [`models`]: one layer each | a model changes |
//! | code | [`code`]: the engine, from a context of the programs alone | the code changes |
//!
//! The strata that we write are the same bytes everywhere ([`layer`], [`archive`]) and are found again by
//! a name that follows from their content ([`strata`]). The code's image is a candidate until it has
//! passed its smoke test ([`smoke`]); only then does the name move to it ([`publish`]). Whatever happens
//! before leaves the old image under its name, and no container ([`session`]).

pub mod archive;
pub mod base;
pub mod code;
mod context;
pub mod engine;
pub mod glibc;
pub mod gpu;
pub mod known;
pub mod layer;
pub mod left;
pub mod models;
pub mod pair;
pub mod pieces;
pub mod publish;
pub mod reference;
pub mod report;
pub mod session;
pub mod smoke;
pub mod strata;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::engine::Engine;
use self::session::Session;
use crate::commands::Context;
use crate::exit::Failure;

/// For which machines the image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// With a card of NVIDIA; without one it works on the CPU.
    Gpu,
    /// Without one.
    Cpu,
}

impl Variant {
    /// As typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        }
    }
}

/// Where an image is built.
#[derive(Debug)]
pub struct Place<'a> {
    /// By this engine.
    pub engine: &'a Engine,
    /// For this user.
    pub cx: &'a Context<'a>,
    /// The image as data: Dockerfiles, packages, models.
    pub docker: PathBuf,
    /// Files that are kept from call to call, and files on their way.
    pub work: PathBuf,
    /// The name of this call.
    pub session: Session,
    lines: Mutex<Vec<String>>,
}

impl<'a> Place<'a> {
    /// A place for one call.
    pub fn new(engine: &'a Engine, cx: &'a Context<'a>, docker: PathBuf) -> Self {
        let work = cx.paths.home.join("image");
        Self { engine, cx, docker, work, session: Session::new(), lines: Mutex::default() }
    }

    /// Writes down a line for `build.log`.
    pub fn log(&self, line: &str) {
        self.lines().push(line.to_owned());
    }

    /// Everything that was written down.
    pub fn log_text(&self) -> String {
        self.lines().iter().map(|line| format!("{line}\n")).collect()
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other call is at work in this folder; held as long as the file is.
    ///
    /// # Errors
    ///
    /// The folder cannot be written, or [`Failure::Interrupted`].
    pub async fn lock(&self, stop: &CancellationToken) -> anyhow::Result<fs_err::File> {
        let mut is_told = false;
        loop {
            fs_err::create_dir_all(&self.work)?;
            let file = fs_err::File::create(self.work.join(LOCK))?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                // One that `clean` has removed since locks nothing any more.
                if file.metadata()?.nlink() > 0 {
                    return Ok(file);
                }
                continue;
            }
            if !is_told {
                self.cx.ui.say("another command is at work on images: waiting for it");
                is_told = true;
            }
            let pause = tokio::time::sleep(Duration::from_millis(200));
            if stop.run_until_cancelled(pause).await.is_none() {
                return Err(Failure::Interrupted.into());
            }
        }
    }
}

/// The file that one call at a time has locked.
const LOCK: &str = "lock";

/// Whether a call of `build-image` is at work.
#[derive(Debug)]
pub enum AtWork {
    /// None is, and none begins as long as this is held. Without a file, none was ever there.
    Nobody(#[expect(dead_code, reason = "held")] Option<fs_err::File>),
    /// One is.
    Somebody,
}

impl AtWork {
    /// Looks in `home`, and waits for nobody.
    ///
    /// # Errors
    ///
    /// The lock cannot be read.
    pub fn look(home: &Path) -> anyhow::Result<Self> {
        let file = match fs_err::File::open(home.join("image").join(LOCK)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::Nobody(None));
            }
            file => file?,
        };
        let is_free = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok(if is_free { Self::Nobody(Some(file)) } else { Self::Somebody })
    }
}
