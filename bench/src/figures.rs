//! A whole run as one value for each figure: what a gate pairs with those of another run.
//!
//! Jobs of one run share its drift, so a run is one observation, however many jobs it has.

use serde::Serialize;
use serde_json::Value;

use crate::comparison::{Better, Section, Unit};
use crate::quantile::rank;
use crate::{Ending, Outcome, Parts, Run, Sample, Usage};

/// Name of the figure that decides, unless a policy names another.
pub const PRIMARY: &str = "latency p50";
/// Where a run keeps what was counted in it, by name.
pub const COUNTERS: &str = "counters";

/// Name of the counter of jobs that failed.
const FAILED: &str = "failed jobs";

/// One figure of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Its name, such as `latency p50`.
    pub name: String,
    /// Where it stands on a page.
    pub section: Section,
    /// What it counts.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// What the run says.
    pub value: f64,
}

/// All that `run` says of itself, the latency first. Times are microseconds, of measured jobs that ended well; of
/// a run without such a job nothing is said.
pub fn figures(run: &Run) -> Vec<Figure> {
    let jobs: Vec<&Sample> =
        run.measured().filter(|sample| sample.outcome == Outcome::Ok).collect();
    if jobs.is_empty() {
        return Vec::new();
    }
    let mut figures = Vec::new();
    let mut times = |name: &str, section, of: &dyn Fn(&Sample) -> Option<u64>| {
        let mut times: Vec<u64> = jobs.iter().filter_map(|job| of(job)).collect();
        times.sort_unstable();
        for (q, percentile) in [(0.5, "p50"), (0.95, "p95")] {
            figures.extend(quantile(&times, q).map(|value| Figure {
                name: format!("{name} {percentile}"),
                section,
                unit: Unit::Time,
                better: Better::Lower,
                value,
            }));
        }
    };
    times("latency", Section::Job, &|job| Some(job.latency_us()));
    times("queue wait", Section::Job, &|job| Some(Parts::of(job).queue_us));
    times("service time", Section::Job, &|job| {
        Some(job.finished_us.saturating_sub(job.started_us?))
    });
    times("transfer", Section::Job, &Sample::transfer_us);
    for name in stages(&jobs) {
        times(name, Section::Stage, &|job| of_stage(job, name));
    }
    figures.extend(throughput(run, jobs.len()));
    figures.extend(processor(run, jobs.len()));
    figures.extend(cards(run, jobs.len()));
    figures.extend(memory(run));
    figures.extend(counters(run));
    figures
}

/// The value below which a share `q` of `ascending` lies. None: there are none.
fn quantile(ascending: &[u64], q: f64) -> Option<f64> {
    let rank = rank(q, ascending.len() as u64) as usize;
    ascending.get(rank - 1).map(|&value| value as f64)
}

/// Names of the stages of any job, in the order in which they are first met.
fn stages<'a>(jobs: &[&'a Sample]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for span in jobs.iter().flat_map(|job| &job.stages) {
        if !names.contains(&span.name.as_str()) {
            names.push(&span.name);
        }
    }
    names
}

/// How long a job was in that stage, every time together. None: never.
fn of_stage(job: &Sample, name: &str) -> Option<u64> {
    let spans = job.stages.iter().filter(|span| span.name == name);
    spans.map(|span| span.end_us.saturating_sub(span.start_us)).reduce(|sum, time| sum + time)
}

fn of_run(name: &str, unit: Unit, better: Better, value: f64) -> Figure {
    Figure { name: name.to_owned(), section: Section::Run, unit, better, value }
}

/// From when the first measured job was due until the last one ended.
fn window_us(run: &Run) -> Option<(u64, u64)> {
    let first = run.measured().map(|sample| sample.planned_us).min()?;
    let last = run.measured().map(|sample| sample.finished_us).max()?;
    (first < last).then_some((first, last))
}

fn throughput(run: &Run, n_ok: usize) -> Option<Figure> {
    let (first, last) = window_us(run)?;
    let rate = n_ok as f64 * 3.6e9 / (last - first) as f64;
    Some(of_run("throughput", Unit::Rate, Better::Higher, rate))
}

/// Microseconds for which processors worked for the driven processes while jobs were measured. None: nobody
/// looked, or the run did not come to its end.
pub(crate) fn processor_us(run: &Run) -> Option<f64> {
    over_time(run, |look| Some(look.cpu_cores))
}

/// CPU time of the driven processes for each job.
fn processor(run: &Run, n_ok: usize) -> Option<Figure> {
    let used = processor_us(run)?;
    Some(of_run("CPU time a job", Unit::Time, Better::Lower, used / n_ok as f64))
}

/// The time in which a kernel ran on a card, all cards together, for each job: of all programs, since a card
/// does not say whose it was. None: no card was seen, or the run did not come to its end.
fn cards(run: &Run, n_ok: usize) -> Option<Figure> {
    let busy = |look: &Usage| look.gpus.iter().map(|card| card.busy).reduce(|sum, it| sum + it);
    let used = over_time(run, busy)?;
    Some(of_run("GPU time a job", Unit::Time, Better::Lower, used / n_ok as f64))
}

/// What was in use while jobs were measured, times the microseconds for which it was: a look tells of the time
/// since the one before. None: no look has it, or the run did not come to its end.
fn over_time(run: &Run, in_use: impl Fn(&Usage) -> Option<f64>) -> Option<f64> {
    let (first, last) = window_us(run).filter(|_| run.ending == Ending::Complete)?;
    let before = std::iter::once(0).chain(run.usage.iter().map(|look| look.at_us));
    let spans = run.usage.iter().zip(before).filter_map(|(look, before)| {
        let within_us = look.at_us.min(last).saturating_sub(before.max(first));
        Some(in_use(look)? * within_us as f64)
    });
    spans.reduce(|sum, it| sum + it)
}

fn memory(run: &Run) -> Option<Figure> {
    let most = run.usage.iter().map(|look| look.memory_bytes).max()?;
    Some(of_run("memory, most", Unit::Bytes, Better::Lower, most as f64))
}

/// What was counted: the same work has the same counts, on every machine. Jobs that fail are counted whoever was
/// driven, also those of a warm-up: times are of those that ended well, and lucky ones are quick.
fn counters(run: &Run) -> Vec<Figure> {
    let jobs = run.samples.iter();
    let n_failed = jobs.filter(|it| matches!(it.outcome, Outcome::Failed(_))).count();
    let failed = of_run(FAILED, Unit::Count, Better::Lower, n_failed as f64);
    let counted = run.environment.get(COUNTERS).and_then(Value::as_object);
    let counted = counted.into_iter().flatten();
    counted
        .filter_map(|(name, value)| Some((name, value.as_f64()?)))
        .map(|(name, value)| of_run(name, Unit::Count, Better::Lower, value))
        .chain([failed])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GpuUsage;
    use crate::picture::sample_runs::{Shape, run};

    fn value(figures: &[Figure], name: &str) -> Option<f64> {
        figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    #[test]
    fn a_run_is_one_value_for_each_figure() {
        let mut run = run(Shape { jobs: 20, ..Shape::default() });
        run.ending = Ending::Complete;
        let look = |at_us, cpu_cores, memory_bytes| Usage {
            at_us,
            cpu_cores,
            memory_bytes,
            ..Usage::default()
        };
        run.usage = vec![look(1_000_000, 2.0, 7), look(3_000_000, 0.5, 9)];
        let counted = serde_json::json!({"llm requests": 4, "encodes": 20});
        run.environment.insert(COUNTERS.to_owned(), counted);
        let figures = figures(&run);
        assert_eq!(figures[0].name, PRIMARY);
        let mut latencies: Vec<u64> = run.samples.iter().map(Sample::latency_us).collect();
        latencies.sort_unstable();
        assert_eq!(value(&figures, PRIMARY), Some(latencies[9] as f64), "the tenth of 20");
        assert_eq!(value(&figures, "latency p95"), Some(latencies[18] as f64));
        assert_eq!(value(&figures, "CPU time a job"), Some(3e6 / 20.0));
        assert_eq!(value(&figures, "memory, most"), Some(9.0));
        assert_eq!(value(&figures, "encodes"), Some(20.0));
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        insta::assert_snapshot!(names.join("\n"));
        run.samples.iter_mut().for_each(|sample| sample.outcome = Outcome::Cancelled);
        assert_eq!(super::figures(&run), []);
    }

    #[test]
    fn what_was_used_before_and_after_the_measured_jobs_is_no_jobs() {
        let mut run = run(Shape { jobs: 20, workers: 1, ..Shape::default() });
        let cold = Sample { phase: crate::Phase::WarmUp, ..run.samples.remove(0) };
        run.samples.insert(0, cold);
        let first = run.measured().map(|sample| sample.planned_us).min().expect("jobs");
        let last = run.measured().map(|sample| sample.finished_us).max().expect("jobs");
        assert!(first > 0, "the first one was the warm-up");
        run.usage = vec![Usage { at_us: 2 * last, cpu_cores: 1.0, ..Usage::default() }];
        let expected = (last - first) as f64 / 19.0;
        assert_eq!(value(&figures(&run), "CPU time a job"), Some(expected));
    }

    #[test]
    fn a_warm_up_is_in_no_time_and_in_no_throughput() {
        let measured = run(Shape { jobs: 20, ..Shape::default() });
        let mut warmed = measured.clone();
        let cold = Sample { phase: crate::Phase::WarmUp, ..measured.samples[0].clone() };
        warmed.samples.push(Sample { finished_us: 900_000_000, ..cold });
        assert_eq!(figures(&warmed), figures(&measured));
    }

    #[test]
    fn cards_that_were_seen_have_a_time_for_each_job() {
        let mut run = run(Shape { jobs: 20, fails: 4, ..Shape::default() });
        let look = |at_us, busy: &[f64]| Usage {
            at_us,
            gpus: busy.iter().map(|&busy| GpuUsage { busy, ..GpuUsage::default() }).collect(),
            ..Usage::default()
        };
        run.usage = vec![look(1_000_000, &[]), look(4_000_000, &[])];
        assert_eq!(value(&figures(&run), "GPU time a job"), None, "no card");
        // Half a second of one card, three seconds of one and one and a half of the other, over 15 jobs.
        run.usage = vec![look(1_000_000, &[0.5, 0.0]), look(4_000_000, &[1.0, 0.5])];
        assert_eq!(value(&figures(&run), "GPU time a job"), Some(5e6 / 15.0));
        assert_eq!(value(&figures(&run), "CPU time a job"), Some(0.0));
        run.usage[1].gpus.clear();
        assert_eq!(value(&figures(&run), "GPU time a job"), Some(0.5e6 / 15.0), "it is gone");
        run.ending = Ending::CutShort;
        assert_eq!(value(&figures(&run), "GPU time a job"), None);
    }
}
