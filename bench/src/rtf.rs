//! RTF, the real-time factor: seconds of work for a second of sound or film. Below 1 a service keeps up
//! with who listens or looks.
//!
//! `bench` does not know what a job made: a target that does puts its length under [`MEDIA_MS`] into the
//! sample's `extra`.

use crate::page::Block;
use crate::{Distribution, Estimate, Outcome, Sample};

/// Key in [`Sample::extra`]: milliseconds of the sound or film that the job made, a whole number.
pub const MEDIA_MS: &str = "media_ms";

/// A ratio is kept as so many whole parts of 1: a [`Distribution`] has whole numbers only.
const PARTS: f64 = 1e6;

/// The real-time factor over the jobs of a run that made sound or film.
#[derive(Clone, Debug, PartialEq)]
pub struct Rtf {
    /// Millionths, in the order in which the jobs were sent.
    factors: Distribution,
    /// Work of all of them, microseconds.
    pub processing_us: u64,
    /// What all of them made, milliseconds.
    pub media_ms: u64,
}

impl Rtf {
    /// Over the measured jobs that ended well and whose length is known. None: there is no such job.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let measured = samples.iter().filter(|job| job.phase.is_measured());
        let mut in_turn: Vec<(&Sample, u64)> =
            measured.filter_map(|job| Some((job, media_ms(job)?))).collect();
        in_turn.sort_by_key(|(job, _)| (job.sent_us, job.job));
        let known: Vec<(u64, u64)> =
            in_turn.into_iter().map(|(job, ms)| (processing_us(job), ms)).collect();
        let factors: Vec<u64> = known
            .iter()
            .map(|&(us, ms)| (us as f64 / (ms as f64 * 1e3) * PARTS).round() as u64)
            .collect();
        (!known.is_empty()).then(|| Self {
            factors: Distribution::of_series(&factors),
            processing_us: known.iter().map(|(us, _)| us).sum(),
            media_ms: known.iter().map(|(_, ms)| ms).sum(),
        })
    }

    /// So many jobs.
    pub fn n(&self) -> u64 {
        self.factors.n()
    }

    /// All work by all that was made: what a machine that does nothing else would show.
    pub fn pooled(&self) -> f64 {
        self.processing_us as f64 / (self.media_ms as f64 * 1e3)
    }

    /// What is known about quantile `q` of the jobs' factors, in millionths.
    pub fn quantile(&self, q: f64) -> Estimate {
        self.factors.quantile(q)
    }

    /// `RTF 0.213 over 42.0 s of media (40 jobs); p50 0.210 (0.198 to 0.221); p95 > 0.300 (n = 40; needs 72)`.
    pub fn line(&self) -> String {
        let seconds = self.media_ms as f64 / 1e3;
        let (pooled, n) = (number(self.pooled()), self.n());
        let quantiles =
            [(50, 0.5), (95, 0.95)].map(|(name, q)| format!("p{name} {}", self.text(q)));
        format!("RTF {pooled} over {seconds:.1} s of media ({n} jobs); {}", quantiles.join("; "))
    }

    fn text(&self, q: f64) -> String {
        let number = |parts: u64| number(parts as f64 / PARTS);
        match self.quantile(q) {
            Estimate::Carried { value, low, high } => {
                format!("{} ({} to {})", number(value), number(low), number(high))
            }
            Estimate::Bounded { low, needs } => {
                let bound =
                    low.map_or_else(|| "unknown".to_owned(), |low| format!("> {}", number(low)));
                let (n, worth) = (self.n(), self.factors.worth());
                let worth = if worth < n { format!(", worth {worth}") } else { String::new() };
                format!("{bound} (n = {n}{worth}; needs {needs})")
            }
        }
    }
}

/// The section of a report; none where no length is known.
pub(crate) fn section(samples: &[Sample]) -> Vec<Block> {
    let Some(found) = Rtf::of(samples) else { return Vec::new() };
    let method = "Seconds of work (begun to finished, without the wait before) for a second of sound or \
                  film; below 1 is faster than it plays.";
    vec![
        Block::heading("Real-time factor"),
        Block::text(format!("{}.", found.line())),
        Block::text(method),
    ]
}

/// From the beginning of the work to its end. Where nobody says when it began, the wait is in it.
fn processing_us(sample: &Sample) -> u64 {
    let began = sample.began_us().or(sample.accepted_us).unwrap_or(sample.sent_us);
    sample.finished_us.saturating_sub(began)
}

fn media_ms(sample: &Sample) -> Option<u64> {
    let length = sample.extra.get(MEDIA_MS).and_then(serde_json::Value::as_u64);
    length.filter(|&ms| ms > 0 && sample.outcome == Outcome::Ok)
}

fn number(value: f64) -> String {
    let decimals = match value {
        ..0.9995 => 3,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::{sample, span};

    fn made(media_ms: u64, began_us: u64, finished_us: u64) -> Sample {
        let extra = serde_json::json!({ MEDIA_MS: media_ms });
        Sample { started_us: Some(began_us), extra, ..sample(0, finished_us) }
    }

    #[track_caller]
    fn check(samples: &[Sample], expected: Option<(u64, u64, f64)>) {
        let found = Rtf::of(samples);
        let told = found.as_ref().map(|rtf| (rtf.processing_us, rtf.media_ms, rtf.pooled()));
        match (told, expected) {
            (Some((us, ms, pooled)), Some((its_us, its_ms, its_pooled))) => {
                assert_eq!((us, ms), (its_us, its_ms));
                assert!((pooled - its_pooled).abs() < 1e-12, "{pooled} and {its_pooled}");
            }
            (told, expected) => assert_eq!(told, expected),
        }
    }

    #[test]
    fn work_is_divided_by_what_it_made_and_the_wait_is_no_work() {
        check(&[], None);
        check(&[sample(0, 1_000_000)], None);
        let warm_up = Sample { phase: crate::Phase::WarmUp, ..made(2_000, 0, 500_000) };
        check(&[warm_up], None);
        // A second of wait, half a second of work, two seconds of sound.
        check(&[made(2_000, 1_000_000, 1_500_000)], Some((500_000, 2_000, 0.25)));
        check(
            &[made(2_000, 1_000_000, 1_500_000), made(1_000, 0, 1_000_000)],
            Some((1_500_000, 3_000, 0.5)),
        );
    }

    #[test]
    fn work_begins_with_the_first_stage_or_when_it_was_sent() {
        let extra = serde_json::json!({ MEDIA_MS: 1_000 });
        let job = Sample { sent_us: 100_000, extra, ..sample(0, 600_000) };
        check(std::slice::from_ref(&job), Some((500_000, 1_000, 0.5)));
        let staged = Sample { stages: vec![span("first_byte", 200_000, 500_000)], ..job.clone() };
        check(&[staged], Some((400_000, 1_000, 0.4)));
        check(&[Sample { accepted_us: Some(350_000), ..job }], Some((250_000, 1_000, 0.25)));
    }

    #[test]
    fn jobs_that_failed_or_made_nothing_are_left_out() {
        let failed = Outcome::Failed("x".to_owned());
        check(&[Sample { outcome: failed, ..made(1_000, 0, 1_000_000) }], None);
        check(&[made(0, 0, 1_000_000)], None);
        let text = Sample { extra: serde_json::json!({ MEDIA_MS: "1000" }), ..sample(0, 1) };
        check(&[text], None);
    }

    #[test]
    fn a_line_says_what_the_jobs_carry() {
        let jobs: Vec<Sample> = (1..=10).map(|n| made(1_000, 0, n * 100_000)).collect();
        let line = Rtf::of(&jobs).expect("ten jobs").line();
        let start = "RTF 0.550 over 10.0 s of media (10 jobs); p50 ";
        assert!(line.starts_with(start), "{line}");
        assert!(line.ends_with("needs 100)"), "{line}");
        // Each slower than the one before: they say less than ten independent ones.
        assert!(line.contains("(n = 10, worth "), "{line}");
        let section = format!("{:?}", section(&jobs));
        assert!(section.contains("Real-time factor") && section.contains("RTF 0.550"), "{section}");
        assert_eq!(super::section(&[sample(0, 1)]), []);
    }

    #[test]
    fn factors_have_three_digits() {
        for (value, expected) in
            [(0.01234, "0.012"), (0.25, "0.250"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123")]
        {
            assert_eq!(number(value), expected);
        }
    }
}
