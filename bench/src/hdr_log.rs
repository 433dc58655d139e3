//! The times of a run as an HdrHistogram interval log, format 1.3: lines of base64 that the Java,
//! Python, JavaScript, Go and C# libraries and their plotters read
//! ([`hdrhistogram::serialization::interval_log`] says how a line is made).

use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::{Distribution, Run, Summary};

/// The log: one histogram over the whole run for each of latency, service time, queue wait and every
/// stage (`stage.render`), by its tag. Values are microseconds; the readable maximum is in seconds.
///
/// # Panics
///
/// Never: it is written to memory.
pub fn hdr_log(run: &Run, summary: &Summary) -> String {
    let began = UNIX_EPOCH + Duration::from_micros(run.began_unix_us);
    let span = Duration::from_micros(summary.span_us);
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
        for (name, times) in distributions(summary) {
            // A tag takes no comma, blank or line break: a stage of that name is written without one.
            let tag = Tag::new(&name);
            writer.write_histogram(times.histogram(), Duration::ZERO, span, tag).expect("memory");
        }
    }
    String::from_utf8_lossy(&log).into_owned()
}

fn distributions(summary: &Summary) -> Vec<(String, &Distribution)> {
    let whole =
        [("latency", &summary.latency), ("service", &summary.service), ("queue", &summary.queue)];
    let stages =
        summary.stages.iter().map(|stage| (format!("stage.{}", stage.name), &stage.duration));
    whole.into_iter().map(|(name, times)| (name.to_owned(), times)).chain(stages).collect()
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

    #[test]
    fn what_is_read_back_are_the_times_of_the_run() {
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
                ..sample(0, n * 100_000)
            })
            .collect();
        let summary = Summary::of(&run.samples);
        let log = hdr_log(&run, &summary);
        assert!(log.starts_with("#[Histogram log format version 1.3]\n"), "{log}");
        assert!(log.contains("#[StartTime: 1795000000.000 (seconds since epoch)]"), "{log}");

        let histograms = read(&log);
        let tags: Vec<&str> = histograms.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(tags, ["latency", "service", "queue", "", "stage.render"]);
        let latency = &histograms[0].1;
        assert_eq!(latency.len(), 80);
        let p95 = latency.value_at_quantile(0.95);
        assert!(p95.abs_diff(7_600_000) <= 7_600, "{p95}");
        assert_eq!(histograms[4].1.max(), summary.stages[1].duration.histogram().max());
    }
}
