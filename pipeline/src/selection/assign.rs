//! Slots to shots: which clip is shown in each slot, and which part of it.

use std::collections::VecDeque;

use super::assignment::cheapest;
use super::{MIN_SHOT_MS, Slot};
use crate::artefacts::Shot;

/// What must be known of a clip to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipFacts {
    /// Length of its picture.
    pub duration_ms: u64,
}

/// Gives every slot a clip. The shots are back to back and as long as the slots together.
///
/// Clips are shown in rounds: each once before any is shown again, and none twice in a row while
/// there are two. `scores` is segments by clips, as [`super::scores`] makes it; in each round the
/// total likeness of the slots to their clips is the highest there can be. Without scores the clips
/// follow in their order. `seed` says which clip is the first, and goes first among equals.
///
/// A clip shown again goes on where it ended, or begins anew where too little is left. A slot longer
/// than its clip is shared with the next clip. Clips too short for a shot are passed over; where all
/// are, they are shown as if they were long enough, and the render holds their last frame.
pub fn assign(
    slots: &[Slot],
    clips: &[ClipFacts],
    scores: Option<&[Vec<f32>]>,
    seed: u64,
) -> Vec<Shot> {
    let reel = Reel::new(slots, clips, scores, seed);
    if reel.order.is_empty() {
        return Vec::new();
    }
    let mut waiting: VecDeque<Slot> =
        slots.iter().copied().filter(|slot| slot.duration_ms > 0).collect();
    let mut shots: Vec<Shot> = Vec::new();
    let mut unused: Vec<usize> = Vec::new();
    let mut plan = VecDeque::new();
    let mut ends_ms = vec![0; clips.len()];
    while let Some(&slot) = waiting.front() {
        if unused.is_empty() {
            unused.clone_from(&reel.order);
        }
        if plan.is_empty() {
            plan = reel.plan(&waiting, &unused, shots.last().map(|shot| shot.clip));
        }
        let Some(clip) = plan.pop_front() else { break };
        unused.retain(|&other| other != clip);
        let (source_start_ms, duration_ms) =
            cut(slot.duration_ms, reel.length_ms(clip), ends_ms[clip]);
        ends_ms[clip] = source_start_ms + duration_ms;
        let score = scores.map(|scores| scores[slot.segment][clip]);
        shots.push(Shot { clip, source_start_ms, duration_ms, score });
        waiting.pop_front();
        if duration_ms < slot.duration_ms {
            // The rest is a slot of its own, so the clips of the later slots are chosen anew.
            let rest = slot.duration_ms - duration_ms;
            waiting.push_front(Slot { duration_ms: rest, ..slot });
            plan.clear();
        }
    }
    shots
}

/// Which part of a clip is shown in a slot: start within the clip, and length. The clip was shown up
/// to `end_ms` before. None of the parts of a slot is shorter than it must be.
fn cut(slot_ms: u64, clip_ms: Option<u64>, end_ms: u64) -> (u64, u64) {
    let Some(clip_ms) = clip_ms else { return (0, slot_ms) };
    if end_ms + slot_ms <= clip_ms {
        (end_ms, slot_ms)
    } else if slot_ms <= clip_ms {
        (0, slot_ms)
    } else {
        let rest = MIN_SHOT_MS.min(slot_ms / 2);
        (0, clip_ms.min(slot_ms - rest))
    }
}

/// The clips to show and how they are chosen.
struct Reel<'a> {
    clips: &'a [ClipFacts],
    /// Clips worth showing, the seed's first.
    order: Vec<usize>,
    /// Whether the length of clips counts: at least one is long enough for a shot.
    is_cut: bool,
    scores: Option<&'a [Vec<f32>]>,
}

impl<'a> Reel<'a> {
    fn new(
        slots: &[Slot],
        clips: &'a [ClipFacts],
        scores: Option<&'a [Vec<f32>]>,
        seed: u64,
    ) -> Self {
        let longest = slots.iter().map(|slot| slot.duration_ms).max().unwrap_or(0);
        let shortest = MIN_SHOT_MS.min(longest);
        let is_long = |&clip: &usize| clips[clip].duration_ms >= shortest;
        let is_cut = (0..clips.len()).any(|clip| is_long(&clip));
        let mut order: Vec<usize> =
            (0..clips.len()).filter(|clip| !is_cut || is_long(clip)).collect();
        if !order.is_empty() {
            let first = seed % order.len() as u64;
            order.rotate_left(usize::try_from(first).unwrap_or(0));
        }
        Self { clips, order, is_cut, scores }
    }

    fn length_ms(&self, clip: usize) -> Option<u64> {
        self.is_cut.then(|| self.clips[clip].duration_ms)
    }

    /// Clips of `unused` for the slots at the front of `waiting`, as many as there are of both.
    fn plan(
        &self,
        waiting: &VecDeque<Slot>,
        unused: &[usize],
        shown_last: Option<usize>,
    ) -> VecDeque<usize> {
        let n_slots = waiting.len().min(unused.len());
        let Some(scores) = self.scores else {
            // At the start of a round the clip shown last is the last in the order, unless it is
            // the only one.
            return unused.iter().copied().take(n_slots).collect();
        };
        let cost = |row: usize, column: usize| {
            let clip = unused[column];
            if row == 0 && Some(clip) == shown_last {
                return TWICE_IN_A_ROW;
            }
            let score = scores[waiting[row].segment][clip];
            if score.is_nan() { 1.0 } else { -f64::from(score) }
        };
        cheapest(n_slots, unused.len(), cost).into_iter().map(|column| unused[column]).collect()
    }
}

/// Costs more than any likeness can gain.
const TWICE_IN_A_ROW: f64 = 1e6;

#[cfg(test)]
mod tests;
