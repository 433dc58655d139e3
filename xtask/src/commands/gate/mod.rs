//! `cargo xtask gate`: is this slower than that? Whole runs in pairs, in an order that favours nobody, until the
//! answer is sure.

mod arm;
mod arms;
mod checkout;
mod policy;
mod series;
mod tell;

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use self::arm::Arm;
use self::arms::{Arms, Wanted};
use self::policy::Policy;
use self::series::Series;
use self::tell::{Gated, tell};
use crate::commands::Context;
use crate::commands::load_test::ClosedLoad;
use crate::commands::stand::Flags;
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::record;
use crate::services::Profile;

/// Say whether a change makes jobs slower.
///
/// Measures two arms in turn, before and after: commits, profiles, settings, images, services, or runs that
/// were kept. A pair is one short load test of each; pairs come in a random order in which neither arm is
/// always first. After the looks that the policy names it is judged: the interval of the ratio after/before
/// must lie wholly beyond the limit to fail, and wholly within the tolerance to pass. What is between is no
/// pass: more pairs are measured, and when there are no more the answer is "inconclusive", with how many it
/// would take. A third arm, the same as before, is measured now and then: where it differs from itself, the
/// machine is not fit for the question and the run is invalid.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Prints the verdict in one line, each figure with its interval, and where the report is.

Examples:
  cargo xtask gate --base origin/main                    this checkout against that commit
  cargo xtask gate --before-profile baseline             the two profiles of this checkout
  cargo xtask gate --after-set downloads.concurrency=1   one setting of this checkout
  cargo xtask gate --same                                what this machine calls a difference
  cargo xtask gate --before runs:a --after runs:b        run files that are there

Exit codes: 0 not slower, 1 a regression, 2 usage or environment, 3 not enough data, \
4 the machine or a run is not fit for the question, 130 interrupted, with what was measured kept"
)]
pub struct Args {
    /// A scenario of the fixtures (short, english, …), or a TOML file [default: short]
    scenario: Option<String>,
    /// The commit to compare this checkout with; the same as --before rev:COMMIT
    #[arg(long, value_name = "COMMIT", conflicts_with = "before")]
    base: Option<String>,
    /// What there was: here, rev:COMMIT, image:TAG, url:URL, runs:FOLDER [default: here]
    #[arg(long, value_name = "ARM", help_heading = "Arms")]
    before: Option<Arm>,
    /// What there is now [default: here]
    #[arg(long, value_name = "ARM", help_heading = "Arms")]
    after: Option<Arm>,
    /// Profile of what there was
    #[arg(long, value_name = "NAME", default_value = "optimized", help_heading = "Arms")]
    before_profile: String,
    /// Profile of what there is now
    #[arg(long, value_name = "NAME", default_value = "optimized", help_heading = "Arms")]
    after_profile: String,
    /// A setting of what there was
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Arms")]
    before_set: Vec<String>,
    /// A setting of what there is now
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Arms")]
    after_set: Vec<String>,
    /// How the programs are built
    #[arg(long, default_value = "release")]
    build: Profile,
    /// Take the programs of this checkout as they were built last
    #[arg(long)]
    no_build: bool,
    /// Latency, bandwidth and faults of the provider servers, of both sides (TOML)
    #[arg(long, value_name = "FILE")]
    behaviour: Option<PathBuf>,
    /// Both sides are the same: what this machine calls a difference
    #[arg(long, help_heading = "Arms")]
    same: bool,
    /// Jobs in flight [default: the policy's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: Option<u32>,
    /// Jobs of each run [default: the policy's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    jobs: Option<u32>,
    /// Limits, looks and seeds [default: reports/policy.toml]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The order of the pairs [default: the policy's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Folder for the runs and the report [default: reports/runs/<time>-gate]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Args {
    fn arms(&self) -> [(Arm, Flags); 2] {
        let base = self.base.clone().map(Arm::Revision);
        let before = base.or_else(|| self.before.clone()).unwrap_or(Arm::Here);
        let after = self.after.clone().unwrap_or(Arm::Here);
        let flags = |profile: &String, set: &[String]| Flags {
            profile: profile.clone(),
            set: set.to_vec(),
            build: self.build,
            no_build: self.no_build,
            behaviour: self.behaviour.clone(),
        };
        [
            (before, flags(&self.before_profile, &self.before_set)),
            (after, flags(&self.after_profile, &self.after_set)),
        ]
    }

    /// What can be known to be wrong before any work.
    fn check(&self) -> anyhow::Result<()> {
        let arms = self.arms();
        for (arm, flags) in &arms {
            if arm.is_ours() {
                flags.check()?;
            } else if *flags != (Flags { build: self.build, ..Flags::default() }) {
                let message = format!("{arm}: profiles and settings are for here and rev:COMMIT");
                return Err(Failure::usage(message).into());
            }
        }
        let [(before, before_flags), (after, after_flags)] = &arms;
        if before == after && before_flags == after_flags && !self.same {
            let hint = "--base COMMIT, --before-profile baseline, or --same to see what this machine \
                        calls a difference";
            let failure = Failure::usage("before and after are the same");
            return Err(failure.with_hint(hint).into());
        }
        let is_kept = |arm: &Arm| matches!(arm, Arm::Runs(_));
        if is_kept(before) != is_kept(after) {
            let message = "runs that were kept are compared with runs that were kept: --before runs:A \
                           --after runs:B";
            return Err(Failure::usage(message).into());
        }
        Ok(())
    }

    fn with(&self, mut policy: Policy) -> Policy {
        let run = &mut policy.run;
        run.scenario = self.scenario.clone().unwrap_or_else(|| run.scenario.clone());
        run.concurrency = self.concurrency.unwrap_or(run.concurrency);
        run.jobs = self.jobs.unwrap_or(run.jobs);
        run.seed = self.seed.unwrap_or(run.seed);
        policy
    }
}

/// Builds, measures in turn, judges, tells.
///
/// # Errors
///
/// Usage and environment; verdicts are exit codes.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    interrupt::block_on(async |stop| {
        let gated = gate(args, cx, &stop).await?;
        tell(&gated, cx);
        cx.ui.json(&gated)?;
        Ok(gated.exit)
    })
}

async fn gate(args: &Args, cx: &Context<'_>, stop: &CancellationToken) -> anyhow::Result<Gated> {
    let policy = args.with(Policy::read(args.policy.as_deref(), &cx.paths)?);
    args.check()?;
    let folder = folder(args.out.as_deref(), cx)?;
    let series = match args.arms() {
        [(Arm::Runs(before), _), (Arm::Runs(after), _)] => {
            series::series(series::kept(&before, &after)?, &policy, false)?
        }
        arms => measured(arms, &policy, &folder, cx, stop).await?,
    };
    Gated::new(&series, &policy, &folder)
}

async fn measured(
    arms: [(Arm, Flags); 2],
    policy: &Policy,
    folder: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Series> {
    if let Some((arm, _)) = arms.iter().find(|(arm, _)| !arm.is_ours()) {
        let message = format!("{arm}: a gate measures here and rev:COMMIT, and judges runs:FOLDER");
        return Err(Failure::usage(message).into());
    }
    let load = ClosedLoad { concurrency: policy.run.concurrency, jobs: policy.run.jobs };
    let wanted = Wanted { scenario: policy.run.scenario.clone(), load, arms };
    let arms = Arms::prepare(wanted, cx, stop).await?;
    series::measured(arms, policy, policy.run.seed, folder, cx, stop).await
}

/// Where the user wants it, or a folder of its own among the runs.
fn folder(out: Option<&Path>, cx: &Context<'_>) -> anyhow::Result<PathBuf> {
    if let Some(out) = out {
        fs_err::create_dir_all(out)?;
        return Ok(out.to_owned());
    }
    let folder = record::RunFolder::create(None, &cx.paths, "gate")?;
    Ok(folder.path().to_owned())
}
