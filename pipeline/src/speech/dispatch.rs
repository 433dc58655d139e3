//! How the engine of this machine is called: the ways that the claims 004-3 to 004-7 compare.
//!
//! The engine is a process in all of them (`src/bin/espeak-words/main.rs` says why). A child is killed
//! when its caller gives up, when its time is over, and with this program.

mod blocking;
mod helper;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::SpeechError;
use crate::process::{self, ProcessError};
use blocking::Child;
use helper::{Helper, Pool};

/// How the local engine is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dispatch {
    /// A process for each call, waited for on the thread that serves others: until it has ended, that
    /// thread answers nobody, and the call cannot be given up. What a blocking call in an asynchronous
    /// service does.
    Direct,
    /// A process for each call, waited for on a thread of its own.
    Executor,
    /// Processes that stay, one call at a time each; who finds none idle waits in line.
    Pool,
    /// One process that stays, behind a lock.
    Lock,
}

impl Dispatch {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Direct, Self::Executor, Self::Pool, Self::Lock];

    /// The name in settings and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Executor => "executor",
            Self::Pool => "pool",
            Self::Lock => "lock",
        }
    }
}

/// Time to look whether there is a voice.
const LOOK_LIMIT: Duration = Duration::from_secs(10);
/// Exit status of `espeak-words --has-voice` where there is none.
const NO_VOICE: i32 = 3;

/// The local engine, called in one of the ways.
#[derive(Debug)]
pub struct LocalEngine {
    program: PathBuf,
    way: Way,
    /// Voices that were asked for and are there.
    voices: std::sync::Mutex<BTreeSet<String>>,
}

#[derive(Debug)]
enum Way {
    Direct,
    Executor,
    Pool(Pool),
    Lock(Box<Mutex<Option<Helper>>>),
}

impl LocalEngine {
    /// The engine of `program`; `instances` are the processes of a pool, at least 1. Nothing is started
    /// before the first call.
    pub fn new(program: PathBuf, dispatch: Dispatch, instances: usize) -> Self {
        let way = match dispatch {
            Dispatch::Direct => Way::Direct,
            Dispatch::Executor => Way::Executor,
            Dispatch::Pool => Way::Pool(Pool::new(instances)),
            Dispatch::Lock => Way::Lock(Box::default()),
        };
        Self { program, way, voices: std::sync::Mutex::default() }
    }

    /// Whether the engine has the voice. It is asked once for each that it has.
    ///
    /// # Errors
    ///
    /// [`SpeechError::Process`]: the engine cannot be asked at all.
    pub async fn has_voice(&self, voice: &str) -> Result<bool, SpeechError> {
        let voices = || self.voices.lock().unwrap_or_else(PoisonError::into_inner);
        if voices().contains(voice) {
            return Ok(true);
        }
        let mut command = Command::new(&self.program);
        command.arg("--has-voice").arg(voice);
        match process::output(command, &[], LOOK_LIMIT).await {
            Ok(_) => {
                voices().insert(voice.to_owned());
                Ok(true)
            }
            Err(ProcessError::Failed { status, .. }) if status.code() == Some(NO_VOICE) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The program.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Asks the engine: one JSON document, one line as answer. `limit` is the time of the work itself,
    /// without the wait for an idle process.
    ///
    /// # Errors
    ///
    /// [`SpeechError::Process`] and [`SpeechError::Engine`].
    pub(super) async fn ask(
        &self,
        question: Vec<u8>,
        limit: Duration,
    ) -> Result<Vec<u8>, SpeechError> {
        match &self.way {
            Way::Direct => Ok(Child::default().output(&self.program, &question, limit)?),
            Way::Executor => self.ask_on_a_thread(question, limit).await,
            Way::Pool(pool) => pool.ask(&self.program, &question, limit).await,
            Way::Lock(lock) => {
                helper::ask(&mut *lock.lock().await, &self.program, &question, limit).await
            }
        }
    }

    async fn ask_on_a_thread(
        &self,
        question: Vec<u8>,
        limit: Duration,
    ) -> Result<Vec<u8>, SpeechError> {
        let child = Arc::new(Child::default());
        let _killed_when_given_up = blocking::KillOnDrop(Arc::clone(&child));
        let program = self.program.clone();
        let work = tokio::task::spawn_blocking(move || child.output(&program, &question, limit));
        let ended = work.await.map_err(|error| ProcessError::Pipe {
            program: self.program.display().to_string(),
            source: std::io::Error::other(error),
        })?;
        Ok(ended?)
    }
}
