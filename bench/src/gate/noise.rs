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

/// The least effect that `look` finds in nine of ten cases where the spread is `sd`: what it takes to be sure that
/// it is more than the least effect that matters, and that it is there at all (Cohen, *Statistical Power
/// Analysis*, 2nd ed., section 2.4, with t for the normal distribution).
pub(super) fn least_visible(rule: &Rule, look: Look, sd: f64) -> Option<f64> {
    let is_possible = |level: f64| look.pairs > 1 && level > 0.0 && look.pairs >= least_n(level);
    let seen = |level: f64| reach(level, look.pairs) * sd;
    (is_possible(look.fail) && is_possible(look.alarm)).then(|| {
        let matters = rule.least_effect.ln_1p() + seen(look.fail);
        matters.max(seen(look.alarm)).exp_m1()
    })
}

/// How many pairs more it would take to come to a verdict in nine of ten cases, if the effect is `worse`
/// (a logarithm) and the spread `sd`: those of the first look that would tell, or beyond the last one as
/// many as would at its levels. None: more than anybody would run.
pub(super) fn more_pairs(rule: &Rule, n_pairs: usize, worse: f64, sd: f64) -> Option<usize> {
    let last = rule.last_look()?;
    let would_tell = |look: &Look| {
        let is_sure = |margin: f64, level: f64| {
            margin > 0.0
                && level > 0.0
                && look.pairs >= least_n(level).max(2)
                && reach(level, look.pairs) * sd <= margin
        };
        let fails =
            is_sure(worse - rule.least_effect.ln_1p(), look.fail) && is_sure(worse, look.alarm);
        fails || is_sure(rule.tolerance.ln_1p() - worse, look.pass)
    };
    let later = rule.looks.iter().find(|look| look.pairs > n_pairs && would_tell(look));
    if let Some(look) = later {
        return Some(look.pairs - n_pairs);
    }
    let first = last.pairs.max(n_pairs) + 1;
    let beyond = |pairs: &usize| would_tell(&Look { pairs: *pairs, ..last });
    let most = beyond(&MOST_PAIRS).then_some(MOST_PAIRS)?;
    // More pairs tell no less: the least number lies between one that does not and one that does.
    let (mut low, mut high) = (first, most);
    while low < high {
        let middle = low.midpoint(high);
        if beyond(&middle) { high = middle } else { low = middle + 1 }
    }
    Some(low - n_pairs)
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
    fn a_difference_must_be_seen_at_all_and_not_only_beyond_what_matters() {
        let look = Look { pairs: 10, alarm: 0.001, fail: 0.01, pass: 0.01 };
        let rule = Rule { looks: vec![look], ..Rule::default() };
        // With little noise what matters is harder, with much what is no chance.
        let found = [0.01, 0.2].map(|sd| least_visible(&rule, look, sd).expect("it is known"));
        let without = Look { alarm: 0.01, ..look };
        let others = [0.01, 0.2].map(|sd| least_visible(&rule, without, sd).expect("it is known"));
        assert_eq!(found[0].to_bits(), others[0].to_bits());
        assert!(found[1] > others[1] + 0.05, "{found:?} {others:?}");
        assert_eq!(least_visible(&rule, Look { alarm: 0.0, ..look }, 0.1), None, "it never fails");
    }

    #[test]
    fn more_pairs_are_asked_for_until_either_verdict_can_be_had() {
        let rule = Rule::fixed(10, 0.01);
        let more = |worse: f64, sd| more_pairs(&rule, 10, worse.ln_1p(), sd);
        assert_eq!(more(0.0, 0.02), Some(1), "it was bad luck");
        assert_eq!(more(0.1, 0.2), Some(84));
        assert_eq!(more(0.035, 0.02), Some(18), "between the limits both are equally far");
        assert_eq!(more(0.035, 2.0), None, "nobody runs so many");
        // A difference that is none by chance takes more than one that only matters.
        let strict = Look { pairs: 10, alarm: 0.0001, fail: 0.01, pass: 0.01 };
        let strict = Rule { looks: vec![strict], ..Rule::default() };
        assert!(more_pairs(&strict, 10, 0.1_f64.ln_1p(), 0.2).is_some_and(|more| more > 84));
    }

    #[test]
    fn pairs_are_asked_for_that_a_look_has() {
        let rule = Rule::default();
        // A pass of eight pairs has bad luck at 3 %: sixteen tell. At the last look only further ones would.
        let more = |n, worse: f64, sd| more_pairs(&rule, n, worse.ln_1p(), sd);
        assert_eq!(more(8, 0.0, 0.03), Some(4));
        assert_eq!(more(12, 0.1, 0.08), Some(12));
        assert_eq!(more(24, 0.1, 0.12), Some(29));
        assert_eq!(more(30, 0.007, 0.11), Some(120));
    }
}
