//! How noisy the pairs are, and what can be seen through it.

use serde::Serialize;

use super::{Look, Order, Rule};
use crate::statistics::{RankSum, lag_1, least_n, median, normal_quantile, sd, student_quantile};

/// In this share of cases a gate sees what it can see at least.
const POWER: f64 = 0.9;
/// No answer needs more pairs than this.
const MOST_PAIRS: usize = 10_000;

/// What the pairs of a metric show beside the effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Noise {
    /// Standard deviation of the logarithm of candidate/base: 0.02 is about 2 %. None of fewer than two
    /// pairs.
    pub sd: Option<f64>,
    /// Correlation of a pair with the next one. Beyond `2 / sqrt(pairs)` something lasts longer than a
    /// pair; None of fewer than three pairs or of pairs that are all equal.
    pub lag_1: Option<f64>,
    /// What the second run of a pair has over the first. None: all pairs had the same order.
    pub slot: Option<SlotBias>,
    /// The least effect that would be found at the last look in nine of ten cases, as a share: 0.034 is
    /// 3.4 % worse. None: no number of pairs is known to the rule, or nothing is known of the spread.
    pub least_visible: Option<f64>,
}

/// What the second run of a pair has over the first, whichever arm it was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SlotBias {
    /// Second/first.
    pub ratio: f64,
    /// How probable a difference as large is by chance (rank-sum test of the pairs of both orders, exact).
    pub p: f64,
}

impl SlotBias {
    /// Whether it is there: chance would do as much in one of a hundred cases at most. It does not
    /// change the verdict, because each arm has each place equally often; it widens the interval.
    pub fn is_significant(&self) -> bool {
        self.p <= 0.01
    }
}

impl Noise {
    /// Of the logarithms of candidate/base, each with its order; `ranks` is the distribution for as many
    /// pairs of each order.
    pub(super) fn of(logarithms: &[f64], orders: &[Order], ranks: &RankSum, rule: &Rule) -> Self {
        let sd = sd(logarithms);
        let last = rule.last_look();
        Self {
            sd,
            lag_1: lag_1(logarithms),
            slot: slot(logarithms, orders, ranks),
            least_visible: last.zip(sd).and_then(|(look, sd)| least_visible(rule, look, sd)),
        }
    }
}

fn slot(logarithms: &[f64], orders: &[Order], ranks: &RankSum) -> Option<SlotBias> {
    let of = |order: Order| -> Vec<f64> {
        let pairs = logarithms.iter().zip(orders).filter(|(_, found)| **found == order);
        pairs.map(|(logarithm, _)| *logarithm).collect()
    };
    let (base_first, candidate_first) = (of(Order::BaseFirst), of(Order::CandidateFirst));
    let differences: Vec<f64> = base_first
        .iter()
        .flat_map(|one| candidate_first.iter().map(move |other| one - other))
        .collect();
    // One order has the bias as it is and the other the inverse: the difference is twice of it.
    Some(SlotBias {
        ratio: (median(&differences)? / 2.0).exp(),
        p: ranks.p_two_sided(&base_first, &candidate_first),
    })
}

/// `t` of the level and of the power for so many pairs, in standard deviations of their mean.
fn reach(level: f64, pairs: usize) -> f64 {
    // Of so many pairs t is the normal distribution within a hundredth.
    const MANY: usize = 200;
    let quantile = |p: f64| {
        if pairs > MANY { normal_quantile(p) } else { student_quantile(p, pairs - 1) }
    };
    (quantile(1.0 - level) + quantile(POWER)) / (pairs as f64).sqrt()
}

/// The least effect that `look` finds in nine of ten cases where the spread is `sd`: the least effect that
/// matters, and what it takes to be sure that it is more (Cohen, *Statistical Power Analysis*, 2nd ed.,
/// section 2.4, with t for the normal distribution).
pub(super) fn least_visible(rule: &Rule, look: Look, sd: f64) -> Option<f64> {
    let is_possible = look.pairs > 1 && look.fail > 0.0 && look.pairs >= least_n(look.fail);
    is_possible.then(|| (1.0 + rule.least_effect) * (reach(look.fail, look.pairs) * sd).exp() - 1.0)
}

/// How many pairs more it would take to come to a verdict in nine of ten cases, if the effect is `worse`
/// (a logarithm) and the spread `sd`. None: more than anybody would run.
pub(super) fn more_pairs(rule: &Rule, n_pairs: usize, worse: f64, sd: f64) -> Option<usize> {
    let last = rule.last_look()?;
    let ways = [
        (worse - rule.least_effect.ln_1p(), last.fail),
        (rule.tolerance.ln_1p() - worse, last.pass),
    ];
    let enough = |margin: f64, level: f64| -> Option<usize> {
        if margin <= 0.0 || level <= 0.0 {
            return None;
        }
        let is_enough = |pairs: &usize| reach(level, *pairs) * sd <= margin;
        let least = least_n(level).max(n_pairs + 1).max(2);
        // With t for the normal distribution it is more by a few pairs.
        let about = ((normal_quantile(1.0 - level) + normal_quantile(POWER)) * sd / margin).powi(2);
        if about > MOST_PAIRS as f64 {
            return None;
        }
        (least.max(about as usize)..=MOST_PAIRS + 100).find(is_enough)
    };
    let least = ways.iter().filter_map(|&(margin, level)| enough(margin, level)).min()?;
    Some(least - n_pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_noise_hides_more() {
        let rule = Rule::fixed(10, 0.01);
        let check = |sd: f64, expected: f64| {
            let found =
                least_visible(&rule, Look { pairs: 10, alarm: 0.01, fail: 0.01, pass: 0.01 }, sd);
            assert!(found.is_some_and(|found| (found - expected).abs() < 5e-4), "{sd}: {found:?}");
        };
        // 2 % and 4.204 standard deviations of the mean.
        check(0.0, 0.02);
        check(0.02, 0.0475);
        check(0.08, 0.1345);
        assert_eq!(
            least_visible(&rule, Look { pairs: 6, alarm: 0.01, fail: 0.01, pass: 0.01 }, 0.1),
            None
        );
    }

    #[test]
    fn more_pairs_are_asked_for_until_either_verdict_can_be_had() {
        let rule = Rule::fixed(10, 0.01);
        let more = |worse: f64, sd| more_pairs(&rule, 10, worse.ln_1p(), sd);
        assert_eq!(more(0.0, 0.02), Some(1), "it was bad luck");
        assert_eq!(more(0.1, 0.2), Some(84));
        assert_eq!(more(0.035, 0.02), Some(18), "between the limits both are equally far");
        assert_eq!(more(0.035, 2.0), None, "nobody runs so many");
    }
}
