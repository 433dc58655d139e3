//! What is under test: made ready once, and driven as often as is asked. What is ours is started anew for each
//! run, so that none finds what another one left.

use std::path::PathBuf;

use bench::{Plan, Run};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::checkout::Checkout;
use super::image::Image;
use super::mix::{self, Part};
use super::remote::Remote;
use crate::commands::Context;
use crate::commands::stand::Flags;
use crate::record::RunFolder;
use crate::targets::Speaks;

/// Where what is under test is found.
#[derive(Clone, Debug)]
pub enum Place {
    /// The programs of this checkout.
    Here,
    /// A built image; empty: the one that `build-image` makes.
    Image(String),
    /// A service that runs elsewhere.
    Service(Address),
}

/// A service that runs elsewhere, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where it is.
    pub url: Url,
    /// The body of each request. None: those of a mix.
    pub input: Option<PathBuf>,
    /// What it speaks.
    pub speaks: Speaks,
    /// RunPod only: whether jobs go to `/runsync`.
    pub is_sync: bool,
    /// Name of the environment variable with its bearer token.
    pub token_env: Option<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The scenario of every job; of a mix, the first one.
    pub scenario: &'a str,
    /// The parts of a mix. Empty: every job is of `scenario`.
    pub mix: &'a [Part],
}

/// What is under test, ready to be driven.
#[derive(Debug)]
pub enum Subject {
    /// The programs of a checkout.
    Checkout(Box<Checkout>),
    /// An image.
    Image(Box<Image>),
    /// A service that runs elsewhere.
    Service(Box<Remote>),
}

impl Subject {
    /// Builds, finds, asks whether it is there: what is needed before the first job.
    ///
    /// # Errors
    ///
    /// Usage and environment.
    pub async fn prepare(
        place: &Place,
        wanted: Wanted<'_>,
        flags: &Flags,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        Ok(match place {
            Place::Here => {
                Self::Checkout(Box::new(Checkout::prepare(wanted, flags, cx, stop).await?))
            }
            Place::Image(image) => {
                Self::Image(Box::new(Image::prepare(image, wanted, flags, cx, stop).await?))
            }
            Place::Service(address) => {
                Self::Service(Box::new(Remote::prepare(address, wanted.mix, cx, stop).await?))
            }
        })
    }

    /// The same, and each run says what was counted in it; a service that runs elsewhere does other work too, so
    /// nothing is counted there.
    #[must_use]
    pub fn counted(self) -> Self {
        match self {
            Self::Checkout(checkout) => Self::Checkout(Box::new(checkout.counted())),
            Self::Image(image) => Self::Image(Box::new(image.counted())),
            Self::Service(remote) => Self::Service(remote),
        }
    }

    /// What is asked for, in a word.
    pub fn scenario(&self) -> String {
        let asked_for = match self {
            Self::Checkout(checkout) => checkout.asked_for(),
            Self::Image(image) => image.asked_for(),
            Self::Service(remote) => remote.asked_for(),
        };
        mix::named(asked_for).0.name
    }

    /// Drives it once. A run that ended badly is no error: it says so.
    ///
    /// # Errors
    ///
    /// It does not start, and the folder of the run cannot be written.
    pub async fn drive(
        &self,
        plan: &Plan,
        folder: &RunFolder,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Run> {
        match self {
            Self::Checkout(checkout) => checkout.drive(plan, folder, cx, stop).await,
            Self::Image(image) => image.drive(plan, folder, cx, stop).await,
            Self::Service(remote) => remote.drive(plan, folder, cx, stop).await,
        }
    }
}
