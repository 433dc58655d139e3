//! The times of a run as an HdrHistogram interval log, format 1.3: lines of base64 that the Java,
//! Python, JavaScript, Go and C# libraries and their plotters read
//! ([`hdrhistogram::serialization::interval_log`] says how a line is made).

use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::record::{Slice, Times};
use crate::{Distribution, Record, Run};

/// The log: one histogram over the whole run for each of latency, service time, queue wait, transfer (where
/// something was fetched) and every stage (`stage.render`), by its tag; then the same of each scenario, class and priority, where there are
/// several. Values are microseconds; the readable maximum is in seconds.
///
/// A tag is written as Graphite writes a series of a kind
/// (<https://graphite.readthedocs.io/en/latest/tags.html>): `latency;priority=HIGH`.
///
/// # Panics
///
/// Never: it is written to memory.
pub fn hdr_log(run: &Run, record: &Record, span_us: u64) -> String {
    let began = UNIX_EPOCH + Duration::from_micros(run.began_unix_us);
    let span = Duration::from_micros(span_us);
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[reelbench, scenario {}, microseconds]", run.scenario.name))
        .with_start_time(began)
        .with_base_time(began)
        .with_max_value_divisor(1e6);
    #[expect(clippy::expect_used, reason = "memory takes what is written")]
    {
        let mut writer = builder.begin_log_with(&mut log, &mut serializer).expect("memory");
        for slice in record.slices() {
            let times = record.times(&slice);
            for (name, times) in named(&times) {
                let tag = tag(&name, &slice);
                let tag = Tag::new(&tag);
                writer
                    .write_histogram(times.histogram(), Duration::ZERO, span, tag)
                    .expect("memory");
            }
        }
    }
    String::from_utf8_lossy(&log).into_owned()
}

fn named(times: &Times) -> Vec<(String, &Distribution)> {
    let whole = [("latency", &times.latency), ("service", &times.service), ("queue", &times.queue)];
    let fetched = (times.transfer.n() > 0).then_some(("transfer", &times.transfer));
    let stages = times.stages().iter().map(|(name, times)| (format!("stage.{name}"), times));
    let whole = whole.into_iter().chain(fetched);
    whole.map(|(name, times)| (name.to_owned(), times)).chain(stages).collect()
}

/// A tag takes no comma, blank or line break: there is a `_` for each.
fn tag(name: &str, slice: &Slice) -> String {
    let tag = match slice {
        Slice::All => name.to_owned(),
        Slice::Scenario(scenario) => format!("{name};scenario={scenario}"),
        Slice::Class(class) => format!("{name};class={class}"),
        Slice::Priority(priority) => format!("{name};priority={priority}"),
    };
    tag.replace([' ', ',', '\n', '\r'], "_")
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::sample::tests::{sample, span};
    use crate::{Plan, Sample, Scenario};

    /// The histograms of a log by tag, read by the library.
    fn read(log: &str) -> Vec<(String, Histogram<u64>)> {
        let decode = |text: &str| {
            let bytes = base64(text);
            Deserializer::new().deserialize(&mut bytes.as_slice()).expect("a histogram")
        };
        IntervalLogIterator::new(log.as_bytes())
            .map(|entry| entry.expect("an entry"))
            .filter_map(|entry| match entry {
                LogEntry::Interval(interval) => {
                    let tag = interval.tag().map_or(String::new(), |tag| tag.as_str().to_owned());
                    Some((tag, decode(interval.encoded_histogram())))
                }
                _ => None,
            })
            .collect()
    }

    /// RFC 4648, in the plainest way: the test shall not trust the encoder's own crate.
    fn base64(text: &str) -> Vec<u8> {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (mut bits, mut n_bits, mut bytes) = (0_u32, 0, Vec::new());
        for letter in text.bytes().filter(|&letter| letter != b'=') {
            let value = LETTERS.iter().position(|&known| known == letter).expect("base64");
            bits = bits << 6 | value as u32;
            n_bits += 6;
            if n_bits >= 8 {
                n_bits -= 8;
                bytes.push((bits >> n_bits) as u8);
            }
        }
        bytes
    }

    /// 80 jobs, every other one urgent, with a stage whose name no tag takes.
    fn run() -> Run {
        let scenario = Scenario {
            name: "sea".to_owned(),
            title: String::new(),
            payload: serde_json::Value::Null,
        };
        let mut run = Run::new(scenario, Plan::single(), "native", 1_795_000_000_000_000);
        run.samples = (1..=80)
            .map(|n| Sample {
                started_us: Some(n * 1000),
                stages: vec![span("render", n * 2000, n * 10_000), span("a, b", 0, 1)],
                extra: serde_json::json!({ "priority": if n % 2 == 0 { "HIGH" } else { "LOW" } }),
                ..sample(0, n * 100_000)
            })
            .collect();
        run
    }

    fn log() -> String {
        let run = run();
        hdr_log(&run, &Record::of(&run.samples), 8_000_000)
    }

    /// Each histogram in a line, in numbers that every library gives without rounding: its tag, how many
    /// values, the least, the most, and the sum of the largest values of all buckets.
    fn table(histograms: &[(String, Histogram<u64>)]) -> String {
        let line = |(tag, it): &(String, Histogram<u64>)| {
            let sum: u64 = it
                .iter_recorded()
                .map(|step| step.value_iterated_to() * step.count_since_last_iteration())
                .sum();
            format!("{tag} {} {} {} {sum}\n", it.len(), it.min(), it.max())
        };
        histograms.iter().map(line).collect()
    }

    #[test]
    fn what_is_read_back_are_the_times_of_the_run() {
        let log = log();
        assert!(log.starts_with("#[Histogram log format version 1.3]\n"), "{log}");
        assert!(log.contains("#[StartTime: 1795000000.000 (seconds since epoch)]"), "{log}");

        let histograms = read(&log);
        let tags: Vec<&str> = histograms.iter().map(|(tag, _)| tag.as_str()).collect();
        let names = ["latency", "service", "queue", "stage.a__b", "stage.render"];
        let slices = ["", ";priority=HIGH", ";priority=LOW"];
        let expected =
            slices.iter().flat_map(|slice| names.iter().map(move |it| format!("{it}{slice}")));
        assert_eq!(tags, expected.collect::<Vec<_>>());
        let latency = &histograms[0].1;
        assert_eq!((latency.len(), histograms[5].1.len()), (80, 40));
        let p95 = latency.value_at_quantile(0.95);
        assert!(p95.abs_diff(7_600_000) <= 7_600, "{p95}");
        let times = Record::of(&run().samples).times(&Slice::All);
        assert_eq!(histograms[4].1.max(), times.stages()[1].1.histogram().max());
    }

    /// The libraries of Java and Python read this log and find this table in it:
    /// `fixtures/hlog/check.sh` asks them.
    #[test]
    fn the_log_is_the_one_that_other_libraries_read() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hlog");
        let (log, table) = (log(), table(&read(&log())));
        if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
            fs_err::write(folder.join("times.hlog"), &log).expect("written");
            fs_err::write(folder.join("times.txt"), &table).expect("written");
        }
        let fixture = |name: &str| fs_err::read_to_string(folder.join(name)).expect("a fixture");
        // How a histogram is packed is up to the library of deflate that the build has.
        assert_eq!(read(&log), read(&fixture("times.hlog")));
        assert_eq!(table, fixture("times.txt"));
    }
}
