//! Each figure of both runs.

use super::interval::{self, Interval, MEAN_NEEDS, Ratio};
use super::metric::{Better, Level, Metric, Section, Unit, Word};
use crate::{Distribution, Ending, Outcome, Run, Summary};

type Arm<'a> = (&'a Run, &'a Summary);

/// Everything that both runs can say, the latency first.
pub(super) fn metrics(before: Arm<'_>, after: Arm<'_>) -> Vec<Metric> {
    let times = |name: &str, section, of: fn(&Summary) -> &Distribution, q| {
        timed(name, section, [before.1, after.1].map(|summary| Level::of(of(summary), q)))
    };
    let latency: fn(&Summary) -> &Distribution = |summary| &summary.latency;
    let queue: fn(&Summary) -> &Distribution = |summary| &summary.queue;
    let service: fn(&Summary) -> &Distribution = |summary| &summary.service;
    let transfer: fn(&Summary) -> &Distribution = |summary| &summary.transfer;
    let mut metrics = vec![
        times("latency p50", Section::Primary, latency, 0.5),
        times("latency p95", Section::Job, latency, 0.95),
        times("latency p99", Section::Job, latency, 0.99),
        times("queue wait p50", Section::Job, queue, 0.5),
        times("queue wait p95", Section::Job, queue, 0.95),
        times("service time p50", Section::Job, service, 0.5),
        times("service time p95", Section::Job, service, 0.95),
        times("transfer p50", Section::Job, transfer, 0.5),
        times("transfer p95", Section::Job, transfer, 0.95),
    ];
    metrics.extend(stages(before.1, after.1));
    metrics.push(throughput(before, after));
    metrics.push(failures(before.1, after.1));
    metrics.extend(processor(before, after));
    metrics.extend(memory(before.0, after.0));
    let is_nowhere =
        |metric: &Metric| metric.before == Level::Absent && metric.after == Level::Absent;
    metrics.retain(|metric| metric.section == Section::Primary || !is_nowhere(metric));
    metrics
}

/// Each stage of either run.
fn stages(before: &Summary, after: &Summary) -> Vec<Metric> {
    let mut names: Vec<&str> = before.stages.iter().map(|stage| stage.name.as_str()).collect();
    let new = after.stages.iter().map(|stage| stage.name.as_str());
    names.extend(new.filter(|name| !before.stages.iter().any(|stage| stage.name == *name)));
    let level = |summary: &Summary, name: &str, q| {
        let stage = summary.stages.iter().find(|stage| stage.name == name);
        stage.map_or(Level::Absent, |stage| Level::of(&stage.duration, q))
    };
    let metrics = names.iter().flat_map(|name| {
        [(0.5, "p50"), (0.95, "p95")].map(|(q, percentile)| {
            let levels = [level(before, name, q), level(after, name, q)];
            timed(&format!("{name} {percentile}"), Section::Stage, levels)
        })
    });
    metrics.collect()
}

fn timed(name: &str, section: Section, [before, after]: [Level; 2]) -> Metric {
    Metric::judged(name, section, Unit::Time, Better::Lower, [before, after])
}

/// When each job ended well, in order. The last one counts until the end of the run, so that the gaps
/// from the beginning on are the whole run and their mean is that of the run.
fn ends(run: &Run) -> Vec<u64> {
    let ok = run.measured().filter(|sample| sample.outcome == Outcome::Ok);
    let mut ends: Vec<u64> = ok.map(|sample| sample.finished_us).collect();
    ends.sort_unstable();
    let last = run.measured().map(|sample| sample.finished_us).max();
    if let (Some(end), Some(last)) = (ends.last_mut(), last) {
        *end = last;
    }
    ends
}

/// When the first job that counts was due.
fn first(run: &Run) -> u64 {
    run.measured().map(|sample| sample.planned_us).min().unwrap_or(0)
}

/// The time from one end to the next, microseconds.
fn gaps(run: &Run) -> Vec<f64> {
    let first = first(run);
    let ends = ends(run);
    let begins = std::iter::once(first).chain(ends.iter().copied());
    begins.zip(&ends).map(|(begin, end)| end.saturating_sub(begin) as f64).collect()
}

/// The CPU time from one end to the next, microseconds. What was used after the last one counts to it.
fn cpu(run: &Run) -> Vec<f64> {
    let ends = ends(run);
    let mut used = vec![0.0; ends.len()];
    let (mut gap, mut at) = (0, first(run));
    for look in &run.usage {
        let cores = if look.cpu_cores.is_finite() { look.cpu_cores.clamp(0.0, 1e6) } else { 0.0 };
        // A look tells of the time since the one before.
        while at < look.at_us && gap < used.len() {
            let is_last = gap + 1 == used.len();
            let until = if is_last { look.at_us } else { look.at_us.min(ends[gap]) };
            used[gap] += cores * until.saturating_sub(at) as f64;
            at = at.max(until);
            gap += usize::from(!is_last && at >= ends[gap]);
        }
    }
    used
}

/// Too few jobs for a mean.
const fn few(n: u64) -> Level {
    Level::Bounded { low: None, n, worth: n, needs: MEAN_NEEDS }
}

fn throughput(before: Arm<'_>, after: Arm<'_>) -> Metric {
    const HOUR_US: f64 = 3.6e9;
    let level = |(run, summary): Arm<'_>| {
        let Some(rate) = summary.ok_per_hour().filter(|rate| *rate > 0.0) else {
            return Level::Absent;
        };
        match interval::mean(&gaps(run)) {
            // A long gap is a low rate; a mean that may be nothing would be a rate without bound.
            Some(gap) => Level::Known {
                value: rate,
                low: HOUR_US / gap.high,
                high: HOUR_US / gap.low.max(gap.value / 100.0),
            },
            None => few(summary.n_ok),
        }
    };
    Metric::judged(
        "throughput",
        Section::Run,
        Unit::Rate,
        Better::Higher,
        [level(before), level(after)],
    )
}

fn failures(before: &Summary, after: &Summary) -> Metric {
    let counts = |summary: &Summary| (summary.n_failed(), summary.n_failed() + summary.n_ok);
    let level = |summary: &Summary| {
        let (n_failed, n) = counts(summary);
        if n == 0 { Level::Absent } else { Level::Single { value: n_failed as f64 / n as f64 } }
    };
    let ratio = Ratio::of_shares(counts(before), counts(after));
    let is_none = counts(before).0 + counts(after).0 == 0;
    Metric {
        name: "failed jobs".to_owned(),
        section: Section::Run,
        unit: Unit::Share,
        better: Better::Lower,
        before: level(before),
        after: level(after),
        ratio,
        word: ratio.map_or(Word::NoDifferenceShown, |ratio| Word::of(&ratio, Better::Lower)),
        reason: is_none.then(|| "no job failed in either run".to_owned()),
    }
}

fn processor(before: Arm<'_>, after: Arm<'_>) -> Option<Metric> {
    let level = |(run, summary): Arm<'_>| {
        // Jobs that did not end have used some too.
        if run.usage.is_empty() || run.ending != Ending::Complete || summary.n_ok == 0 {
            return Level::Absent;
        }
        match interval::mean(&cpu(run)) {
            Some(Interval { value, low, high }) => {
                Level::Known { value, low: low.max(value / 100.0), high }
            }
            None => few(summary.n_ok),
        }
    };
    let levels = [level(before), level(after)];
    let metric = Metric::judged("CPU time a job", Section::Run, Unit::Time, Better::Lower, levels);
    (levels != [Level::Absent; 2]).then_some(metric)
}

fn memory(before: &Run, after: &Run) -> Option<Metric> {
    let level = |run: &Run| {
        let most = run.usage.iter().map(|look| look.memory_bytes).max();
        most.map_or(Level::Absent, |most| Level::Single { value: most as f64 })
    };
    let levels = [level(before), level(after)];
    let metric = Metric::judged("memory, most", Section::Run, Unit::Bytes, Better::Lower, levels);
    (levels != [Level::Absent; 2]).then_some(metric)
}
