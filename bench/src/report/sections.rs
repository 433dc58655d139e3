//! The sections of a report, each from values to blocks of a page.

use serde_json::Value;

use super::again::Side;
use crate::figures::processor_us;
use crate::page::Block;
use crate::record::Slice;
use crate::text::{duration, estimate};
use crate::usage::{GpuSummary, Moved};
use crate::{Distribution, Doubt, Ending, Record, Run, Summary, UsageSummary, picture};

/// The percentiles of every table.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// What was asked for, in a sentence.
pub fn asked(run: &Run) -> Block {
    let shares: Vec<String> = run.mix.iter().map(ToString::to_string).collect();
    let of = if shares.is_empty() {
        format!("the scenario `{}`", run.scenario.name)
    } else {
        format!("a mix by weight ({})", shares.join(", "))
    };
    let mut sentence = format!("{} of {of} against {}.", run.plan, run.target);
    for (name, prefix) in [("began", "Began"), ("weights", "Model weights:")] {
        if let Some(value) = run.environment.get(name) {
            sentence += &format!(" {prefix} {}.", plain(value));
        }
    }
    Block::text(sentence)
}

/// What the reader must know before the numbers.
pub fn warnings(run: &Run, summary: &Summary, doubts: &[Doubt]) -> Option<Block> {
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
    (!lines.is_empty()).then_some(Block::Warnings { texts: lines })
}

/// Latency, service time, queue wait and transfer.
pub fn latency(run: &Run, summary: &Summary) -> Vec<Block> {
    let rows = [
        ("latency (planned to finished)", &summary.latency),
        ("queue wait (accepted to started)", &summary.queue),
        ("service time (started to finished)", &summary.service),
        ("transfer (after the end, not in the latency)", &summary.transfer),
    ];
    let rows =
        rows.into_iter().filter(|(_, times)| times.n() > 0).map(|(name, times)| row(name, times));
    let throughput = summary
        .ok_per_hour()
        .map(|rate| Block::text(format!("Throughput: {rate:.0} jobs an hour.")));
    let mut blocks = vec![
        Block::heading("Latency"),
        Block::table(["time", "n", "p50", "p95", "p99", "least", "mean", "most"], rows),
        Block::figure(
            "latency.svg",
            "Latency by percentile, with 95 % intervals",
            picture::percentiles(run, summary),
        ),
    ];
    blocks.extend(throughput);
    blocks.push(Block::text(
        "In brackets: the 95 % interval of the true percentile, from order statistics, without any \
         assumption on the distribution. Jobs that wait for one another are not independent: 80 of them \
         may be *worth* 10, and the interval is that of 10; what the jobs themselves show is then told \
         as *seen*. A percentile that the sample does not carry is a bound, with the number of jobs \
         that would carry it. Values are of an HDR histogram with three digits.",
    ));
    blocks.push(Block::figure(
        "ecdf.svg",
        "Share of the jobs that had ended after each time",
        picture::shares(run, summary),
    ));
    blocks
}

/// Latency of each scenario, class and priority, where there are several.
pub fn slices(record: &Record) -> Vec<Block> {
    let slices = record.slices();
    let rows: Vec<[String; 8]> = slices
        .iter()
        .filter(|slice| **slice != Slice::All)
        .map(|slice| row(&slice.name(), &record.times(slice).latency))
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let heading = if slices.iter().any(|slice| matches!(slice, Slice::Scenario(_))) {
        "Latency by scenario, class and priority"
    } else {
        "Latency by class and priority"
    };
    vec![
        Block::heading(heading),
        Block::table(["jobs", "n", "p50", "p95", "p99", "least", "mean", "most"], rows),
        Block::text(
            "Jobs are taken for independent here: how much they wait for one another is known only of all \
             of them.",
        ),
    ]
}

fn row(name: &str, times: &Distribution) -> [String; 8] {
    let [p50, p95, p99] = QUANTILES.map(|q| estimate(times, q));
    let known = |us: Option<u64>| us.map_or_else(String::new, duration);
    let mean = times.mean_us().map(|us| us as u64);
    let n = times.n().to_string();
    [name.to_owned(), n, p50, p95, p99, known(times.min_us()), known(mean), known(times.max_us())]
}

/// The parts of all latency, and whether they add up.
pub fn parts(summary: &Summary) -> Vec<Block> {
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
    vec![
        Block::heading("Where the time went"),
        Block::table(["part", "a job, mean", "share"], rows),
        Block::text(format!(
            "The parts of the worst job miss its latency by {:.3} %; 1 % is allowed.",
            summary.closure_error * 100.0
        )),
    ]
}

/// Each stage.
pub fn stages(run: &Run, summary: &Summary) -> Vec<Block> {
    let whole = summary.parts.total_us().max(1);
    let rows = summary.stages.iter().map(|stage| {
        let times = &stage.duration;
        let [p50, p95, p99] = QUANTILES.map(|q| estimate(times, q));
        let mean = times.mean_us().unwrap_or_default();
        let share = mean * times.n() as f64 / whole as f64;
        let name = stage.name.clone();
        [name, times.n().to_string(), p50, p95, p99, duration(mean as u64), percent(share)]
    });
    vec![
        Block::heading("Stages"),
        Block::table(["stage", "n", "p50", "p95", "p99", "mean", "share of latency"], rows),
        Block::figure("stages.svg", "Time of each stage", picture::stages(run, summary)),
        Block::text(
            "Stages overlap: their shares of the latency need not add up to that of the stages above.",
        ),
    ]
}

/// When each job waited and worked.
pub fn timeline(run: &Run, summary: &Summary) -> Vec<Block> {
    let alt = "When each job waited and worked, and what the machine did";
    let picture = picture::timeline(run, summary);
    vec![Block::heading("Jobs over time"), Block::figure("timeline.svg", alt, picture)]
}

/// Jobs that did not end well.
pub fn failures(summary: &Summary) -> Vec<Block> {
    let failed =
        summary.failed.iter().map(|(reason, n)| [format!("failed: {reason}"), n.to_string()]);
    let cancelled = (summary.n_cancelled > 0)
        .then(|| ["cancelled with the run".to_owned(), summary.n_cancelled.to_string()]);
    let rows: Vec<[String; 2]> = failed.chain(cancelled).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    vec![
        Block::heading("Jobs that did not end well"),
        Block::table(["outcome", "jobs"], rows),
        Block::text(
            "Their times are not mixed into the percentiles; `samples.jsonl` has them with what the service \
             said.",
        ),
    ]
}

/// CPU, memory, disk, network and cards.
pub fn usage(run: &Run, summary: &Summary) -> Vec<Block> {
    let Some(usage) = UsageSummary::of(&run.usage) else { return Vec::new() };
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mut rows = vec![
        row("CPU, mean", format!("{:.2} cores", usage.cores_mean)),
        row("CPU, most", format!("{:.2} cores", usage.cores_most)),
        row("resident memory, most", megabytes(usage.memory_most as f64)),
    ];
    if let Some(used_us) = processor_us(run).filter(|_| summary.n_ok > 0) {
        let seconds = used_us / 1e6 / summary.n_ok as f64;
        rows.push(row("CPU a job", format!("{seconds:.2} s")));
    }
    let moved = |Moved { in_bytes, out_bytes }: Moved| [in_bytes, out_bytes].map(megabytes);
    if let Some([read, written]) = usage.disk.map(moved) {
        rows.push(row("disk, read and written", format!("{read}, {written}")));
    }
    if let Some([received, sent]) = usage.network.map(moved) {
        rows.push(row("network, received and sent", format!("{received}, {sent}")));
    }
    if let Some(share) = usage.throttled {
        rows.push(row("held back by the cgroup", percent(share)));
    }
    for (number, gpu) in usage.gpus.iter().enumerate() {
        rows.extend(card(number, gpu));
    }
    let none = if usage.gpus.is_empty() { " No card was seen." } else { "" };
    let note = format!(
        "Of the service and every process that it started, {} looks; the provider servers and the driver \
         are not in it. Memory that processes share counts once for each.{none}",
        usage.n_looks
    );
    vec![
        Block::heading("Use of the machine"),
        Block::table(["what", "value"], rows),
        Block::text(note),
    ]
}

fn card(number: usize, gpu: &GpuSummary) -> Vec<[String; 2]> {
    let mut rows = vec![
        ["busy, mean".to_owned(), percent(gpu.busy)],
        ["memory, most".to_owned(), megabytes(gpu.memory_most as f64)],
    ];
    if let Some((power, energy)) = gpu.power_mean_w.zip(gpu.energy_j) {
        rows.push(["power, mean".to_owned(), format!("{power:.0} W")]);
        rows.push(["energy".to_owned(), format!("{:.1} Wh", energy / 3600.0)]);
    }
    if let Some((low, high)) = gpu.clock_mhz {
        rows.push(["clock while busy".to_owned(), format!("{low} to {high} MHz")]);
    }
    let held = gpu.throttled_by.iter();
    rows.extend(held.map(|(reason, share)| [format!("held down by {reason}"), percent(*share)]));
    rows.into_iter().map(|[name, value]| [format!("card {number}, {name}"), value]).collect()
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}

/// What may explain the numbers.
pub fn environment(run: &Run) -> Vec<Block> {
    let rows = run.environment.iter().map(|(name, value)| [name.clone(), plain(value)]);
    vec![Block::heading("Environment"), Block::table(["what", "value"], rows)]
}

/// How to do it again.
pub fn again(run: &Run) -> Vec<Block> {
    let text = |name: &str| run.environment.get(name).map(plain);
    let plan = serde_json::to_string(&run.plan).unwrap_or_default();
    let mut facts = vec![("plan".to_owned(), plan)];
    let is_told = |name: &&String| ["digest", "seed", "image"].iter().any(|it| name.contains(it));
    let told = run.environment.keys().filter(is_told);
    facts.extend(told.filter_map(|name| Some((name.clone(), text(name)?))));
    let side = Side { name: None, revision: text("revision"), command: text("command") };
    super::again::blocks(&[side], &facts, None)
}

/// Where the raw data are.
pub fn files() -> Vec<Block> {
    let points = [
        "`run.json`: everything, as one document; `cargo xtask compare` reads it",
        "`samples.jsonl`: one job a line, in the order in which they ended; times in microseconds since \
         the run began",
        "`times.hlog`: the histograms, for HdrHistogram's tools; `latency.hgrm`: the percentiles of the \
         latency in seconds, for its plotters",
        "`report.html`, `report.json`: this page, for a browser and for programs",
        "the logs of the service and of the provider servers, where this driver started them",
    ];
    let points = points.map(str::to_owned).to_vec();
    vec![Block::heading("Files"), Block::List { points }]
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
