//! The flags that say when jobs are due.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::{Abort, Arrivals, Load, Plan, Rate, Think, Until};

use crate::exit::Failure;

/// Jobs in flight of an open loop at most, where nothing is said.
const MAX_IN_FLIGHT: u32 = 256;

/// Jobs that the flags to abort look back at.
const LOOK_BACK: u32 = 20;

/// When jobs are due, where it is not simply when the one before ended.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "When jobs are due")]
pub struct Shape {
    /// Jobs a second, however many are in flight (open loop): what users do, who do not wait for one another
    #[arg(long, value_name = "PER_SECOND", value_parser = rate, conflicts_with = "concurrency", group = "open")]
    pub rate: Option<Rate>,
    /// How they come: `constant`, `poisson`, `gamma:SHAPE` (below 1 in clumps), `bursts:SIZE`, or `ramp:RATE`,
    /// from --rate to that one [default: poisson]
    #[arg(long, value_name = "KIND", value_parser = kind, requires = "open")]
    pub arrivals: Option<Kind>,
    /// Jobs come as in this file: a line each, seconds since the beginning, in order
    #[arg(long, value_name = "FILE", conflicts_with_all = ["concurrency", "rate"])]
    pub trace: Option<PathBuf>,
    /// For how long jobs are sent, such as 45s, 10m or 1h, in place of --jobs; hours of it are a soak
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "jobs")]
    pub duration: Option<Duration>,
    /// Jobs, or a time, that come first and do not count
    #[arg(long, value_name = "N|TIME", value_parser = extent)]
    pub warm_up: Option<Until>,
    /// Jobs, or a time, that come last and do not count: the others end under full load
    #[arg(long, value_name = "N|TIME", value_parser = extent)]
    pub cool_down: Option<Until>,
    /// What a worker waits between two jobs, on average
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["rate", "trace"])]
    pub think_time: Option<Duration>,
    /// A job that takes longer is cancelled and has failed
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<Duration>,
    /// Seed of all that is drawn: the same seed sends the same jobs at the same instants
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// Jobs in flight of an open loop at most; one more ends the run, which is then no measurement [default: 256]
    #[arg(long, value_name = "N", conflicts_with = "concurrency")]
    pub max_in_flight: Option<NonZeroU32>,
    /// End the run when more of the last 20 jobs failed
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub abort_failed: Option<f64>,
    /// End the run when more than 5 % of the last 20 jobs took longer
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub abort_p95: Option<Duration>,
}

/// How jobs of an open loop come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Evenly.
    Constant,
    /// As those of many users do.
    Poisson,
    /// With gamma gaps of this shape.
    Gamma(Rate),
    /// So many at once.
    Bursts(NonZeroU32),
    /// Ever faster or slower, to this rate.
    Ramp(f64),
}

fn rate(text: &str) -> Result<Rate, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number, such as 0.5".to_owned())?;
    Rate::try_from(number).map_err(|error| error.to_string())
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent < 100.0 => Ok(percent / 100.0),
        _ => Err("expected a percentage between 0 and 100".to_owned()),
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let expected = || {
        "expected constant, poisson, gamma:SHAPE, bursts:SIZE or ramp:RATE, such as gamma:0.5"
            .to_owned()
    };
    match text.split_once(':') {
        None if text == "constant" => Ok(Kind::Constant),
        None if text == "poisson" => Ok(Kind::Poisson),
        Some(("gamma", shape)) => rate(shape).map(Kind::Gamma),
        Some(("bursts", size)) => size.parse().map(Kind::Bursts).map_err(|_| expected()),
        Some(("ramp", to)) => to.parse().map(Kind::Ramp).map_err(|_| expected()),
        _ => Err(expected()),
    }
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time with its unit, such as 500ms, 45s, 10m or 1h".to_owned();
    let time: jiff::SignedDuration = text.parse().map_err(|_| expected())?;
    let time = Duration::try_from(time).map_err(|_| expected())?;
    if time < Duration::from_micros(1) { Err(expected()) } else { Ok(time) }
}

fn extent(text: &str) -> Result<Until, String> {
    if let Ok(jobs) = text.parse() {
        return Ok(Until::Jobs(jobs));
    }
    let time = time(text).map_err(|error| format!("{error}, or a number of jobs"))?;
    Ok(Until::DurationUs(micros(time)))
}

pub(super) fn micros(time: Duration) -> NonZeroU64 {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    NonZeroU64::new(us).unwrap_or(NonZeroU64::MIN)
}

impl Shape {
    /// The plan of these flags with `concurrency` workers, if it is a closed loop, and `jobs` jobs, if it is
    /// not for a time. A trace is read here.
    ///
    /// # Errors
    ///
    /// A trace that cannot be read, and a plan that cannot be followed.
    pub fn plan(&self, concurrency: NonZeroU32, jobs: Option<NonZeroU32>) -> anyhow::Result<Plan> {
        let until = self.duration.map(|time| Until::DurationUs(micros(time)));
        let until = until.or(jobs.map(Until::Jobs));
        let plan = Plan {
            seed: self.seed,
            warm_up: self.warm_up,
            cool_down: self.cool_down,
            timeout_us: self.timeout.map(micros),
            abort: self.aborts(),
            ..Plan::of(self.load(concurrency, until)?)
        };
        plan.check(1).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(plan)
    }

    fn load(&self, workers: NonZeroU32, until: Option<Until>) -> anyhow::Result<Load> {
        let usual = Until::Jobs(NonZeroU32::new(super::JOBS).unwrap_or(NonZeroU32::MIN));
        let default = NonZeroU32::new(MAX_IN_FLIGHT).unwrap_or(NonZeroU32::MIN);
        let max_in_flight = self.max_in_flight.unwrap_or(default);
        if let Some(file) = &self.trace {
            let arrivals = Arrivals::Trace { at_us: trace(file)? };
            return Ok(Load::Open { arrivals, until, max_in_flight });
        }
        let until = until.unwrap_or(usual);
        let Some(rate) = self.rate else {
            let think =
                self.think_time.map_or(Think::None, |time| Think::ExponentialUs(micros(time)));
            return Ok(Load::Closed { workers, until, think });
        };
        let arrivals = match self.arrivals.unwrap_or(Kind::Poisson) {
            Kind::Constant => Arrivals::Constant { rate },
            Kind::Poisson => Arrivals::Poisson { rate },
            Kind::Gamma(shape) => Arrivals::Gamma { rate, shape },
            Kind::Bursts(size) => {
                let every = Duration::from_secs_f64(f64::from(size.get()) / rate.per_s());
                Arrivals::Bursts { size, every_us: micros(every) }
            }
            Kind::Ramp(to) => Arrivals::Ramp { from: rate.per_s(), to },
        };
        Ok(Load::Open { arrivals, until: Some(until), max_in_flight })
    }

    fn aborts(&self) -> Vec<Abort> {
        let of_last = NonZeroU32::new(LOOK_BACK).unwrap_or(NonZeroU32::MIN);
        let failed =
            self.abort_failed.map(|max_share| Abort { max_share, of_last, slower_than_us: None });
        let slow = self.abort_p95.map(|limit| Abort {
            max_share: 0.05,
            of_last,
            slower_than_us: Some(micros(limit)),
        });
        failed.into_iter().chain(slow).collect()
    }
}

/// The instants of a file: seconds, a line each; blank lines and those that begin with `#` are left out.
fn trace(file: &Path) -> anyhow::Result<Vec<u64>> {
    let text = fs_err::read_to_string(file)?;
    let is_instant = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let instants = lines.filter(|(_, line)| is_instant(line)).map(|(number, line)| {
        let seconds = line.parse::<f64>().ok().filter(|at| (0.0..1e9).contains(at));
        let seconds = seconds.ok_or_else(|| {
            let file = file.display();
            Failure::usage(format!(
                "{file}:{number}: expected seconds since the beginning, found {line:?}"
            ))
        })?;
        Ok((seconds * 1e6).round() as u64)
    });
    instants.collect()
}

#[cfg(test)]
mod tests;
