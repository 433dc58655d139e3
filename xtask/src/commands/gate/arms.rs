//! Arms that are started here: a program, its settings, and a load over it.

use bench::Run;
use bench::gate::Arm as Side;
use tokio_util::sync::CancellationToken;

use super::arm::Arm;
use super::checkout::{self, Built};
use super::series::Measure;
use crate::commands::Context;
use crate::commands::load_test::{self, ClosedLoad};
use crate::commands::stand::{self, Flags, Prepared};
use crate::record::RunFolder;

/// One side, ready to be started again and again.
#[derive(Debug)]
struct Ready {
    prepared: Prepared,
    flags: Flags,
    revision: Option<String>,
}

/// Both sides.
#[derive(Debug)]
pub struct Arms<'a> {
    base: Ready,
    candidate: Ready,
    load: ClosedLoad,
    cx: &'a Context<'a>,
    stop: &'a CancellationToken,
}

/// What is asked of both sides.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The scenario.
    pub scenario: String,
    /// Jobs in flight, and in all.
    pub load: ClosedLoad,
    /// What there was, and what there is now.
    pub arms: [(Arm, Flags); 2],
}

impl<'a> Arms<'a> {
    /// Builds what has to be built. Commits first: this checkout's programs are the last that cargo leaves.
    ///
    /// # Errors
    ///
    /// The environment, a commit that is not there or does not build.
    pub async fn prepare(
        wanted: Wanted,
        cx: &'a Context<'a>,
        stop: &'a CancellationToken,
    ) -> anyhow::Result<Self> {
        let Wanted { scenario, load, arms: [before, after] } = wanted;
        let mut built: [Option<Built>; 2] = [None, None];
        for (place, (arm, flags)) in [&before, &after].into_iter().enumerate() {
            if let Arm::Revision(revision) = arm {
                built[place] = Some(checkout::built(revision, flags.build, cx, stop).await?);
            }
        }
        let [base, candidate] = built;
        Ok(Self {
            base: Ready::new(&scenario, before.1, base, cx, stop).await?,
            candidate: Ready::new(&scenario, after.1, candidate, cx, stop).await?,
            load,
            cx,
            stop,
        })
    }
}

impl Ready {
    async fn new(
        scenario: &str,
        flags: Flags,
        built: Option<Built>,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let prepared = stand::prepare(scenario, &flags, cx, stop).await?;
        let (prepared, revision) = match built {
            Some(Built { pipeline, revision }) => {
                (prepared.with_pipeline(pipeline), Some(revision))
            }
            None => (prepared, None),
        };
        Ok(Self { prepared, flags, revision })
    }
}

impl Measure for Arms<'_> {
    async fn measure(&mut self, side: Side, folder: &RunFolder) -> anyhow::Result<Run> {
        let Ready { prepared, flags, revision } = match side {
            Side::Base | Side::Null => &self.base,
            Side::Candidate => &self.candidate,
        };
        let measured = load_test::measure(self.load, prepared, flags, folder, self.cx, self.stop);
        let mut run = measured.await?;
        if let Some(revision) = revision {
            run.environment.insert("revision".to_owned(), revision.as_str().into());
        }
        Ok(run)
    }
}
