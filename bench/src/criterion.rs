//! Results of criterion as figures of a comparison.
//!
//! Criterion measures one side after the other and calls every shift of the machine between them a change
//! (facts: a quarter of comparisons of a program with itself on a busy machine). What it leaves on disk,
//! times of so many iterations each, is judged here as everything else: by the interval of the ratio of
//! two medians from order statistics, as wide as the dependence of neighbours asks for. The page says that the
//! sides were not interleaved.

use serde::Deserialize;

use crate::comparison::{Better, Level, Metric, Ratio, Section, Unit, Word};
use crate::markdown::table;
use crate::page::{Block, Page, Tone};
use crate::report::again;
use crate::report::ways::Told;

/// One benchmark of a run of criterion.
#[derive(Clone, Debug, PartialEq)]
pub struct Microbench {
    /// Group, function and value, as criterion names it.
    pub id: String,
    /// One iteration, nanoseconds, in the order of measuring.
    pub ns: Vec<f64>,
}

/// Why two documents are no benchmark.
#[derive(Debug, thiserror::Error)]
pub enum CriterionError {
    /// One of them is not criterion's.
    #[error("not criterion's: {0}")]
    Document(#[from] serde_json::Error),
    /// Times and iterations do not belong together, or are no numbers above 0.
    #[error("{id}: {reason}")]
    Sample {
        /// The benchmark.
        id: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

#[derive(Deserialize)]
struct Measured {
    iters: Vec<f64>,
    times: Vec<f64>,
}

impl Microbench {
    /// Reads `benchmark.json` and `sample.json` of a folder below `target/criterion`
    /// (<https://bheisler.github.io/criterion.rs/book/user_guide/custom_measurements.html> for the units).
    ///
    /// # Errors
    ///
    /// [`CriterionError`].
    pub fn from_json(benchmark: &str, sample: &str) -> Result<Self, CriterionError> {
        let Benchmark { full_id: id } = serde_json::from_str(benchmark)?;
        let Measured { iters, times } = serde_json::from_str(sample)?;
        if iters.len() != times.len() || times.is_empty() {
            let reason = format!(
                "expected as many times as iterations, found {} and {}",
                times.len(),
                iters.len()
            );
            return Err(CriterionError::Sample { id, reason });
        }
        let ns: Vec<f64> = times.iter().zip(&iters).map(|(time, n)| time / n).collect();
        if let Some(wrong) = ns.iter().find(|ns| !ns.is_finite() || **ns <= 0.0) {
            let reason = format!("expected times above 0, found {wrong}");
            return Err(CriterionError::Sample { id, reason });
        }
        Ok(Self { id, ns })
    }
}

/// Each benchmark of either side, in the order of their names.
pub fn metrics(before: &[Microbench], after: &[Microbench]) -> Vec<Metric> {
    let mut names: Vec<&str> = before.iter().chain(after).map(|one| one.id.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let level = |side: &[Microbench], name: &str| {
        let found = side.iter().find(|one| one.id == name);
        found.map_or(Level::Absent, |found| Level::median(&found.ns))
    };
    let metric = |name: &&str| {
        let levels = [level(before, name), level(after, name)];
        Metric::judged(name, Section::Run, Unit::Nanoseconds, Better::Lower, levels)
    };
    names.iter().map(metric).collect()
}

/// Slower first, then quicker, then what shows no difference.
fn in_order(metrics: &[Metric]) -> Vec<&Metric> {
    let mut metrics: Vec<&Metric> = metrics.iter().collect();
    metrics.sort_by_key(|metric| match metric.word {
        Word::Worse => 0,
        Word::Better => 1,
        Word::NoDifferenceShown => 2,
        Word::NotJudged => 3,
    });
    metrics
}

/// `2 slower, 1 quicker, …`.
fn counted(metrics: &[Metric]) -> String {
    let of = |word: Word| metrics.iter().filter(|metric| metric.word == word).count();
    format!(
        "{} slower, {} faster, {} without a difference shown, {} not judged",
        of(Word::Worse),
        of(Word::Better),
        of(Word::NoDifferenceShown),
        of(Word::NotJudged)
    )
}

const HEADER: [&str; 5] =
    ["benchmark, median", "before", "after", "after/before (95 %)", "verdict"];
const METHOD: &str = "One side was measured after the other: whatever drifted between them is in the ratio too. \
                      Intervals are of medians, from order statistics, as wide as the dependence of neighbours \
                      asks for; each may miss the truth in 1 of 20 cases.";

fn rows(metrics: &[Metric]) -> Vec<[String; 5]> {
    let row = |metric: &Metric| {
        let ratio = metric.ratio.as_ref().map_or_else(String::new, Ratio::shown);
        let (before, after) = (metric.before.shown(metric.unit), metric.after.shown(metric.unit));
        [metric.name.clone(), before, after, ratio, metric.word.as_str().to_owned()]
    };
    in_order(metrics).into_iter().map(row).collect()
}

/// The page of a comparison: what is slower first, and how far to trust it.
pub fn markdown(metrics: &[Metric]) -> String {
    let (verdict, table) = (counted(metrics), table(HEADER, rows(metrics)));
    format!("# Benchmarks, before and after\n\n**{verdict}**\n\n{table}\n\n{METHOD}\n")
}

/// `1.20 ms (1.19 ms to 1.22 ms)`; of samples that do not carry a median, what they show.
fn level(ns: &[f64]) -> String {
    let shown = |ns: f64| Unit::Nanoseconds.shown(ns);
    match Level::median(ns) {
        Level::Known { value, low, high } => {
            format!("{} ({} to {})", shown(value), shown(low), shown(high))
        }
        _ => {
            let [least, most] = [f64::min, f64::max].map(|of| ns.iter().copied().reduce(of));
            let seen = least.zip(most).map(|(least, most)| (shown(least), shown(most)));
            seen.map_or_else(String::new, |(least, most)| format!("{least} to {most} seen"))
        }
    }
}

/// The page of benchmarks: each with its median, or beside what it was `before`.
pub fn page(before: Option<&[Microbench]>, now: &[Microbench], told: Told) -> Page {
    let (verdict, mut blocks) = match before {
        Some(before) => {
            let metrics = metrics(before, now);
            let table = Block::table(HEADER, rows(&metrics));
            (counted(&metrics), vec![table, Block::text(METHOD)])
        }
        None => {
            let row = |one: &Microbench| [one.id.clone(), level(&one.ns), one.ns.len().to_string()];
            let table =
                Block::table(["benchmark", "median (95 %)", "samples"], now.iter().map(row));
            (format!("{} benchmarks", now.len()), vec![table])
        }
    };
    blocks.extend(again::known(&told.environment, &told.command, &[]));
    Page { title: told.title, verdict, tone: Tone::Good, blocks }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = r#"{"group_id":"g","full_id":"g/f","directory_name":"g/f","title":"g/f"}"#;

    #[track_caller]
    fn check_refused(sample: &str, reason: &str) {
        let error = Microbench::from_json(NAME, sample).expect_err("refused").to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn times_are_those_of_one_iteration() {
        let sample = r#"{"sampling_mode":"Linear","iters":[2.0,4.0],"times":[10.0,24.0]}"#;
        let read = Microbench::from_json(NAME, sample).expect("criterion's");
        assert_eq!(read, Microbench { id: "g/f".to_owned(), ns: vec![5.0, 6.0] });
        check_refused("{}", "not criterion's: missing field");
        check_refused(r#"{"iters":[1.0],"times":[]}"#, "g/f: expected as many times as iterations");
        check_refused(r#"{"iters":[0.0],"times":[1.0]}"#, "found inf");
        check_refused(r#"{"iters":[1.0],"times":[0.0]}"#, "expected times above 0, found 0");
    }

    fn side(names: &[(&str, f64)]) -> Vec<Microbench> {
        let times =
            |middle: f64| (0..100).map(move |n| middle * (1.0 + f64::from(n * 37 % 100) / 5e3));
        let one = |&(id, middle): &(&str, f64)| Microbench {
            id: id.to_owned(),
            ns: times(middle).collect(),
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn each_benchmark_is_judged_by_its_interval() {
        let before = side(&[("same", 3.0), ("slower", 100.0), ("gone", 1.0)]);
        let after = side(&[("same", 3.0), ("slower", 120.0), ("new", 1.0)]);
        let judged: Vec<(String, Word)> =
            metrics(&before, &after).into_iter().map(|metric| (metric.name, metric.word)).collect();
        let expected = [
            ("gone", Word::NotJudged),
            ("new", Word::NotJudged),
            ("same", Word::NoDifferenceShown),
            ("slower", Word::Worse),
        ];
        assert_eq!(judged, expected.map(|(name, word)| (name.to_owned(), word)));
        insta::assert_snapshot!(markdown(&metrics(&before, &after)));
    }

    #[test]
    fn a_page_has_each_median_or_what_it_was_before() {
        let bench = |id: &str, ns: f64| Microbench {
            id: id.to_owned(),
            ns: (0..20).map(|i| ns + f64::from(i * 7 % 20)).collect(),
        };
        let now = [bench("g/f", 1_000.0), bench("g/h", 5_000.0)];
        let told = Told { title: "Bench: criterion".to_owned(), ..Told::default() };
        let alone = page(None, &now, told.clone());
        assert_eq!(alone.verdict, "2 benchmarks");
        let markdown = alone.markdown();
        assert!(markdown.contains("1.0 µs (") && markdown.contains("5.0 µs ("), "{markdown}");
        let few = [Microbench { id: "g/q".to_owned(), ns: vec![1_500.0, 1_700.0] }];
        let markdown = page(None, &few, told.clone()).markdown();
        assert!(markdown.contains("1.5 µs to 1.7 µs seen"), "{markdown}");
        let before = [bench("g/f", 500.0), bench("g/h", 5_000.0)];
        let compared = page(Some(&before), &now, told);
        let expected = "1 slower, 0 faster, 1 without a difference shown, 0 not judged";
        assert_eq!(compared.verdict, expected);
    }
}
