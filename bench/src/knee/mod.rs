//! The knee: the highest rate that a target holds.
//!
//! A sweep drives an open loop at one rate after the other. A rate is held when jobs do not pile up and
//! every SLO is surely kept; where a probe cannot tell, it counts as not held, so what is found is a rate
//! that was *shown* to be held. The search is a state machine without any input or output: it is told what
//! a probe showed and names the next rate.

mod probe;

pub use self::probe::{Held, Probe, Probed, Slo};

use crate::Rate;

/// The factor between two rates while nothing has failed yet.
const LEAP: f64 = 4.0;
/// Where a saturated target shows what it can do, this share of it is tried.
const BELOW: f64 = 0.98;
/// What is tried above a rate that is held, to close the bracket.
const ABOVE: f64 = 1.045;
/// The search ends where the rate that is not held is no more than this by the one that is.
const TOLERANCE: f64 = 1.05;
/// Probes at most.
const MOST: usize = 8;

/// The search for a knee.
#[derive(Clone, Debug)]
pub struct Knee {
    first: Rate,
    most: Rate,
    probed: Vec<Probed>,
}

/// What a search has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The highest rate that was shown to be held. None: none was.
    pub held: Option<Rate>,
    /// The lowest rate that was not. None: all were held, the search ended at its limit.
    pub not_held: Option<Rate>,
    /// Whether both are within 5 %.
    pub is_close: bool,
}

impl Knee {
    /// A search that begins at `first` and never goes beyond `most`.
    pub fn new(first: Rate, most: Rate) -> Self {
        let first = if first > most { most } else { first };
        Self { first, most, probed: Vec::new() }
    }

    /// All probes, in their order.
    pub fn probed(&self) -> &[Probed] {
        &self.probed
    }

    /// Takes what a probe showed.
    pub fn add(&mut self, probed: Probed) {
        self.probed.push(probed);
    }

    /// The rate of the next probe. None: the search is over.
    pub fn next(&self) -> Option<Rate> {
        if self.probed.is_empty() {
            return Some(self.first);
        }
        if self.probed.len() >= MOST || self.found().is_close {
            return None;
        }
        let rate = match self.bracket() {
            (Some(held), None) if held >= self.most => return None,
            (Some(held), None) => (held.per_s() * LEAP).min(self.most.per_s()),
            (None, not_held) => self.below(not_held?.per_s()),
            (Some(held), Some(not_held)) => self.between(held.per_s(), not_held.per_s()),
        };
        Rate::try_from(rate).ok()
    }

    /// What is known by now.
    pub fn found(&self) -> Found {
        let (held, not_held) = self.bracket();
        let is_close = held
            .zip(not_held)
            .is_some_and(|(held, not_held)| not_held.per_s() <= held.per_s() * TOLERANCE);
        Found { held, not_held, is_close }
    }

    /// The lowest rate that is not held, and the highest below it that is: a higher one was held by luck.
    fn bracket(&self) -> (Option<Rate>, Option<Rate>) {
        let by_rate = |one: &Rate, other: &Rate| one.per_s().total_cmp(&other.per_s());
        let rates = |is_held: bool| {
            let probes = self.probed.iter().filter(move |probe| probe.held.is_yes() == is_held);
            probes.map(|probe| probe.rate)
        };
        let not_held = rates(false).min_by(by_rate);
        let held = rates(true).filter(|rate| not_held.is_none_or(|limit| *rate < limit));
        (held.max_by(by_rate), not_held)
    }

    /// What a target did in which jobs piled up: about all that it can do. The lowest such rate is the
    /// nearest to it.
    fn capacity(&self) -> Option<f64> {
        let piled_up = self.probed.iter().filter(|probe| !probe.keeps_up && probe.done_per_s > 0.0);
        let lowest = piled_up.min_by(|one, other| one.rate.per_s().total_cmp(&other.rate.per_s()));
        lowest.map(|probe| probe.done_per_s.min(probe.rate.per_s()))
    }

    fn below(&self, not_held: f64) -> f64 {
        let hinted = self.capacity().map(|capacity| capacity * BELOW);
        hinted.filter(|&rate| rate < not_held / 1.01).unwrap_or(not_held / LEAP)
    }

    fn between(&self, held: f64, not_held: f64) -> f64 {
        let halfway = (held * not_held).sqrt();
        let Some(capacity) = self.capacity() else { return halfway };
        let (below, above) = (capacity * BELOW, held * ABOVE);
        if held < below / 1.01 && below < not_held / 1.01 {
            below
        } else if held <= capacity && above > capacity && above < not_held {
            above
        } else {
            halfway
        }
    }
}

#[cfg(test)]
mod tests;
