//! Slots to shots: which clip is shown in each slot, and which part of it.

use std::collections::VecDeque;

use super::round::{Fit, Round};
use super::{MIN_SHOT_MS, Slot};
use crate::artefacts::Shot;
use crate::chance::Chance;

/// What must be known of a clip to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipFacts {
    /// Length of its picture.
    pub duration_ms: u64,
}

/// In which order clips are shown.
#[derive(Clone, Copy, Debug)]
pub enum Order<'a> {
    /// By chance, which the seed decides.
    Random,
    /// In their own.
    Sequential,
    /// Each where it fits best.
    Semantic(Fit<'a>),
}

/// What a video is put together of.
#[derive(Clone, Copy, Debug)]
pub struct Reel<'a> {
    /// What is to be covered.
    pub slots: &'a [Slot],
    /// What there is to show.
    pub clips: &'a [ClipFacts],
    /// How clips are chosen.
    pub order: Order<'a>,
    /// Speed of the clips: one of 10 s covers 5 s at 2.
    pub speed: f64,
    /// Decides what is left to chance, and which clip goes first among equals.
    pub seed: u64,
}

/// Gives every slot a clip in each of `n` videos. A later video shows what none before it has shown, as
/// long as there is such a clip.
pub fn videos(reel: &Reel<'_>, n: u32) -> Vec<Vec<Shot>> {
    let mut videos: Vec<Vec<Shot>> = Vec::new();
    let mut shown = Vec::new();
    for nth in 0..u64::from(n) {
        let reel = Reel { seed: reel.seed.wrapping_add(nth), ..*reel };
        let shots = assign(&reel, &shown);
        shown.extend(shots.iter().map(|shot| shot.clip));
        videos.push(shots);
    }
    videos
}

/// Gives every slot a clip, those `shown` elsewhere last. The shots are back to back and as long as the
/// slots together.
///
/// Clips are shown in rounds: each once before any is shown again, and none twice in a row while there
/// are two. So the best clips for the whole video are the best of each round, see [`Round`].
///
/// A clip shown again goes on where it ended, or begins anew where too little is left. A slot longer
/// than its clip is shared with the next clip. Clips too short for a shot are passed over; where all
/// are, they are shown as if they were long enough, and the render holds their last frame.
pub fn assign(reel: &Reel<'_>, shown: &[usize]) -> Vec<Shot> {
    let clips = Clips::new(reel);
    if clips.order.is_empty() {
        return Vec::new();
    }
    let mut waiting: VecDeque<Slot> =
        reel.slots.iter().copied().filter(|slot| slot.duration_ms > 0).collect();
    let mut shots: Vec<Shot> = Vec::new();
    let mut pool = Pool::new(&clips, reel, shown);
    let mut plan = VecDeque::new();
    let mut ends_ms = vec![0; reel.clips.len()];
    while let Some(&slot) = waiting.front() {
        if plan.is_empty() {
            plan = pool.plan(reel, &waiting, &shots);
        }
        let Some(clip) = plan.pop_front() else { break };
        pool.take(clip);
        let (start_ms, duration_ms) = cut(slot.duration_ms, clips.length_ms(clip), ends_ms[clip]);
        ends_ms[clip] = start_ms + duration_ms;
        let score = match reel.order {
            Order::Semantic(fit) => fit.chosen_by(slot.segment, clip),
            Order::Random | Order::Sequential => None,
        };
        let source_start_ms = scaled(start_ms, reel.speed);
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

/// Which part of a clip is shown in a slot: start within the clip, and length, both in time on screen.
/// The clip was shown up to `end_ms` before. None of the parts of a slot is shorter than it must be.
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

/// Milliseconds by a factor, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "`as` saturates, and no clip is longer than 2^52 ms"
)]
fn scaled(ms: u64, by: f64) -> u64 {
    (ms as f64 * by) as u64
}

/// The clips worth showing.
struct Clips {
    /// In their order; where they are chosen by likeness, the seed's first.
    order: Vec<usize>,
    /// How long each can be on screen.
    lengths_ms: Vec<u64>,
    /// Whether the length of clips counts: at least one is long enough for a shot.
    is_cut: bool,
}

impl Clips {
    fn new(reel: &Reel<'_>) -> Self {
        let lengths_ms: Vec<u64> =
            reel.clips.iter().map(|clip| scaled(clip.duration_ms, 1.0 / reel.speed)).collect();
        let longest = reel.slots.iter().map(|slot| slot.duration_ms).max().unwrap_or(0);
        let shortest = MIN_SHOT_MS.min(longest);
        let is_long = |&clip: &usize| lengths_ms[clip] >= shortest;
        let is_cut = (0..lengths_ms.len()).any(|clip| is_long(&clip));
        let mut order: Vec<usize> =
            (0..lengths_ms.len()).filter(|clip| !is_cut || is_long(clip)).collect();
        if let (Order::Semantic(_), false) = (reel.order, order.is_empty()) {
            let first = reel.seed % order.len() as u64;
            order.rotate_left(usize::try_from(first).unwrap_or(0));
        }
        Self { order, lengths_ms, is_cut }
    }

    fn length_ms(&self, clip: usize) -> Option<u64> {
        self.is_cut.then(|| self.lengths_ms[clip])
    }
}

/// The clips that may be shown next.
struct Pool<'a> {
    clips: &'a Clips,
    /// Not shown in this round, those of the present plan first.
    unused: Vec<usize>,
    /// Shown elsewhere and not in this round: for when there is nothing unused.
    stale: Vec<usize>,
    chance: Chance,
}

impl<'a> Pool<'a> {
    fn new(clips: &'a Clips, reel: &Reel<'_>, shown: &[usize]) -> Self {
        let (stale, unused) = clips.order.iter().partition(|clip| shown.contains(clip));
        let mut pool = Self { clips, unused, stale, chance: Chance::new(reel.seed) };
        pool.shuffle(reel, None);
        pool
    }

    /// Clips for the slots at the front of `waiting`, as many as there are of both.
    fn plan(
        &mut self,
        reel: &Reel<'_>,
        waiting: &VecDeque<Slot>,
        shots: &[Shot],
    ) -> VecDeque<usize> {
        if self.unused.is_empty() {
            self.unused = std::mem::take(&mut self.stale);
            if self.unused.is_empty() {
                self.unused.clone_from(&self.clips.order);
            }
            self.shuffle(reel, shots.last().map(|shot| shot.clip));
        }
        let n_slots = waiting.len().min(self.unused.len());
        let Order::Semantic(fit) = reel.order else {
            // At the start of a round the clip shown last is not the first, unless it is the only one.
            return self.unused.iter().copied().take(n_slots).collect();
        };
        let segments = waiting.iter().take(n_slots).map(|slot| slot.segment).collect();
        let before = shots.iter().map(|shot| shot.clip).collect();
        Round { fit, segments, pool: &self.unused, before }.best().into()
    }

    fn take(&mut self, clip: usize) {
        self.unused.retain(|&other| other != clip);
    }

    fn shuffle(&mut self, reel: &Reel<'_>, shown_last: Option<usize>) {
        if let Order::Random = reel.order {
            self.chance.shuffle(&mut self.unused);
        }
        if let (Some(last), [first, _, ..]) = (shown_last, &self.unused[..])
            && *first == last
        {
            self.unused.rotate_left(1);
        }
    }
}

#[cfg(test)]
mod tests;
