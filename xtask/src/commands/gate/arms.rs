//! What is measured on either side, made ready before the first run.

use std::path::PathBuf;

use bench::gate::Arm as Side;
use bench::{Plan, Run};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::arm::Arm;
use super::checkout::{self, Built};
use super::series::Measure;
use crate::commands::Context;
use crate::commands::load_test::{self, Address, Checkout, Place, Subject};
use crate::commands::stand::Flags;
use crate::record::RunFolder;
use crate::targets::Speaks;

/// Both sides.
#[derive(Debug)]
pub struct Arms<'a> {
    base: Subject,
    candidate: Subject,
    plan: Plan,
    cx: &'a Context<'a>,
    stop: &'a CancellationToken,
}

/// What is asked of both sides.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What our own are asked for.
    pub scenario: String,
    /// When each job of a run is due.
    pub plan: Plan,
    /// How services that run elsewhere are asked.
    pub services: Services,
    /// What there was, and what there is now.
    pub arms: [(Arm, Flags); 2],
}

/// How services that run elsewhere are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Services of your own")]
pub struct Services {
    /// What services of url:URL speak
    #[arg(long, value_enum, default_value_t)]
    pub speaks: Speaks,
    /// Name of the environment variable with their bearer token
    #[arg(long, value_name = "NAME")]
    pub token_env: Option<String>,
    /// The body of each request to them, JSON
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Never send them more jobs than this, both together
    #[arg(long, value_name = "N")]
    pub max_jobs: Option<u64>,
}

impl Services {
    fn address(&self, url: &Url) -> Address {
        Address {
            url: url.clone(),
            input: self.input.clone(),
            speaks: self.speaks,
            is_sync: false,
            token_env: self.token_env.clone(),
        }
    }
}

impl<'a> Arms<'a> {
    /// Builds what has to be built. Commits first: this checkout's programs are the last that cargo leaves.
    ///
    /// # Errors
    ///
    /// The environment, a commit that is not there or does not build, an image that is not there.
    pub async fn prepare(
        wanted: Wanted,
        cx: &'a Context<'a>,
        stop: &'a CancellationToken,
    ) -> anyhow::Result<Self> {
        let mut built: [Option<Built>; 2] = [None, None];
        for (place, (arm, flags)) in wanted.arms.iter().enumerate() {
            if let Arm::Revision(revision) = arm {
                built[place] = Some(checkout::built(revision, flags.build, cx, stop).await?);
            }
        }
        let [before, after] = &wanted.arms;
        let [base, candidate] = built;
        Ok(Self {
            base: subject(&wanted, before, base, cx, stop).await?,
            candidate: subject(&wanted, after, candidate, cx, stop).await?,
            plan: wanted.plan.clone(),
            cx,
            stop,
        })
    }
}

async fn subject(
    wanted: &Wanted,
    (arm, flags): &(Arm, Flags),
    built: Option<Built>,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Subject> {
    let asked = load_test::Wanted { scenario: &wanted.scenario, mix: &[] };
    let place = match arm {
        Arm::Image(image) => Place::Image(image.clone()),
        Arm::Url(url) => Place::Service(wanted.services.address(url)),
        Arm::Here | Arm::Revision(_) | Arm::Runs(_) => {
            let checkout = Checkout::prepare(asked, flags, cx, stop).await?.counted();
            let checkout = match built {
                Some(Built { pipeline, revision }) => checkout.with_pipeline(pipeline, revision),
                None => checkout,
            };
            return Ok(Subject::Checkout(Box::new(checkout)));
        }
    };
    Ok(Subject::prepare(&place, asked, flags, cx, stop).await?.counted())
}

impl Measure for Arms<'_> {
    async fn measure(&mut self, side: Side, folder: &RunFolder) -> anyhow::Result<Run> {
        let subject = match side {
            Side::Base | Side::Null => &self.base,
            Side::Candidate => &self.candidate,
        };
        subject.drive(&self.plan, folder, self.cx, self.stop).await
    }
}
