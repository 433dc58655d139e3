//! Changes for the worse that were wanted: a gate that finds no more than them lets them through.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Count, Effect, Judgement, Reason, Verdict};
use crate::comparison::Better;

/// A change for the worse that somebody wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// What was run.
    pub scenario: String,
    /// Why it is wanted.
    pub reason: String,
    /// The day on which it was accepted, such as `2026-11-22`.
    pub day: String,
    /// The figure that decided.
    pub metric: String,
    /// So much worse may that be, as a share: the far end of the interval that was seen. None: a counter was worse
    /// and not that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_by: Option<f64>,
    /// What each counter that got worse may come to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, f64>,
}

impl Accepted {
    /// What was found in a gate that failed. None: it did not fail, so there is nothing to accept.
    pub fn of(judged: &Judgement, scenario: &str, reason: &str, day: &str) -> Option<Self> {
        let Verdict::Regression { reasons } = &judged.verdict else { return None };
        let worse = |count: &&Count| {
            reasons.contains(&Reason::CountWorse { metric: count.metric.name.clone() })
        };
        let counters = judged.counters.iter().filter(worse);
        let effect = &judged.primary;
        let is_slower = reasons.contains(&Reason::Worse { metric: effect.metric.name.clone() });
        let far = worsening(effect).1.unwrap_or(effect_worsening(effect)).max(1.0);
        Some(Self {
            scenario: scenario.to_owned(),
            reason: reason.to_owned(),
            day: day.to_owned(),
            metric: effect.metric.name.clone(),
            // Rounded up: what is written must not be less than what was seen.
            worse_by: is_slower.then(|| ((far - 1.0) * 1e4).ceil() / 1e4),
            counters: counters.map(|count| (count.metric.name.clone(), worst(count))).collect(),
        })
    }

    fn covers(&self, reason: &Reason, judged: &Judgement) -> bool {
        match reason {
            Reason::Worse { metric } => {
                let near = worsening(&judged.primary).0;
                let ends = near.zip(self.worse_by);
                *metric == self.metric && ends.is_some_and(|(near, far)| near <= 1.0 + far)
            }
            Reason::CountWorse { metric } => {
                let count = judged.counters.iter().find(|count| count.metric.name == *metric);
                let allowed = self.counters.get(metric);
                count.zip(allowed).is_some_and(|(count, &allowed)| match count.metric.better {
                    Better::Lower => worst(count) <= allowed,
                    Better::Higher => worst(count) >= allowed,
                })
            }
            _ => false,
        }
    }
}

impl Judgement {
    /// The same where what is worse was wanted: a regression, each reason of which one of `accepted` covers, is
    /// [`Verdict::Accepted`]. Surely worse than what was accepted is a regression all the same.
    #[must_use]
    pub fn accepting(mut self, accepted: &[Accepted]) -> Self {
        let Verdict::Regression { reasons } = &self.verdict else { return self };
        let covering = |reason: &Reason| accepted.iter().find(|it| it.covers(reason, &self));
        let covered: Option<Vec<&Accepted>> = reasons.iter().map(covering).collect();
        if let Some(covered) = covered {
            let mut because: Vec<String> =
                covered.into_iter().map(|it| it.reason.clone()).collect();
            because.dedup();
            self.verdict = Verdict::Accepted { reasons: reasons.clone(), because };
        }
        self
    }
}

/// The near and the far end of how much worse it is: 1.1 is worse by 10 %.
fn worsening(effect: &Effect) -> (Option<f64>, Option<f64>) {
    match effect.metric.better {
        Better::Lower => (effect.low, effect.high),
        Better::Higher => (effect.high.map(f64::recip), effect.low.map(f64::recip)),
    }
}

fn effect_worsening(effect: &Effect) -> f64 {
    match effect.metric.better {
        Better::Lower => effect.ratio,
        Better::Higher => effect.ratio.recip(),
    }
}

fn worst(count: &Count) -> f64 {
    match count.metric.better {
        Better::Lower => count.candidate[1],
        Better::Higher => count.candidate[0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Metric, Order, Pair, Role, Rule, Values, judge};

    /// Twelve pairs in which the candidate takes `ratio` of the time, or does `1 / ratio` of the work an hour,
    /// and asks `asked` times.
    fn judged(better: Better, ratio: f64, asked: f64) -> Judgement {
        let metric = |name: &str, better, role| Metric {
            name: name.to_owned(),
            unit: String::new(),
            better,
            role,
        };
        let metrics =
            [metric("main", better, Role::Primary), metric("asked", Better::Lower, Role::Counter)];
        let values = |value: f64, asked: f64| -> Values {
            [("main".to_owned(), value), ("asked".to_owned(), asked)].into()
        };
        let pair = |pair: u32| {
            let noise = 1.0 + f64::from(pair * 7 % 12) * 0.001;
            let slower = ratio * noise;
            Pair {
                order: if pair.is_multiple_of(2) {
                    Order::BaseFirst
                } else {
                    Order::CandidateFirst
                },
                base: values(100.0, 80.0),
                candidate: values(
                    if better == Better::Lower { 100.0 * slower } else { 100.0 / slower },
                    asked,
                ),
                null: None,
            }
        };
        let pairs: Vec<Pair> = (0..12).map(pair).collect();
        judge(&metrics, &pairs, &Rule::default()).expect("judged")
    }

    fn accepted(judged: &Judgement) -> Option<Accepted> {
        Accepted::of(judged, "short", "it looks better", "2026-11-22")
    }

    #[test]
    fn what_was_accepted_passes_and_more_than_that_does_not() {
        for better in [Better::Lower, Better::Higher] {
            let wanted = accepted(&judged(better, 1.1, 81.0)).expect("a regression");
            assert!(wanted.worse_by.is_some_and(|it| (0.1..0.12).contains(&it)), "{wanted:?}");
            let check = |ratio, asked, expected| {
                let found = judged(better, ratio, asked).accepting(std::slice::from_ref(&wanted));
                assert_eq!(found.verdict.as_str(), expected, "{ratio}, {asked}");
            };
            check(1.1, 81.0, "accepted");
            check(1.08, 81.0, "accepted");
            check(1.1, 80.0, "accepted");
            check(1.2, 81.0, "regression");
            check(1.1, 82.0, "regression");
            check(1.0, 80.0, "pass");
        }
    }

    #[test]
    fn a_counter_that_was_accepted_lets_nothing_be_slower() {
        let wanted = accepted(&judged(Better::Lower, 1.0, 81.0)).expect("a regression");
        assert_eq!((wanted.worse_by, wanted.counters["asked"]), (None, 81.0));
        let check = |ratio, expected| {
            let found = judged(Better::Lower, ratio, 81.0).accepting(std::slice::from_ref(&wanted));
            assert_eq!(found.verdict.as_str(), expected, "{ratio}");
        };
        check(1.0, "accepted");
        check(1.1, "regression");
    }

    #[test]
    fn nothing_is_accepted_of_a_gate_that_passed_or_of_another_figure() {
        assert_eq!(accepted(&judged(Better::Lower, 1.0, 80.0)), None);
        let other = Accepted {
            metric: "other".to_owned(),
            ..accepted(&judged(Better::Lower, 1.1, 80.0)).expect("a regression")
        };
        let found = judged(Better::Lower, 1.1, 80.0).accepting(&[other]);
        assert_eq!(found.verdict.as_str(), "regression");
        let slower = judged(Better::Lower, 1.1, 80.0);
        let accepted = accepted(&slower).expect("a regression");
        let line = slower.accepting(&[accepted]).line();
        assert!(
            line.starts_with("ACCEPTED: main +10.") && line.ends_with("; it looks better"),
            "{line}"
        );
    }
}
