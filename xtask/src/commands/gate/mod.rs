//! `cargo xtask gate`: is this slower than that? Whole runs in pairs, in an order that favours nobody, until the
//! answer is sure.

mod arm;
mod arms;
mod calibration;
mod checkout;
mod kept;
mod policy;
mod series;
mod tell;

use std::path::{Path, PathBuf};

use bench::gate::{Accepted, Schedule};
use tokio_util::sync::CancellationToken;

use self::arm::Arm;
use self::arms::{Arms, Services, Wanted};
use self::policy::Policy;
use self::series::{RUNS, Series};
pub use self::tell::{Found, JUDGED};
use self::tell::{Gated, tell};
use crate::accepted;
use crate::commands::Context;
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
  cargo xtask gate --before image:reelbench:cpu --after image:mine:cpu
  cargo xtask gate --before url:https://old.example.com --after url:https://new.example.com \\
      --input body.json --jobs 4 --max-jobs 360          two services of yours
  cargo xtask gate --same                                what this machine calls a difference
  cargo xtask gate --before runs:a --after runs:b        run files that are there
  cargo xtask gate --before runs:a --after runs:a        those of a gate, in its folder

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
    /// Measure what there was against itself: how small a change this machine can show at all
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
    // Its heading would go on to whatever came after it.
    #[command(flatten)]
    services: Services,
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
                let message =
                    format!("{arm}: profiles and settings are for here, rev:COMMIT and image:TAG");
                return Err(Failure::usage(message).into());
            }
        }
        let [(before, before_flags), (after, after_flags)] = &arms;
        // The folder of a gate has the runs of both sides.
        let are_kept = matches!(before, Arm::Runs(_));
        if self.same && are_kept {
            return Err(Failure::usage("--same measures; runs that were kept are judged").into());
        }
        let may_be_same = self.same || are_kept;
        if before == after && before_flags == after_flags && !may_be_same {
            let hint = "--base COMMIT, --before-profile baseline, or --same to see what this machine \
                        calls a difference";
            let failure = Failure::usage("before and after are the same");
            return Err(failure.with_hint(hint).into());
        }
        if self.same && (before != after || before_flags != after_flags) {
            let message = "--same measures what there was against itself: leave out --after, --after-profile \
                           and --after-set, or give both sides the same";
            return Err(Failure::usage(message).into());
        }
        if before.kind() != after.kind() {
            let message = format!(
                "{before} is {}, {after} is {}: they are not asked for the same",
                before.kind(),
                after.kind()
            );
            let hint = "--before runs:A --after runs:B, --before url:A --after url:B, or two that are \
                        started here";
            return Err(Failure::usage(message).with_hint(hint).into());
        }
        self.check_services(matches!(before, Arm::Url(_)))
    }

    fn check_services(&self, are_asked: bool) -> anyhow::Result<()> {
        if !are_asked {
            if self.services != Services::default() {
                let message = "--speaks, --token-env, --input and --max-jobs are for url:URL";
                return Err(Failure::usage(message).into());
            }
            return Ok(());
        }
        if self.services.input.is_none() {
            let message = "url:URL: expected the body of each request, --input FILE";
            return Err(Failure::usage(message).into());
        }
        Ok(())
    }

    /// A service of the user's is not sent more jobs than was said: each may cost money.
    fn check_cost(&self, policy: &Policy) -> anyhow::Result<()> {
        let [(before, _), _] = self.arms();
        if !matches!(before, Arm::Url(_)) {
            return Ok(());
        }
        let has_null = policy.run.null && !self.same;
        let schedule = Schedule { seed: policy.run.seed, has_null };
        let pairs = match policy.gate.last_look() {
            Some(look) if !self.same => look.pairs,
            _ => policy.gate.calibration.pairs,
        };
        let of_run = u64::from(policy.run.warm_up) + u64::from(policy.run.jobs);
        let jobs = schedule.slots(pairs).len() as u64 * of_run;
        if self.services.max_jobs.is_some_and(|most| jobs <= most) {
            return Ok(());
        }
        let allowed = self.services.max_jobs.unwrap_or(0);
        let message = format!(
            "as many as {jobs} jobs would be sent to {before} and the other one, --max-jobs allows {allowed}"
        );
        let hint = format!(
            "each may cost money; if you mean it: --max-jobs {jobs}; fewer looks, no null run and fewer jobs \
             are in the policy"
        );
        Err(Failure::usage(message).with_hint(hint).into())
    }

    fn with(&self, mut policy: Policy) -> Policy {
        let run = &mut policy.run;
        run.scenario = self.scenario.clone().unwrap_or_else(|| run.scenario.clone());
        run.concurrency = self.concurrency.unwrap_or(run.concurrency);
        run.jobs = self.jobs.unwrap_or(run.jobs);
        run.seed = self.seed.unwrap_or(run.seed);
        // A service elsewhere is not started for a run, and each job may cost money.
        if matches!(self.arms(), [(Arm::Url(_), _), _]) {
            run.warm_up = 0;
        }
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
    policy.run.check()?;
    args.check()?;
    args.check_cost(&policy)?;
    let folder = folder(args.out.as_deref(), cx)?;
    let arms = match args.arms() {
        [(Arm::Runs(before), _), (Arm::Runs(after), _)] => {
            let series = Series::kept(kept::kept(&before, &after)?);
            return Gated::new(series.judged(&policy)?, &policy, &folder);
        }
        arms => arms,
    };
    check_new(&folder)?;
    let wanted = Wanted {
        scenario: policy.run.scenario.clone(),
        plan: policy.run.plan(),
        services: args.services.clone(),
        arms,
    };
    let arms = Arms::prepare(wanted, cx, stop).await?;
    if args.same {
        return calibration::calibrated(arms, &policy, &folder, cx, stop).await;
    }
    let accepted = accepted(args, cx, stop).await?;
    let judged = series::measured(arms, &policy, &folder, cx, stop).await?;
    Gated::new(judged.accepting(&accepted), &policy, &folder)
}

/// What this checkout accepts and the commit before it does not: what came with the change.
async fn accepted(
    args: &Args,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<Accepted>> {
    let [(Arm::Revision(base), _), (Arm::Here, _)] = args.arms() else { return Ok(Vec::new()) };
    let here = accepted::of(&cx.paths.root.join(accepted::FILE))?;
    let base = checkout::file(&base, accepted::FILE, cx, stop).await?;
    let base = base.as_deref().map(accepted::read).transpose()?.unwrap_or_default();
    Ok(accepted::new(here, &base))
}

/// A folder that holds no runs yet: those of another gate would be taken for those of this one.
fn check_new(folder: &Path) -> anyhow::Result<()> {
    if !folder.join(RUNS).exists() {
        return Ok(());
    }
    let shown = folder.display();
    let hint = format!(
        "another folder; what is there is judged by --before runs:{shown} --after runs:{shown}"
    );
    let failure =
        Failure::usage(format!("--out {shown}: expected a new folder, found the runs of a gate"));
    Err(failure.with_hint(hint).into())
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
