//! The sections of a report, each from values to Markdown.

use serde_json::Value;

use crate::markdown::table;
use crate::text::{duration, estimate};
use crate::{Distribution, Doubt, Ending, Run, Summary, Usage};

/// The percentiles of every table.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// What was asked for, in a sentence.
pub fn asked(run: &Run) -> String {
    let mut sentence =
        format!("{} of the scenario `{}` against {}.", run.plan, run.scenario.name, run.target);
    for (name, prefix) in [("began", "Began"), ("weights", "Model weights:")] {
        if let Some(value) = run.environment.get(name) {
            sentence += &format!(" {prefix} {}.", plain(value));
        }
    }
    sentence
}

/// What the reader must know before the numbers, as quoted lines.
pub fn warnings(run: &Run, summary: &Summary, doubts: &[Doubt]) -> Option<String> {
    let mut lines: Vec<String> = doubts
        .iter()
        .map(|doubt| format!("**This run is not valid**: {doubt}. Hint: {}.", doubt.advice()))
        .collect();
    if run.ending == Ending::CutShort {
        let n_cancelled = summary.n_cancelled;
        lines.push(format!(
            "**Cut short**: somebody stopped the run. {n_cancelled} jobs were in flight and were \
             cancelled; the numbers are of those that had ended, which are the quicker ones."
        ));
    }
    if let Ending::Aborted(reason) = &run.ending {
        lines.push(format!(
            "**Aborted**, as the plan says: {reason}. The numbers are of the jobs that had ended."
        ));
    }
    if run.environment.get("weights").is_some_and(|value| plain(value).contains("fixture")) {
        lines.push(
            "Fixture weights are random numbers at the real dimensions: they show cost, never quality."
                .to_owned(),
        );
    }
    (!lines.is_empty()).then(|| {
        let quoted: Vec<String> =
            lines.iter().map(|line| format!("> {}", line.replace('\n', "\n> "))).collect();
        quoted.join("\n>\n")
    })
}

/// Latency, service time and queue wait.
pub fn latency(summary: &Summary) -> String {
    let rows = [
        ("latency (planned to finished)", &summary.latency),
        ("queue wait (accepted to started)", &summary.queue),
        ("service time (started to finished)", &summary.service),
    ];
    let rows =
        rows.into_iter().filter(|(_, times)| times.n() > 0).map(|(name, times)| row(name, times));
    let throughput = summary
        .ok_per_hour()
        .map_or_else(String::new, |rate| format!("Throughput: {rate:.0} jobs an hour.\n\n"));
    format!(
        "## Latency\n\n{}\n\n![Latency by percentile, with 95 % intervals](latency.svg)\n\n{throughput}\
         In brackets: the 95 % interval of the true percentile, from order statistics, without any \
         assumption on the distribution. Jobs that wait for one another are not independent: 80 of them \
         may be *worth* 10, and the interval is that of 10; what the jobs themselves show is then told \
         as *seen*. A percentile that the sample does not carry is a bound, with the number of jobs \
         that would carry it. Values are of an HDR histogram with three digits.",
        table(["time", "n", "p50", "p95", "p99", "least", "mean", "most"], rows)
    )
}

fn row(name: &str, times: &Distribution) -> [String; 8] {
    let [p50, p95, p99] = QUANTILES.map(|q| estimate(times, q));
    let known = |us: Option<u64>| us.map_or_else(String::new, duration);
    let mean = times.mean_us().map(|us| us as u64);
    let n = times.n().to_string();
    [name.to_owned(), n, p50, p95, p99, known(times.min_us()), known(mean), known(times.max_us())]
}

/// The parts of all latency, and whether they add up.
pub fn parts(summary: &Summary) -> String {
    let parts = summary.parts;
    let whole = parts.total_us();
    let n_jobs = summary.n_ok.max(1);
    let row = |name: &str, us: u64| {
        [name.to_owned(), duration(us / n_jobs), percent(us as f64 / whole.max(1) as f64)]
    };
    let rows = [
        row("driver late (planned to sent)", parts.lag_us),
        row("submit (sent to accepted)", parts.submit_us),
        row("queue wait (accepted to started)", parts.queue_us),
        row("stages (at least one runs)", parts.stages_us),
        row("between stages", parts.rest_us),
        row("together", whole),
    ];
    format!(
        "## Where the time went\n\n{}\n\nThe parts of the worst job miss its latency by {:.3} %; 1 % is \
         allowed.",
        table(["part", "a job, mean", "share"], rows),
        summary.closure_error * 100.0
    )
}

/// Each stage.
pub fn stages(summary: &Summary) -> String {
    let whole = summary.parts.total_us().max(1);
    let rows = summary.stages.iter().map(|stage| {
        let times = &stage.duration;
        let [p50, p95, p99] = QUANTILES.map(|q| estimate(times, q));
        let mean = times.mean_us().unwrap_or_default();
        let share = mean * times.n() as f64 / whole as f64;
        let name = stage.name.clone();
        [name, times.n().to_string(), p50, p95, p99, duration(mean as u64), percent(share)]
    });
    format!(
        "## Stages\n\n{}\n\n![Time of each stage](stages.svg)\n\nStages overlap: their shares of the \
         latency need not add up to that of the stages above.",
        table(["stage", "n", "p50", "p95", "p99", "mean", "share of latency"], rows)
    )
}

/// When each job waited and worked.
pub fn timeline() -> String {
    "## Jobs over time\n\n\
     ![When each job waited and worked, and what the machine did](timeline.svg)"
        .to_owned()
}

/// Jobs that did not end well.
pub fn failures(summary: &Summary) -> Option<String> {
    let failed =
        summary.failed.iter().map(|(reason, n)| [format!("failed: {reason}"), n.to_string()]);
    let cancelled = (summary.n_cancelled > 0)
        .then(|| ["cancelled with the run".to_owned(), summary.n_cancelled.to_string()]);
    let rows: Vec<[String; 2]> = failed.chain(cancelled).collect();
    (!rows.is_empty()).then(|| {
        format!(
            "## Jobs that did not end well\n\n{}\n\nTheir times are not mixed into the percentiles; \
             `samples.jsonl` has them with what the service said.",
            table(["outcome", "jobs"], rows)
        )
    })
}

/// CPU, memory and cards.
pub fn usage(run: &Run, summary: &Summary) -> Option<String> {
    let looks = &run.usage;
    let last = looks.last()?;
    let most_cores = looks.iter().map(|look| look.cpu_cores).fold(0.0, f64::max);
    let most_memory = looks.iter().map(|look| look.memory_bytes).max().unwrap_or_default();
    let seconds = cpu_seconds(looks);
    let mean = seconds / (last.at_us.max(1) as f64 / 1e6);
    let mut rows = vec![
        ["CPU, mean".to_owned(), format!("{mean:.2} cores")],
        ["CPU, most".to_owned(), format!("{most_cores:.2} cores")],
        ["resident memory, most".to_owned(), format!("{:.0} MB", most_memory as f64 / 1e6)],
    ];
    if summary.n_ok > 0 && run.ending == Ending::Complete {
        rows.push(["CPU a job".to_owned(), format!("{:.2} s", seconds / summary.n_ok as f64)]);
    }
    for (number, _) in last.gpus.iter().enumerate() {
        let of_card = || looks.iter().filter_map(|look| look.gpus.get(number));
        let busy = of_card().map(|card| card.busy).sum::<f64>() / of_card().count().max(1) as f64;
        let memory = of_card().map(|card| card.memory_bytes).max().unwrap_or_default();
        rows.push([format!("card {number}, busy, mean"), percent(busy)]);
        rows.push([
            format!("card {number}, memory, most"),
            format!("{:.0} MB", memory as f64 / 1e6),
        ]);
    }
    let none = if last.gpus.is_empty() { " No card was seen." } else { "" };
    Some(format!(
        "## Use of the machine\n\n{}\n\nOf the service and every process that it started, {} looks; the \
         provider servers and the driver are not in it. Memory that processes share counts once for \
         each.{none}",
        table(["what", "value"], rows),
        looks.len()
    ))
}

/// CPU time between the looks.
fn cpu_seconds(looks: &[Usage]) -> f64 {
    let mut before_us = 0;
    let mut seconds = 0.0;
    for look in looks {
        seconds += look.cpu_cores * (look.at_us.saturating_sub(before_us)) as f64 / 1e6;
        before_us = look.at_us;
    }
    seconds
}

/// What may explain the numbers.
pub fn environment(run: &Run) -> String {
    let rows = run.environment.iter().map(|(name, value)| [name.clone(), plain(value)]);
    format!("## Environment\n\n{}", table(["what", "value"], rows))
}

/// Where the raw data are.
pub fn files() -> String {
    "## Files\n\n\
     - `run.json`: everything, as one document; `cargo xtask compare` reads it\n\
     - `samples.jsonl`: one job a line, in the order in which they ended; times in microseconds since \
     the run began\n\
     - `times.hlog`: the histograms, for HdrHistogram's tools\n\
     - the logs of the service and of the provider servers, where this driver started them"
        .to_owned()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
