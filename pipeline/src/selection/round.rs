//! One round: a different clip for each of some slots in a row, so that the whole is best.
//!
//! What a sequence of clips is worth is maximal marginal relevance (J. Carbonell and J. Goldstein, "The
//! use of MMR, diversity-based reranking", SIGIR 1998), summed over the slots: `lambda` times the
//! likeness of the clip to what is said, less `1 - lambda` times its likeness to the nearest of the
//! clips shown shortly before.
//!
//! With `lambda` 1 that is an assignment problem, and solved exactly. Else terms depend on each other:
//! the better of the assignment and MMR's own greedy choice is the start, and is improved, by putting in
//! a clip left over or by exchanging two slots, until neither helps. So it is never worth less than
//! either start.

use super::assignment::cheapest;
use super::likeness::Likeness;

/// Shots for which a picture is remembered: one that was last seen longer ago (about half a minute)
/// does not bore.
const RECENT: usize = 8;

/// Moves tried in one round: what is left after so many is not worth the time. 40 slots and 200 clips
/// take about 30,000.
const MAX_TRIES: usize = 400_000;

/// Costs more than any likeness can gain.
const TWICE_IN_A_ROW: f64 = 1e6;

/// What makes a clip fit.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'a> {
    /// Of segments to clips, and of clips to each other.
    pub likeness: &'a Likeness,
    /// Weight of the likeness to what is said, against looking unlike what was shown; 0 to 1.
    pub lambda: f32,
    /// A likeness below this is no likeness: such clips are all worth the same, and in such a slot the
    /// clip counts as chosen without the model.
    pub min_score: f32,
}

impl Fit<'_> {
    /// The likeness by which the clip was chosen for the segment. None: it was not.
    pub fn chosen_by(&self, segment: usize, clip: usize) -> Option<f32> {
        let score = self.likeness.scores[segment][clip];
        (score >= self.min_score).then_some(score)
    }

    fn relevance(&self, segment: usize, clip: usize) -> f64 {
        let score = self.likeness.scores[segment][clip];
        if score.is_nan() { -1.0 } else { f64::from(score.max(self.min_score)) }
    }
}

/// Slots to fill, in the order in which they are shown, and the clips to fill them with.
#[derive(Clone, Debug)]
pub struct Round<'a> {
    /// What fits.
    pub fit: Fit<'a>,
    /// What is said in each slot.
    pub segments: Vec<usize>,
    /// At least as many clips as slots, all different; of equals the earlier is taken.
    pub pool: &'a [usize],
    /// Clips shown before, the last one last.
    pub before: Vec<usize>,
}

impl Round<'_> {
    /// A clip for each slot, all different; the same for the same round.
    pub fn best(&self) -> Vec<usize> {
        let assigned = self.assigned();
        if self.fit.lambda >= 1.0 {
            return assigned;
        }
        let greedy = self.greedy();
        let start = if self.worth(&greedy) > self.worth(&assigned) { greedy } else { assigned };
        self.improved(start)
    }

    /// What these clips are worth in these slots; the higher, the better.
    pub fn worth(&self, picks: &[usize]) -> f64 {
        (0..picks.len()).map(|slot| self.term(picks, slot)).sum()
    }

    /// MMR as it was published: slot after slot, each the best for itself.
    pub fn greedy(&self) -> Vec<usize> {
        let mut picks: Vec<usize> = Vec::with_capacity(self.segments.len());
        for slot in 0..self.segments.len() {
            let mut best: Option<(f64, usize)> = None;
            for &clip in self.pool {
                if picks.contains(&clip) {
                    continue;
                }
                picks.push(clip);
                let worth = self.term(&picks, slot);
                picks.pop();
                if best.is_none_or(|(highest, _)| worth > highest) {
                    best = Some((worth, clip));
                }
            }
            picks.extend(best.map(|(_, clip)| clip));
        }
        picks
    }

    /// The clips with the highest total likeness to what is said.
    fn assigned(&self) -> Vec<usize> {
        let cost = |slot: usize, column: usize| {
            let clip = self.pool[column];
            self.penalty(slot, clip) - self.fit.relevance(self.segments[slot], clip)
        };
        let columns = cheapest(self.segments.len(), self.pool.len(), cost);
        columns.into_iter().map(|column| self.pool[column]).collect()
    }

    fn improved(&self, mut picks: Vec<usize>) -> Vec<usize> {
        let mut left: Vec<usize> =
            self.pool.iter().copied().filter(|clip| !picks.contains(clip)).collect();
        let mut tries = 0;
        loop {
            let mut is_better = false;
            for slot in 0..picks.len() {
                for other in left.iter_mut() {
                    let gain = self.gain(&mut picks, slot, slot, |picks| {
                        std::mem::swap(&mut picks[slot], other);
                    });
                    is_better |= gain;
                }
                for later in slot + 1..picks.len() {
                    is_better |=
                        self.gain(&mut picks, slot, later, |picks| picks.swap(slot, later));
                }
                tries += left.len() + picks.len();
            }
            if !is_better || tries > MAX_TRIES {
                return picks;
            }
        }
    }

    /// Makes a move that changes the slots `a` and `b`, and takes it back unless it helps.
    fn gain(
        &self,
        picks: &mut Vec<usize>,
        a: usize,
        b: usize,
        mut exchange: impl FnMut(&mut Vec<usize>),
    ) -> bool {
        let before = self.around(picks, a, b);
        exchange(picks);
        // More than rounding: else two equal orders could be exchanged for ever.
        let helps = self.around(picks, a, b) > before + 1e-9;
        if !helps {
            exchange(picks);
        }
        helps
    }

    /// The terms that a change in the slots `a` and `b`, not before `a`, can change.
    fn around(&self, picks: &[usize], a: usize, b: usize) -> f64 {
        let end = |slot: usize| (slot + RECENT + 1).min(picks.len());
        (a..end(a)).chain(b.max(end(a))..end(b)).map(|slot| self.term(picks, slot)).sum()
    }

    fn term(&self, picks: &[usize], slot: usize) -> f64 {
        let clip = picks[slot];
        let lambda = f64::from(self.fit.lambda);
        let relevance = self.fit.relevance(self.segments[slot], clip);
        let recent = picks[..slot].iter().rev().chain(self.before.iter().rev()).take(RECENT);
        let nearest = recent
            .map(|&other| self.fit.likeness.alike[clip][other])
            .filter(|alike| !alike.is_nan())
            .reduce(f32::max)
            .unwrap_or(0.0);
        lambda * relevance - (1.0 - lambda) * f64::from(nearest) - self.penalty(slot, clip)
    }

    fn penalty(&self, slot: usize, clip: usize) -> f64 {
        if slot == 0 && self.before.last() == Some(&clip) { TWICE_IN_A_ROW } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
