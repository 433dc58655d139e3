//! Whole runs in pairs, as the gate judges them.

use std::collections::{BTreeMap, BTreeSet};

use crate::gate::{Arm, Metric, Order, Pair, Role, Values};
use crate::{Doubt, Ending, Figure, Run, Summary, comparison::Unit, figures};

/// Times below this are not compared, in microseconds: a scheduler holds a thread up for as long.
const SHORTEST_US: f64 = 1_000.0;

/// Runs that were made next to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs {
    /// Which of both arms was measured first.
    pub order: Order,
    /// What there was.
    pub base: Run,
    /// What there is now.
    pub candidate: Run,
    /// What there was, once more.
    pub null: Option<Run>,
}

/// Why a run is none that can be judged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// It is no measurement.
    #[error("{0}")]
    Doubtful(Doubt),
    /// It was ended before its plan was.
    #[error("the run did not come to its end")]
    Unfinished,
    /// It was asked for something else than the first one: another scenario, mix or plan.
    #[error("another {0} than in the first run")]
    Unlike(&'static str),
}

/// Why runs are no pairs.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PairError {
    /// A run cannot be judged.
    #[error("pair {}, {}: {unfit}", pair + 1, arm.as_str())]
    Unfit {
        /// Of which pair, from 0.
        pair: usize,
        /// Of which arm.
        arm: Arm,
        /// Why.
        unfit: Unfit,
    },
    /// A run does not tell a counter that others of its side do.
    #[error("pair {}, {}: does not tell {name:?}, which other runs of its side do", pair + 1, arm.as_str())]
    Uncounted {
        /// Of which pair, from 0.
        pair: usize,
        /// Of which arm.
        arm: Arm,
        /// Name of the counter.
        name: String,
    },
    /// The runs do not have the figure that is to decide.
    #[error("expected the figure {name:?} in every run, found {}", .found.join(", "))]
    NoPrimary {
        /// Its name.
        name: String,
        /// The figures that they have.
        found: Vec<String>,
    },
}

impl Unfit {
    /// What speaks against `run` as one of a series that began with `first`. None: it can be judged.
    pub fn of(first: &Run, run: &Run) -> Option<Self> {
        let summary = Summary::of(&run.samples);
        let doubt = Doubt::of(run, &summary).into_iter().next().map(Self::Doubtful);
        let unfinished = || (run.ending != Ending::Complete).then_some(Self::Unfinished);
        doubt.or_else(unfinished).or_else(|| unlike(first, run).map(Self::Unlike))
    }

    /// What can be done about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Doubtful(doubt) => doubt.advice(),
            Self::Unfinished => "measure it again",
            Self::Unlike(_) => "compare runs of the same scenario, mix and plan",
        }
    }
}

impl PairError {
    /// What can be done about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Unfit { unfit, .. } => unfit.advice(),
            Self::Uncounted { .. } => "measure it again",
            Self::NoPrimary { .. } => "name one of them as `primary` in the policy",
        }
    }
}

/// The figures that every run has, with their values; `primary` decides, counts gate at zero tolerance, the
/// others advise.
///
/// # Errors
///
/// [`PairError`]: a run that is no measurement, or is none of the same thing.
pub fn paired(runs: &[Runs], primary: &str) -> Result<(Vec<Metric>, Vec<Pair>), PairError> {
    let unfit = all_runs(runs).find_map(|(pair, arm, run)| {
        let unfit = Unfit::of(&runs.first()?.base, run)?;
        Some(PairError::Unfit { pair, arm, unfit })
    });
    if let Some(error) = unfit {
        return Err(error);
    }
    let of_each: Vec<Vec<Figure>> = all_runs(runs).map(|(_, _, run)| figures(run)).collect();
    let metrics = metrics(&of_each, primary);
    if !metrics.iter().any(|metric| metric.role == Role::Primary) {
        let found = metrics.into_iter().map(|metric| metric.name).collect();
        return Err(PairError::NoPrimary { name: primary.to_owned(), found });
    }
    if let Some(error) = uncounted(runs, &of_each) {
        return Err(error);
    }
    let pairs = runs.iter().map(|pair| Pair {
        order: pair.order,
        base: values(&pair.base),
        candidate: values(&pair.candidate),
        null: pair.null.as_ref().map(values),
    });
    Ok((metrics, pairs.collect()))
}

/// Each run with its place: which pair, from 0, and which arm.
pub fn all_runs(runs: &[Runs]) -> impl Iterator<Item = (usize, Arm, &Run)> {
    runs.iter().enumerate().flat_map(|(number, pair)| {
        let both = [(Arm::Base, &pair.base), (Arm::Candidate, &pair.candidate)];
        let null = pair.null.as_ref().map(|null| (Arm::Null, null));
        both.into_iter().chain(null).map(move |(arm, run)| (number, arm, run))
    })
}

/// The first run without a counter that others of its side have. What a whole side lacks, it is too old to tell.
fn uncounted(runs: &[Runs], of_each: &[Vec<Figure>]) -> Option<PairError> {
    let names = |figures: &[Figure]| -> BTreeSet<String> {
        let counters = figures.iter().filter(|figure| figure.unit == Unit::Count);
        counters.map(|figure| figure.name.clone()).collect()
    };
    let mut sides: [BTreeSet<String>; 2] = Default::default();
    let side = |arm| usize::from(arm == Arm::Candidate);
    for ((_, arm, _), figures) in all_runs(runs).zip(of_each) {
        sides[side(arm)].extend(names(figures));
    }
    all_runs(runs).zip(of_each).find_map(|((pair, arm, _), figures)| {
        let name = sides[side(arm)].difference(&names(figures)).next()?.clone();
        Some(PairError::Uncounted { pair, arm, name })
    })
}

fn unlike(first: &Run, run: &Run) -> Option<&'static str> {
    if first.scenario.payload != run.scenario.payload {
        Some("scenario")
    } else if !asks_alike(first, run) {
        Some("mix")
    } else if first.plan != run.plan {
        Some("plan")
    } else {
        None
    }
}

/// Whether both ask for the same jobs, as often and with the same priorities, whatever they are called.
fn asks_alike(first: &Run, run: &Run) -> bool {
    let shares = |run: &Run| -> Vec<_> {
        let shares = run.mix.iter();
        shares
            .map(|share| (share.scenario.payload.clone(), share.priority.clone(), share.weight))
            .collect()
    };
    shares(first) == shares(run)
}

fn values(run: &Run) -> Values {
    figures(run).into_iter().map(|figure| (figure.name, figure.value)).collect()
}

/// What all runs have, and have enough of: a time of nothing has no logarithm.
fn metrics(of_each: &[Vec<Figure>], primary: &str) -> Vec<Metric> {
    let mut least: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for figure in of_each.iter().flatten() {
        let (n, value) = least.entry(&figure.name).or_insert((0, f64::INFINITY));
        *n += 1;
        *value = value.min(figure.value);
    }
    let is_known = |figure: &&Figure| {
        let (n, least) = least[figure.name.as_str()];
        let is_enough = match figure.unit {
            Unit::Time => least >= SHORTEST_US,
            Unit::Count => true,
            _ => least > 0.0,
        };
        n == of_each.len() && is_enough
    };
    let first = of_each.first().into_iter().flatten();
    let metric = |figure: &Figure| Metric {
        name: figure.name.clone(),
        unit: unit(figure.unit).to_owned(),
        better: figure.better,
        role: match figure.unit {
            _ if figure.name == primary => Role::Primary,
            Unit::Count => Role::Counter,
            _ => Role::Advisory,
        },
    };
    first.filter(is_known).map(metric).collect()
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "us",
        Unit::Rate => "jobs/h",
        Unit::Share => "share",
        Unit::Bytes => "bytes",
        Unit::Nanoseconds => "ns",
        Unit::Count => "count",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::gate::{Rule, Verdict, judge};
    use crate::picture::sample_runs::{Shape, run};
    use crate::{COUNTERS, Outcome, PRIMARY};

    fn measured(seed: u64, slow: f64, n_requests: u64) -> Run {
        let mut run = run(Shape { jobs: 40, slow, seed, ..Shape::default() });
        run.ending = Ending::Complete;
        let counted = serde_json::json!({ "requests to chat": n_requests });
        run.environment.insert(COUNTERS.to_owned(), counted);
        run
    }

    pub(crate) fn series(n_pairs: u64, slow: f64, n_requests: u64) -> Vec<Runs> {
        let pair = |pair: u64| Runs {
            order: if pair % 4 < 2 { Order::BaseFirst } else { Order::CandidateFirst },
            base: measured(3 * pair + 1, 1.0, 80),
            candidate: measured(3 * pair + 2, slow, n_requests),
            null: Some(measured(3 * pair + 3, 1.0, 80)),
        };
        (0..n_pairs).map(pair).collect()
    }

    #[track_caller]
    fn check(slow: f64, n_requests: u64, expected: &str) {
        let (metrics, pairs) = paired(&series(12, slow, n_requests), PRIMARY).expect("pairs");
        let judged = judge(&metrics, &pairs, &Rule::default()).expect("judged");
        assert_eq!(judged.verdict.as_str(), expected, "{:?}", judged.verdict.reasons());
        let reasons: Vec<String> =
            judged.verdict.reasons().iter().map(ToString::to_string).collect();
        let is_regression = matches!(judged.verdict, Verdict::Regression { .. });
        assert_eq!(is_regression, !reasons.is_empty() && expected == "regression", "{reasons:?}");
    }

    #[test]
    fn runs_are_judged_as_pairs() {
        check(1.0, 80, "pass");
        check(0.7, 80, "pass");
        check(1.3, 80, "regression");
        // One request more, in runs that are as fast.
        check(1.0, 81, "regression");
    }

    #[test]
    fn a_candidate_that_fails_jobs_does_not_pass_however_quick_the_others_are() {
        let mut runs = series(12, 0.7, 80);
        let last = &mut runs[11].candidate;
        last.samples[3].outcome = Outcome::Failed("no_clips".to_owned());
        let (metrics, pairs) = paired(&runs, PRIMARY).expect("pairs");
        let judged = judge(&metrics, &pairs, &Rule::default()).expect("judged");
        let reasons: Vec<String> =
            judged.verdict.reasons().iter().map(ToString::to_string).collect();
        assert_eq!(
            (judged.verdict.as_str(), reasons),
            ("regression", vec!["failed jobs: a counter that is worse".to_owned()])
        );
    }

    #[test]
    fn jobs_that_fail_in_each_run_are_seen_beside_one_that_failed_before() {
        let fail = |run: &mut Run, n: usize| {
            let samples = run.samples.iter_mut().take(n);
            samples.for_each(|job| job.outcome = Outcome::Failed("no_clips".to_owned()));
        };
        let verdict = |of_each: usize| {
            let mut runs = series(12, 1.0, 80);
            fail(&mut runs[5].base, 1);
            runs.iter_mut().for_each(|pair| fail(&mut pair.candidate, of_each));
            let (metrics, pairs) = paired(&runs, PRIMARY).expect("pairs");
            judge(&metrics, &pairs, &Rule::default()).expect("judged").verdict.as_str()
        };
        assert_eq!([0, 1, 2].map(verdict), ["inconclusive", "inconclusive", "regression"]);
    }

    #[test]
    fn counts_say_what_they_say_on_a_machine_that_is_not_fit() {
        let unfit = |n_requests| {
            let mut runs = series(12, 1.0, n_requests);
            for (number, pair) in (0..).zip(&mut runs) {
                pair.null = Some(measured(900 + number, 1.3, 80));
            }
            let (metrics, pairs) = paired(&runs, PRIMARY).expect("pairs");
            judge(&metrics, &pairs, &Rule::default()).expect("judged").verdict.as_str()
        };
        assert_eq!([80, 81].map(unfit), ["invalid", "regression"]);
    }

    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut Vec<Runs>), reason: &str) {
        let mut runs = series(2, 1.0, 80);
        change(&mut runs);
        let error = paired(&runs, PRIMARY).expect_err("refused").to_string();
        assert!(error.starts_with(reason), "{error}");
    }

    #[test]
    fn what_is_no_measurement_of_the_same_thing_is_named() {
        let died = |runs: &mut Vec<Runs>| {
            runs[1].candidate.ending = Ending::TargetDied("killed".to_owned());
        };
        check_refused(died, "pair 2, candidate: the target died: killed");
        let stopped = |runs: &mut Vec<Runs>| runs[1].candidate.ending = Ending::CutShort;
        check_refused(stopped, "pair 2, candidate: the run did not come to its end");
        let other = |runs: &mut Vec<Runs>| {
            runs[1].base.scenario.payload = serde_json::json!({ "other": 1 });
        };
        check_refused(other, "pair 2, base: another scenario than in the first run");
        let mixed = |weight| {
            move |runs: &mut Vec<Runs>| {
                let share = |run: &Run, weight| crate::Share {
                    scenario: run.scenario.clone(),
                    priority: Some("HIGH".to_owned()),
                    weight: std::num::NonZeroU32::new(weight).expect("not zero"),
                };
                for pair in &mut *runs {
                    for run in [Some(&mut pair.base), Some(&mut pair.candidate), pair.null.as_mut()]
                    {
                        let run = run.expect("three runs");
                        run.mix = vec![share(run, 2)];
                    }
                }
                runs[1].candidate.mix[0] = share(&runs[1].candidate, weight);
                runs[1].candidate.mix[0].scenario.title = "another title".to_owned();
            }
        };
        check_refused(mixed(3), "pair 2, candidate: another mix than in the first run");
        let mut alike = series(2, 1.0, 80);
        mixed(2)(&mut alike);
        assert!(paired(&alike, PRIMARY).is_ok());
        let uncounted = |runs: &mut Vec<Runs>| {
            runs[1].null.as_mut().expect("a run").environment.clear();
        };
        let expected =
            "pair 2, null: does not tell \"requests to chat\", which other runs of its side do";
        check_refused(uncounted, expected);
        let older = |runs: &mut Vec<Runs>| {
            runs.iter_mut().for_each(|pair| pair.candidate.environment.clear());
        };
        let mut of_an_older_side = series(2, 1.0, 80);
        older(&mut of_an_older_side);
        assert!(paired(&of_an_older_side, PRIMARY).is_ok());
        let failed = |runs: &mut Vec<Runs>| {
            let samples = &mut runs[0].null.as_mut().expect("a run").samples;
            samples.iter_mut().for_each(|job| job.outcome = Outcome::Failed("x".to_owned()));
        };
        check_refused(failed, "expected the figure \"latency p50\" in every run");
    }
}
