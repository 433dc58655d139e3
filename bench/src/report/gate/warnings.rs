//! What speaks against the figures of a gate, and what can be done.

use std::collections::BTreeSet;

use super::Advice;
use super::sections::counted;
use crate::comparison::Unit;
use crate::gate::{Judgement, Reason, Rule, Verdict};
use crate::{COUNTERS, Run, Runs, all_runs, figures};

/// All of it, of what `rule` said of `runs`.
pub(super) fn of(judged: &Judgement, rule: &Rule, runs: &[Runs]) -> Vec<Advice> {
    let said = &runs[..judged.n_pairs.min(runs.len())];
    let reasons = judged.verdict.reasons().iter();
    let mut warnings: Vec<Advice> = reasons.map(|reason| of_reason(reason, judged, rule)).collect();
    warnings.extend(not_counted(said));
    warnings.extend(not_judged(judged, said));
    warnings.extend(after_the_look(judged, rule, runs));
    warnings.extend(not_in_turn(said));
    warnings
}

fn of_reason(reason: &Reason, judged: &Judgement, rule: &Rule) -> Advice {
    let advice = match reason {
        Reason::CountUnsteady { .. } => {
            "look for what is not done alike in each run, or name it in `uncounted` of the policy"
                .to_owned()
        }
        Reason::TooFewPairs { .. } => "measure more pairs".to_owned(),
        Reason::NullDiffers { .. } => {
            "end what else runs on this machine, fix its clock rates, or gate on another one"
                .to_owned()
        }
        Reason::Undecided { .. } | Reason::MayBeChance { .. } => more(judged, rule),
        Reason::Worse { .. } | Reason::CountWorse { .. } => {
            "`cargo xtask baseline accept RUN --reason TEXT` records it where it is wanted"
                .to_owned()
        }
    };
    Advice { warning: reason.to_string(), advice }
}

/// What would tell. Beyond the last look of the policy more pairs alone are not to be had.
fn more(judged: &Judgement, rule: &Rule) -> String {
    let is_last = rule.next_look(judged.n_pairs).is_none();
    match &judged.verdict {
        Verdict::Inconclusive { more_pairs: Some(more), .. } if is_last => format!(
            "more jobs a run (`jobs` of the policy), a quieter machine, or a last look at {} pairs in the policy, \
             whose levels are then divided anew",
            judged.n_pairs + more
        ),
        Verdict::Inconclusive { more_pairs: None, .. } => {
            "more jobs a run (`jobs` of the policy), or a quieter machine".to_owned()
        }
        _ => "measure more pairs, longer runs, or on a quieter machine".to_owned(),
    }
}

/// Runs in which nothing was counted but failed jobs.
fn not_counted(runs: &[Runs]) -> Option<Advice> {
    let is_counted = all_runs(runs).any(|(_, _, run)| run.environment.contains_key(COUNTERS));
    (!is_counted).then(|| Advice {
        warning: "nothing was counted but jobs that failed".to_owned(),
        advice: "requests, encodes and loads of models are counted of what is started here: commits, profiles \
                 and images, and not of services elsewhere"
            .to_owned(),
    })
}

/// Counters on which nothing was said: what only some runs tell, and what the policy leaves out.
fn not_judged(judged: &Judgement, runs: &[Runs]) -> Option<Advice> {
    let counters = all_runs(runs)
        .flat_map(|(_, _, run)| figures(run))
        .filter(|figure| figure.unit == Unit::Count);
    let mut names: BTreeSet<String> = counters.map(|figure| figure.name).collect();
    for count in &judged.counters {
        names.remove(&count.metric.name);
    }
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| Advice {
        warning: format!("counted and not judged: {names}"),
        advice: "a side that is older than a counter does not tell it; `uncounted` of the policy leaves one \
                 out"
            .to_owned(),
    })
}

/// Pairs that no look has.
fn after_the_look(judged: &Judgement, rule: &Rule, runs: &[Runs]) -> Option<Advice> {
    let n_after = runs.len().checked_sub(judged.n_pairs).filter(|&n| n > 0)?;
    let next = rule.next_look(runs.len());
    Some(Advice {
        warning: format!(
            "{} of {} were not judged: the looks of the policy are at other numbers",
            counted(n_after, "pair"),
            runs.len()
        ),
        advice: next.map_or_else(
            || "a further look in the policy".to_owned(),
            |pairs| format!("measure until there are {pairs}"),
        ),
    })
}

/// Pairs between whose runs others were made, or which all have the same order: what drifts is then taken for the
/// change.
fn not_in_turn(runs: &[Runs]) -> Option<Advice> {
    let mut all: Vec<(usize, &Run)> = runs
        .iter()
        .enumerate()
        .flat_map(|(number, pair)| [(number, &pair.base), (number, &pair.candidate)])
        .collect();
    all.sort_by_key(|(_, run)| run.began_unix_us);
    let n_whole = all.windows(2).filter(|both| both[0].0 == both[1].0).count();
    let is_one_order = runs.len() > 3 && runs.windows(2).all(|both| both[0].order == both[1].order);
    let warning = if n_whole < runs.len() {
        format!(
            "in {} of {} other runs were made between both: what drifted there is taken for the change",
            runs.len() - n_whole,
            counted(runs.len(), "pair")
        )
    } else if is_one_order {
        "one side was always the first of its pair: what the second place costs is taken for the change"
            .to_owned()
    } else {
        return None;
    };
    let advice = "`cargo xtask gate` measures both in turn, in an order that favours nobody";
    Some(Advice { warning, advice: advice.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::judge;
    use crate::paired::tests::series;
    use crate::{PRIMARY, paired};

    /// The warnings of so many pairs, made in turn, after `change`.
    fn warned(n_pairs: u64, change: impl FnOnce(&mut [Runs])) -> Vec<String> {
        let mut runs = series(n_pairs, 1.0, 80);
        let mut began = 0;
        for pair in &mut runs {
            let (first, second) = match pair.order {
                crate::gate::Order::BaseFirst => (&mut pair.base, &mut pair.candidate),
                crate::gate::Order::CandidateFirst => (&mut pair.candidate, &mut pair.base),
            };
            for run in [first, second] {
                began += 1;
                run.began_unix_us = began;
            }
        }
        change(&mut runs);
        let rule = Rule::default();
        let (metrics, pairs) = paired(&runs, PRIMARY).expect("pairs");
        let judged = judge(&metrics, &pairs, &rule).expect("judged");
        of(&judged, &rule, &runs)
            .into_iter()
            .map(|it| format!("{}: {}", it.warning, it.advice))
            .collect()
    }

    #[test]
    fn a_gate_that_was_made_in_turn_has_nothing_against_it() {
        assert_eq!(warned(12, |_| ()), Vec::<String>::new());
    }

    #[test]
    fn runs_without_counters_are_named() {
        let forget = |runs: &mut [Runs]| {
            for pair in runs {
                for run in [Some(&mut pair.base), Some(&mut pair.candidate), pair.null.as_mut()] {
                    run.expect("three runs").environment.clear();
                }
            }
        };
        let found = warned(12, forget);
        assert!(found[0].starts_with("nothing was counted but jobs that failed: "), "{found:?}");
    }

    #[test]
    fn pairs_that_no_look_has_are_named() {
        let expected = "2 pairs of 14 were not judged: the looks of the policy are at other numbers: \
            measure until there are 16";
        assert_eq!(warned(14, |_| ()), [expected]);
        assert!(warned(33, |_| ())[0].ends_with("other numbers: a further look in the policy"));
    }

    #[test]
    fn runs_that_were_not_made_in_turn_are_named() {
        let one_after_the_other = |runs: &mut [Runs]| {
            runs.iter_mut().for_each(|pair| pair.candidate.began_unix_us += 1_000);
        };
        let found = warned(12, one_after_the_other);
        assert!(
            found[0].starts_with("in 12 of 12 pairs other runs were made between both"),
            "{found:?}"
        );
        let one_order = |runs: &mut [Runs]| {
            runs.iter_mut().for_each(|pair| pair.order = crate::gate::Order::BaseFirst);
        };
        let found = warned(12, one_order);
        assert!(found[0].starts_with("one side was always the first of its pair"), "{found:?}");
    }
}
