//! What a plan can be run against: each speaks one protocol and implements [`bench::Target`].
//!
//! All of them share what is not of the protocol: [`service`] (the way to a service, its token, its
//! refusals), [`patience`] (what is done where it is away or busy), [`looks`] (when a job is looked at that
//! tells nothing by itself) and [`media`] (how long what a job made is). A sample keeps the bytes of no
//! output.

mod comfyui;
mod looks;
mod media;
mod native;
mod patience;
mod runpod;
mod service;
mod speech;
#[cfg(test)]
mod test_load;

use bench::{Driven, Job, Target};
use serde_json::Value;
use tokio::sync::mpsc;
use url::Url;

use self::comfyui::ComfyuiTarget;
pub use self::native::{NativeClient, NativeTarget};
pub use self::patience::Patience;
use self::runpod::RunpodTarget;
pub use self::service::Service;
use self::speech::SpeechTarget;
use crate::exit::Failure;

/// What a service of the user's own speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum Speaks {
    /// This pipeline's API: POST /api/v1/jobs
    #[default]
    Native,
    /// A RunPod endpoint, URL with its name: /run, /runsync, /status
    Runpod,
    /// A ComfyUI server: /prompt, /ws, /view
    Comfyui,
    /// OpenAI's speech and servers like it: /v1/audio/speech
    OpenaiSpeech,
}

impl Speaks {
    /// As typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Runpod => "runpod",
            Self::Comfyui => "comfyui",
            Self::OpenaiSpeech => "openai-speech",
        }
    }

    /// What is known to be wrong with the body of a request before any is sent.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`], with what it would have to be.
    pub fn check_body(self, body: &Value) -> Result<(), Failure> {
        match self {
            Self::Native => Ok(()),
            Self::Runpod => runpod::check_body(body),
            Self::Comfyui => comfyui::check_body(body),
            Self::OpenaiSpeech => speech::check_body(body),
        }
    }

    /// What a reader of the numbers must know of the way in which such a service is driven with `bodies`.
    pub fn notes<'a>(
        self,
        mut bodies: impl Iterator<Item = &'a Value>,
    ) -> Vec<(&'static str, Value)> {
        let mut notes: Vec<(&'static str, Value)> = vec![("speaks", self.name().into())];
        if self == Self::Comfyui {
            let seeds = if bodies.all(comfyui::has_seed) {
                "the number of the job is added to each seed: ComfyUI does not work on what it knows"
            } else {
                "a workflow has no seed: ComfyUI may have answered from memory (see `cached_nodes`)"
            };
            notes.push(("seeds", seeds.into()));
        }
        notes
    }
}

/// A service, ready to be driven.
pub struct Driveable {
    /// What drives it.
    pub target: AnyTarget,
    /// Tells of a job that the service will never take: then no further one need be sent.
    pub refusals: mpsc::UnboundedReceiver<String>,
}

/// A target of any kind.
pub enum AnyTarget {
    /// See [`NativeTarget`].
    Native(NativeTarget),
    /// See [`RunpodTarget`].
    Runpod(RunpodTarget),
    /// See [`ComfyuiTarget`].
    Comfyui(ComfyuiTarget),
    /// See [`SpeechTarget`].
    Speech(SpeechTarget),
}

/// How a service is to be driven.
#[derive(Clone, Debug)]
pub struct Address<'a> {
    /// Where it is.
    pub base: Url,
    /// Its bearer token.
    pub token: Option<&'a str>,
    /// What it speaks.
    pub speaks: Speaks,
    /// RunPod only: whether jobs go to `/runsync`.
    pub is_sync: bool,
    /// Native only: how often a job is asked for whose events will tell of its end.
    pub poll: std::time::Duration,
}

impl Driveable {
    /// The service at an address.
    ///
    /// # Errors
    ///
    /// The token cannot stand in a header, or the HTTP client cannot be built.
    pub fn at(address: Address<'_>) -> anyhow::Result<Self> {
        let Address { base, token, speaks, is_sync, poll } = address;
        let (target, refusals) = match speaks {
            Speaks::Native => {
                let client = match token {
                    Some(token) => NativeClient::with_token(base, token)?,
                    None => NativeClient::new(base)?,
                };
                return Ok(Self::native(client.with_poll(poll)));
            }
            Speaks::Runpod => {
                let (target, refusals) = RunpodTarget::new(base, token, is_sync)?;
                (AnyTarget::Runpod(target), refusals)
            }
            Speaks::Comfyui => {
                let (target, refusals) = ComfyuiTarget::new(base, token)?;
                (AnyTarget::Comfyui(target), refusals)
            }
            Speaks::OpenaiSpeech => {
                let (target, refusals) = SpeechTarget::new(&base, token)?;
                (AnyTarget::Speech(target), refusals)
            }
        };
        Ok(Self { target, refusals })
    }

    /// A service that speaks our API.
    pub fn native(client: NativeClient) -> Self {
        let (target, refusals) = NativeTarget::new(client);
        Self { target: AnyTarget::Native(target), refusals }
    }

    /// The same, of a service that was started for the run: its first job has met a cold start.
    #[must_use]
    pub fn just_started(mut self) -> Self {
        if let AnyTarget::Native(target) = &mut self.target {
            target.is_just_started = true;
        }
        self
    }
}

impl AnyTarget {
    /// The service that it drives.
    pub const fn service(&self) -> &Service {
        match self {
            Self::Native(target) => target.client.service(),
            Self::Runpod(target) => target.service(),
            Self::Comfyui(target) => target.service(),
            Self::Speech(target) => target.service(),
        }
    }

    /// How long it bears with it.
    pub const fn patience(&self) -> &Patience {
        match self {
            Self::Native(target) => &target.patience,
            Self::Runpod(target) => target.patience(),
            Self::Comfyui(target) => target.patience(),
            Self::Speech(target) => target.patience(),
        }
    }
}

impl Target for AnyTarget {
    async fn drive(&self, job: Job) -> Driven {
        match self {
            Self::Native(target) => target.drive(job).await,
            Self::Runpod(target) => target.drive(job).await,
            Self::Comfyui(target) => target.drive(job).await,
            Self::Speech(target) => target.drive(job).await,
        }
    }
}
