//! From pairs to a verdict.

use super::input::{Column, columns};
use super::noise::more_pairs;
use super::{
    Count, CountWord, Effect, GateError, Judgement, Look, Metric, Noise, Order, Pair, Reason, Role,
    Rule, Verdict,
};
use crate::comparison::{Better, Word};
use crate::statistics::{RankSum, SignedRank, holm, median, sd, walsh_averages};

/// Judges `pairs`, in the order in which they were made.
///
/// What is judged are the pairs of the last look that is reached, so pairs between two looks change
/// nothing: run as many as the first look takes, judge, and go on to `next_look` until the verdict is
/// another than inconclusive. Then the levels of the looks add up to what the rule promises.
///
/// # Errors
///
/// [`GateError`]: a rule that cannot be followed, a value that is missing or that no run can have.
pub fn judge(metrics: &[Metric], pairs: &[Pair], rule: &Rule) -> Result<Judgement, GateError> {
    rule.check()?;
    let look = rule.look(pairs.len());
    let pairs = &pairs[..look.map_or(pairs.len(), |look| look.pairs)];
    let columns = columns(metrics, pairs)?;
    let judge = Judge::of(pairs, rule, look);
    let of = |role: Role| columns.iter().filter(move |column| column.metric.role == role);
    let primary = of(Role::Primary).next().ok_or(GateError::Primaries(0))?;
    let counters: Vec<Count> = of(Role::Counter).map(Count::of).collect();
    Ok(Judgement {
        verdict: judge.verdict(primary, &counters),
        n_pairs: pairs.len(),
        look,
        primary: judge.effect(
            primary.metric,
            &primary.base,
            &primary.candidate,
            &primary.worsening(),
        ),
        advisory: judge.advice(of(Role::Advisory)),
        counters,
        null: judge.null(primary),
    })
}

/// The rule with what all metrics of these pairs share.
pub(super) struct Judge<'a> {
    rule: &'a Rule,
    look: Option<Look>,
    orders: Vec<Order>,
    signed_rank: SignedRank,
    rank_sum: RankSum,
}

impl<'a> Judge<'a> {
    pub fn of(pairs: &[Pair], rule: &'a Rule, look: Option<Look>) -> Self {
        let orders: Vec<Order> = pairs.iter().map(|pair| pair.order).collect();
        let n_base_first = orders.iter().filter(|order| **order == Order::BaseFirst).count();
        Self {
            rule,
            look,
            signed_rank: SignedRank::of(pairs.len()),
            rank_sum: RankSum::of(n_base_first, pairs.len() - n_base_first),
            orders,
        }
    }

    /// The base against itself. Nobody kept which of both ran first, so nothing is said of a slot bias.
    fn null(&self, primary: &Column<'_>) -> Option<Effect> {
        let (null, worsening) = primary.null.as_ref().zip(primary.null_worsening())?;
        let mut effect = self.effect(primary.metric, &primary.base, null, &worsening);
        effect.noise.slot = None;
        Some(effect)
    }

    fn verdict(&self, primary: &Column<'_>, counters: &[Count]) -> Verdict {
        let metric = || primary.metric.name.clone();
        let worsening = primary.worsening();
        let walsh = walsh_averages(&worsening);
        let count_worse = |metric| Reason::CountWorse { metric };
        let mut worse: Vec<Reason> = counts(counters, CountWord::Worse, count_worse).collect();
        let null = primary.null_worsening().and_then(|null| self.null_differs(&null));
        // Counts have no noise: what they say holds on any machine, what times say does not.
        if let (Some(ratio), true) = (null, worse.is_empty()) {
            let ratio = natural(primary.metric, ratio).exp();
            return Verdict::Invalid {
                reasons: vec![Reason::NullDiffers { metric: metric(), ratio }],
            };
        }
        if null.is_none() && self.fails(&walsh) {
            worse.insert(0, Reason::Worse { metric: metric() });
        }
        if !worse.is_empty() {
            return Verdict::Regression { reasons: worse };
        }
        let unsteady = |metric| Reason::CountUnsteady { metric };
        let mut reasons: Vec<Reason> = counts(counters, CountWord::Unsteady, unsteady).collect();
        let is_decided = self.passes(&walsh);
        if !is_decided {
            reasons.insert(0, self.undecided(metric(), &walsh));
        }
        if reasons.is_empty() {
            return Verdict::Pass;
        }
        Verdict::Inconclusive {
            reasons,
            next_look: if is_decided { None } else { self.rule.next_look(self.orders.len()) },
            more_pairs: if is_decided { None } else { self.more_pairs(&worsening, &walsh) },
        }
    }

    fn undecided(&self, metric: String, walsh: &[f64]) -> Reason {
        match (self.look, self.rule.looks.first()) {
            (None, Some(first)) => Reason::TooFewPairs { n: self.orders.len(), needs: first.pairs },
            _ if self.is_beyond(walsh) => {
                Reason::MayBeChance { metric, p: self.signed_rank.p_greater(walsh, 0.0) }
            }
            _ => Reason::Undecided { metric },
        }
    }

    /// With fewer pairs than the first look takes, those that it lacks.
    fn more_pairs(&self, worsening: &[f64], walsh: &[f64]) -> Option<usize> {
        let n_pairs = worsening.len();
        let sd = sd(worsening);
        match (self.look, self.rule.looks.first()) {
            (None, Some(first)) => Some(first.pairs - n_pairs),
            _ => more_pairs(self.rule, n_pairs, median(walsh)?, sd?),
        }
    }

    /// The centre of what the base is worse than itself, where that is more than the least effect and seldom
    /// chance: at every look, also at one at which nothing fails.
    fn null_differs(&self, worsening: &[f64]) -> Option<f64> {
        let walsh = walsh_averages(worsening);
        let better: Vec<f64> = walsh.iter().rev().map(|average| -average).collect();
        let p = [&walsh, &better].map(|it| self.signed_rank.p_greater(it, 0.0));
        let is_chance = 2.0 * p[0].min(p[1]) > self.rule.calibration.level;
        let centre = median(&walsh)?;
        (!is_chance && centre.abs() > self.rule.least_effect.ln_1p()).then_some(centre)
    }

    /// There is a difference, and the whole interval is beyond the least effect.
    fn fails(&self, walsh: &[f64]) -> bool {
        self.is_beyond(walsh) && self.is_alarming(walsh)
    }

    fn is_beyond(&self, walsh: &[f64]) -> bool {
        let lower = self.look.and_then(|look| self.signed_rank.lower(walsh, look.fail));
        lower.is_some_and(|lower| lower > self.rule.least_effect.ln_1p())
    }

    fn is_alarming(&self, walsh: &[f64]) -> bool {
        let p = self.signed_rank.p_greater(walsh, 0.0);
        self.look.is_some_and(|look| p <= look.alarm)
    }

    fn passes(&self, walsh: &[f64]) -> bool {
        let upper = self.look.and_then(|look| self.signed_rank.upper(walsh, look.pass));
        upper.is_some_and(|upper| upper < self.rule.tolerance.ln_1p())
    }

    /// What each advisory metric says among all of them.
    fn advice<'c>(&self, columns: impl Iterator<Item = &'c Column<'c>>) -> Vec<Effect> {
        let mut effects: Vec<Effect> = columns
            .map(|column| {
                self.effect(column.metric, &column.base, &column.candidate, &column.worsening())
            })
            .collect();
        let p: Vec<f64> = effects.iter().map(|effect| effect.p).collect();
        for (effect, p) in effects.iter_mut().zip(holm(&p)) {
            effect.p = p;
            effect.word = self.word(p, effect);
        }
        effects
    }

    pub fn effect(
        &self,
        metric: &Metric,
        base: &[f64],
        other: &[f64],
        worsening: &[f64],
    ) -> Effect {
        let walsh = walsh_averages(worsening);
        let lower = self.look.and_then(|look| self.signed_rank.lower(&walsh, look.fail));
        let upper = self.look.and_then(|look| self.signed_rank.upper(&walsh, look.pass));
        let ratio = |worse: f64| natural(metric, worse).exp();
        let (low, high) = match metric.better {
            Better::Lower => (lower, upper),
            Better::Higher => (upper, lower),
        };
        let logarithms: Vec<f64> = worsening.iter().map(|&worse| natural(metric, worse)).collect();
        let mut effect = Effect {
            metric: metric.clone(),
            base: median(base).unwrap_or(f64::NAN),
            candidate: median(other).unwrap_or(f64::NAN),
            ratio: ratio(median(&walsh).unwrap_or(f64::NAN)),
            low: low.map(ratio),
            high: high.map(ratio),
            p: self.p(&walsh),
            word: Word::NotJudged,
            noise: Noise::of(&logarithms, &self.orders, &self.rank_sum, self.rule),
        };
        effect.word = self.word(effect.p, &effect);
        effect
    }

    /// How probable it is that the centre is beyond the least effect on either side, as far as this is,
    /// by chance.
    fn p(&self, walsh: &[f64]) -> f64 {
        let least = self.rule.least_effect.ln_1p();
        let worse = self.signed_rank.p_greater(walsh, least);
        let better = self.signed_rank.p_less(walsh, -least);
        (2.0 * worse.min(better)).min(1.0)
    }

    fn word(&self, p: f64, effect: &Effect) -> Word {
        let is_more = effect.ratio > 1.0;
        match (self.look.is_some(), p <= self.rule.advice, effect.metric.better) {
            (false, ..) => Word::NotJudged,
            (true, false, _) => Word::NoDifferenceShown,
            (true, true, Better::Lower) if is_more => Word::Worse,
            (true, true, Better::Higher) if !is_more => Word::Worse,
            (true, true, _) => Word::Better,
        }
    }
}

/// The logarithm of candidate/base of what is worse by the logarithm `worse`.
fn natural(metric: &Metric, worse: f64) -> f64 {
    if metric.better == Better::Lower { worse } else { -worse }
}

fn counts<'a>(
    counters: &'a [Count],
    word: CountWord,
    reason: impl Fn(String) -> Reason + 'a,
) -> impl Iterator<Item = Reason> + 'a {
    let found = counters.iter().filter(move |count| count.word == word);
    found.map(move |count| reason(count.metric.name.clone()))
}
