//! A load over the built image: its container and the provider servers, started for it and gone with it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench::{Mix, Plan, Run};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::drive::{Asked, drive, ready};
use super::subject::Wanted;
use super::{POLL, cold, mix, note_counts, with_start};
use crate::commands::Context;
use crate::commands::stand::{self, Counts, Flags, Prepared};
use crate::exit::Failure;
use crate::image::engine::{Engine, EngineError, Inspected};
use crate::image::left::remove_left;
use crate::image::pair::{CONTROL, PORT, Pair, TOKEN};
use crate::image::session::Session;
use crate::record::RunFolder;
use crate::targets::{Driveable, NativeClient, Service};

/// What `build-image` calls its images.
const USUAL: [&str; 2] = ["reelbench:gpu", "reelbench:cpu"];
/// Time until a port of the container is published.
const PUBLISHED: Duration = Duration::from_secs(30);
/// How often is looked whether the containers run.
const LOOK: Duration = Duration::from_millis(500);

/// An image, with the provider servers that it works with.
#[derive(Debug)]
pub struct Image {
    engine: Engine,
    name: String,
    inspected: Inspected,
    flags: Flags,
    prepared: Prepared,
    asked_for: Mix,
    is_counted: bool,
}

impl Image {
    /// Looks for `image`; empty: the one that `build-image` made. Takes away what a killed command left.
    ///
    /// # Errors
    ///
    /// No engine, no such image.
    pub async fn prepare(
        image: &str,
        wanted: Wanted<'_>,
        flags: &Flags,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let engine = Engine::connect().await?;
        let (name, inspected) = found(&engine, image).await?;
        let flags = cold(flags);
        let prepared = stand::provide(wanted.scenario, &flags, cx, stop).await?;
        let asked_for = mix::of_scenarios(wanted.mix, &prepared).await?;
        remove_left(&engine, cx.ui).await;
        let is_counted = false;
        Ok(Self { engine, name, inspected, flags, prepared, asked_for, is_counted })
    }

    /// The same, and each run says what was counted in it ([`bench::COUNTERS`]).
    #[must_use]
    pub fn counted(self) -> Self {
        Self { is_counted: true, ..self }
    }

    pub(super) const fn asked_for(&self) -> &Mix {
        &self.asked_for
    }

    /// Starts its container, drives it, and takes the container away whatever happened.
    pub(super) async fn drive(
        &self,
        plan: &Plan,
        folder: &RunFolder,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Run> {
        let Self { engine, name, inspected, flags, prepared, asked_for, is_counted } = self;
        let session = Session::new();
        let (fixtures, media) = prepared.providers();
        let profile = ["--profile".to_owned(), flags.profile.clone()];
        let set = flags.set.iter().flat_map(|setting| ["--set".to_owned(), setting.clone()]);
        let pair = Pair {
            session: &session,
            word: "load",
            image: name,
            arguments: profile.into_iter().chain(set).collect(),
            fixtures,
            media,
            behaviour: flags.behaviour.as_deref(),
            gpu: inspected.labels.get("reelbench.variant").is_some_and(|variant| variant == "gpu")
                && engine.has_nvidia().await,
        };
        let work = async {
            let is_counted = *is_counted;
            let loading = Loading { flags, plan, pair: &pair, engine, inspected, is_counted };
            let run = loading.run(asked_for, folder, cx, stop).await;
            pair.keep_logs(engine, folder.path(), |_| ()).await;
            run
        };
        session.tidied(engine, cx.ui, work).await
    }
}

/// The image of that name, or the first of [`USUAL`] that is there.
async fn found(engine: &Engine, image: &str) -> anyhow::Result<(String, Inspected)> {
    let names = if image.is_empty() { USUAL.to_vec() } else { vec![image] };
    for name in &names {
        if let Some(inspected) = engine.image(name).await.map_err(EngineError::told)? {
            return Ok(((*name).to_owned(), inspected));
        }
    }
    let message =
        format!("--image: the engine at {} has no {}", engine.host(), names.join(" and no "));
    let hint = "`cargo xtask build-image` makes one; a scenario stands before --image";
    Err(Failure::usage(message).with_hint(hint).into())
}

/// A load over a pair of containers.
struct Loading<'a> {
    flags: &'a Flags,
    plan: &'a Plan,
    pair: &'a Pair<'a>,
    engine: &'a Engine,
    inspected: &'a Inspected,
    is_counted: bool,
}

impl Loading<'_> {
    async fn run(
        &self,
        asked_for: &Mix,
        folder: &RunFolder,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Run> {
        let begun = Instant::now();
        let client = stop.run_until_cancelled(self.started(cx)).await;
        let client = client.unwrap_or_else(|| Err(Failure::Interrupted.into()))?;
        let driveable = Driveable::native(client.with_poll(POLL)).just_started();
        let service = driveable.target.service().clone();
        tokio::select! {
            ready = ready(&service, cx, stop) => ready?,
            reason = self.died() => return Err(Failure::environment(reason).into()),
        }
        let mut settings = with_start(self.flags.facts(), begun);
        // How the programs in the image were built, nobody here knows.
        settings.retain(|(name, _)| *name != "build");
        settings.push(("image", self.pair.image.into()));
        settings.push(("image_id", self.inspected.id.clone().into()));
        let (scenario, mix) = mix::named(asked_for);
        let asked = Asked {
            scenario,
            mix,
            plan: self.plan.clone(),
            target: format!("the image {}", self.pair.image),
            settings,
            pid: self.pid().await,
        };
        let died = async |_: &Notify| self.died().await;
        let mut run = drive(asked, driveable, folder, died, cx, stop).await?;
        if self.is_counted {
            note_counts(&mut run, self.counts(&service).await, cx)?;
        }
        Ok(run)
    }

    /// What the provider servers and the service tell. What work allocates, no program of the image counts.
    async fn counts(&self, service: &Service) -> anyhow::Result<Counts> {
        let port = self.engine.published(&self.pair.service(), CONTROL).await;
        let port = port.map_err(EngineError::told)?.context("the container has ended")?;
        stand::counted(&format!("http://127.0.0.1:{port}/control"), service).await
    }

    /// Starts both, and gives a client of the published port.
    async fn started(&self, cx: &Context<'_>) -> anyhow::Result<NativeClient> {
        let _progress = cx.ui.progress("starting the containers");
        self.engine.start(&self.pair.service_spec()).await.map_err(EngineError::told)?;
        if let Err(error) = self.engine.start(&self.pair.servers_spec()).await {
            // They join its network, which is gone where it has ended: then that is the reason.
            let ended = self.pair.ended(self.engine).await.ok().flatten();
            return Err(
                ended.map_or_else(|| error.told(), |reason| Failure::environment(reason).into())
            );
        }
        let begun = Instant::now();
        loop {
            let port = self.engine.published(&self.pair.service(), PORT).await;
            if let Some(port) = port.map_err(EngineError::told)? {
                let base = format!("http://127.0.0.1:{port}/").parse()?;
                let client = NativeClient::with_token(base, TOKEN)?;
                // A port is published before anybody listens behind it.
                if client.service().is_ready().await.is_ok() {
                    return Ok(client);
                }
            }
            if let Some(reason) = self.pair.ended(self.engine).await.map_err(EngineError::told)? {
                return Err(Failure::environment(reason).into());
            }
            if begun.elapsed() > PUBLISHED {
                let message =
                    format!("the container does not listen within {} s", PUBLISHED.as_secs());
                return Err(Failure::environment(message).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Comes when one of the containers has ended: nobody starts it again.
    async fn died(&self) -> String {
        loop {
            match self.pair.ended(self.engine).await {
                Ok(None) => tokio::time::sleep(LOOK).await,
                Ok(Some(reason)) => return reason,
                Err(error) => {
                    return format!("the engine does not know its container any more: {error}");
                }
            }
        }
    }

    /// Its first process, where the engine works on this machine.
    async fn pid(&self) -> Option<u32> {
        let state = self.engine.state(&self.pair.service()).await.ok()?;
        let is_here = self.engine.host().starts_with("unix://");
        // Where the engine numbers processes in its own way, this number is another's.
        let is_ours = |pid: &u32| {
            fs_err::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|&byte| byte == 0).any(|part| part == b"serve"))
        };
        state.pid.filter(|pid| is_here && is_ours(pid))
    }
}
