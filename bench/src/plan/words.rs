//! Plans in words.

use std::fmt;

use super::{Arrivals, Load, Plan, Think, Until};
use crate::text::duration;

fn plural(n: u32, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// Digits as far as they say something: `2`, `0.25`, `12.5`.
fn rate(per_s: f64) -> String {
    format!("{}", (per_s * 1e6).round() / 1e6)
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs(jobs) => f.write_str(&plural(jobs.get(), "job")),
            Self::DurationUs(us) => f.write_str(&duration(us.get())),
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { rate: r } => write!(f, "{} jobs a second, evenly", rate(r.per_s())),
            Self::Poisson { rate: r } => {
                write!(f, "{} jobs a second on average, Poisson", rate(r.per_s()))
            }
            Self::Gamma { rate: r, shape } => write!(
                f,
                "{} jobs a second on average, gamma gaps of shape {}",
                rate(r.per_s()),
                rate(shape.per_s())
            ),
            Self::Ramp { from, to } => {
                write!(f, "a ramp from {} to {} jobs a second", rate(*from), rate(*to))
            }
            Self::Bursts { size, every_us } => {
                let size = plural(size.get(), "job");
                write!(f, "{size} at once every {}", duration(every_us.get()))
            }
            Self::Trace { at_us } => write!(f, "a trace of {} jobs", at_us.len()),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { workers, until, think } => {
                let each = if workers.get() == 1 { "" } else { ", each" };
                write!(f, "{}{each} with one job at a time", plural(workers.get(), "worker"))?;
                match think {
                    Think::None => {}
                    Think::ConstantUs(us) => write!(f, " and {} between two", duration(us.get()))?,
                    Think::ExponentialUs(us) => {
                        write!(f, " and {} on average between two", duration(us.get()))?;
                    }
                }
                write!(f, " (closed loop), {until}")
            }
            Self::Open { arrivals, until, .. } => {
                write!(f, "{arrivals} (open loop)")?;
                until.map_or(Ok(()), |until| write!(f, ", {until}"))
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.load)?;
        if let Some(warm_up) = self.warm_up {
            write!(f, ", after a warm-up of {warm_up}")?;
        }
        if let Some(cool_down) = self.cool_down {
            write!(f, ", then a cool-down of {cool_down}")?;
        }
        Ok(())
    }
}

impl Plan {
    /// All that it says, by name, as people read it; what it leaves open is not there.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        match &self.load {
            Load::Closed { workers, until, think } => {
                facts.push(("workers", workers.to_string()));
                facts.push(extent("jobs", "duration", *until));
                match think {
                    Think::None => {}
                    Think::ConstantUs(us) => facts.push(("think time", duration(us.get()))),
                    Think::ExponentialUs(us) => {
                        facts.push(("think time", format!("{} on average", duration(us.get()))));
                    }
                }
            }
            Load::Open { arrivals, until, max_in_flight } => {
                facts.push(("arrivals", arrivals.to_string()));
                facts.extend(until.map(|until| extent("jobs", "duration", until)));
                facts.push(("jobs in flight, at most", max_in_flight.to_string()));
            }
        }
        let is_drawn = self.is_open() || self.seed != 0;
        facts.extend(is_drawn.then(|| ("seed", self.seed.to_string())));
        let warm_up = self.warm_up.map(|until| ("warm-up", until.to_string()));
        let cool_down = self.cool_down.map(|until| ("cool-down", until.to_string()));
        facts.extend(warm_up.into_iter().chain(cool_down));
        facts.extend(self.timeout_us.map(|us| ("timeout", duration(us.get()))));
        facts.extend(self.abort.iter().map(|abort| ("aborted when", abort.to_string())));
        facts.extend(self.max_jobs.map(|jobs| ("jobs in all, at most", jobs.to_string())));
        facts
    }
}

fn extent(jobs: &'static str, time: &'static str, until: Until) -> (&'static str, String) {
    match until {
        Until::Jobs(n) => (jobs, n.to_string()),
        Until::DurationUs(us) => (time, duration(us.get())),
    }
}
