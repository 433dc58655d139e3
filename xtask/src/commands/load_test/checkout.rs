//! A load over the programs of a checkout, with what was counted in it.

use std::path::PathBuf;
use std::time::Duration;

use bench::{Mix, Plan, Run};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::drive::{Asked, drive, ready};
use super::subject::Wanted;
use super::{POLL, cold, mix, note_counts, with_start};
use crate::commands::Context;
use crate::commands::stand::{self, Counts, Flags, Prepared, Stand};
use crate::record::RunFolder;
use crate::targets::{Driveable, NativeClient};

/// How often is looked whether the processes run.
const LOOK: Duration = Duration::from_millis(50);

/// A pipeline, its settings, and the provider servers that it works with.
#[derive(Debug)]
pub struct Checkout {
    prepared: Prepared,
    flags: Flags,
    asked_for: Mix,
    revision: Option<String>,
    is_counted: bool,
}

impl Checkout {
    /// Builds the programs, makes media, brings models.
    ///
    /// # Errors
    ///
    /// The environment, a scenario that is not there.
    pub async fn prepare(
        wanted: Wanted<'_>,
        flags: &Flags,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let flags = cold(flags);
        let prepared = stand::prepare(wanted.scenario, &flags, cx, stop).await?;
        let asked_for = mix::of_scenarios(wanted.mix, &prepared).await?;
        Ok(Self { prepared, flags, asked_for, revision: None, is_counted: false })
    }

    /// The same with the pipeline of another commit.
    #[must_use]
    pub fn with_pipeline(self, pipeline: PathBuf, revision: String) -> Self {
        let prepared = self.prepared.with_pipeline(pipeline);
        Self { prepared, revision: Some(revision), ..self }
    }

    /// The same, and each run says what was counted in it ([`COUNTERS`]).
    #[must_use]
    pub fn counted(self) -> Self {
        Self { is_counted: true, ..self }
    }

    pub(super) const fn asked_for(&self) -> &Mix {
        &self.asked_for
    }

    pub(super) async fn drive(
        &self,
        plan: &Plan,
        folder: &RunFolder,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Run> {
        let mut stand = Stand::start(&self.prepared, &self.flags, folder.path(), cx).await?;
        let run = self.load(plan, &mut stand, folder, cx, stop).await;
        let counted = if self.is_counted { Some(self.counts(&stand).await) } else { None };
        stand.stop().await;
        let mut run = run?;
        if let Some(counted) = counted {
            note_counts(&mut run, counted, cx)?;
        }
        if let Some(revision) = &self.revision {
            run.environment.insert("revision".to_owned(), revision.as_str().into());
        }
        Ok(run)
    }

    async fn counts(&self, stand: &Stand) -> anyhow::Result<Counts> {
        let mut counted = stand.counted().await?;
        counted.extend(self.prepared.allocations().await?.unwrap_or_default());
        Ok(counted)
    }

    async fn load(
        &self,
        plan: &Plan,
        stand: &mut Stand,
        folder: &RunFolder,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Run> {
        let client = NativeClient::new(stand.base.clone())?.with_poll(POLL);
        let driveable = Driveable::native(client).just_started();
        ready(driveable.target.service(), cx, stop).await?;
        let (scenario, mix) = mix::named(&self.asked_for);
        let asked = Asked {
            scenario,
            mix,
            plan: plan.clone(),
            target: "the pipeline of this checkout".to_owned(),
            settings: with_start(self.flags.facts(), stand.begun),
            pid: stand.pid(),
        };
        // A process that has ended is gone for good: nobody starts it again.
        let died = async |_: &Notify| loop {
            if let Some(reason) = stand.died() {
                return reason;
            }
            tokio::time::sleep(LOOK).await;
        };
        drive(asked, driveable, folder, died, cx, stop).await
    }
}
