//! Segments to slots: how long each picture stays.

use super::{MIN_SHOT_MS, Segment};

/// A stretch of the narration that one picture is to cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index of the segment that is spoken for most of it.
    pub segment: usize,
    /// How long it is.
    pub duration_ms: u64,
}

/// Cuts `duration_ms` into slots of at most `max_shot_ms`, back to back.
///
/// The picture changes with the segment; a longer segment is cut into equal slots. Segments shorter
/// than [`MIN_SHOT_MS`] share a slot with the shorter neighbour, so a slot is that short only where
/// the narration or `max_shot_ms` leaves nothing else.
pub fn plan_shots(duration_ms: u64, max_shot_ms: u64, segments: &[Segment]) -> Vec<Slot> {
    let max_shot_ms = max_shot_ms.max(1);
    let mut slots = Vec::new();
    let mut start_ms = 0;
    for length_ms in blocks(duration_ms, segments) {
        let n_slots = length_ms.div_ceil(max_shot_ms);
        for i in 0..n_slots {
            let begin = start_ms + length_ms * i / n_slots;
            let end = start_ms + length_ms * (i + 1) / n_slots;
            slots.push(Slot { segment: spoken(begin, end, segments), duration_ms: end - begin });
        }
        start_ms += length_ms;
    }
    slots
}

/// Lengths of the stretches that begin and end with a segment and are long enough to be seen.
fn blocks(duration_ms: u64, segments: &[Segment]) -> Vec<u64> {
    let mut start_ms = 0;
    let mut blocks: Vec<u64> = Vec::new();
    let borders = segments.iter().map(|segment| segment.end_ms).chain([duration_ms]);
    for border in borders {
        let end_ms = border.clamp(start_ms, duration_ms);
        blocks.push(end_ms - start_ms);
        start_ms = end_ms;
    }
    blocks.retain(|&length| length > 0);
    while blocks.len() > 1 {
        let Some(short) = blocks.iter().position(|&length| length < MIN_SHOT_MS) else { break };
        let before = short.checked_sub(1).map_or(u64::MAX, |before| blocks[before]);
        let after = blocks.get(short + 1).copied().unwrap_or(u64::MAX);
        let first = if before <= after { short - 1 } else { short };
        blocks[first] += blocks.remove(first + 1);
    }
    blocks
}

/// Index of the segment with most time between `begin` and `end`.
fn spoken(begin: u64, end: u64, segments: &[Segment]) -> usize {
    let shared =
        |segment: &Segment| segment.end_ms.min(end).saturating_sub(segment.start_ms.max(begin));
    // Of equals the first: `max_by_key` would give the last.
    (0..segments.len()).rev().max_by_key(|&i| shared(&segments[i])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segments(lengths_ms: &[u64]) -> Vec<Segment> {
        let mut start_ms = 0;
        let segment = |&length_ms| {
            let segment = Segment { text: String::new(), start_ms, end_ms: start_ms + length_ms };
            start_ms += length_ms;
            segment
        };
        lengths_ms.iter().map(segment).collect()
    }

    #[track_caller]
    fn check(lengths_ms: &[u64], max_shot_ms: u64, expected: &[(usize, u64)]) {
        let slots = plan_shots(lengths_ms.iter().sum(), max_shot_ms, &segments(lengths_ms));
        let found: Vec<(usize, u64)> =
            slots.iter().map(|slot| (slot.segment, slot.duration_ms)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_to_cover_is_no_slot() {
        check(&[], 5_000, &[]);
        check(&[0, 0], 5_000, &[]);
    }

    #[test]
    fn the_picture_changes_with_the_segment_and_within_a_long_one() {
        check(&[4_000, 3_000], 5_000, &[(0, 4_000), (1, 3_000)]);
        check(&[11_000, 2_000], 5_000, &[(0, 3_666), (0, 3_667), (0, 3_667), (1, 2_000)]);
    }

    #[test]
    fn what_is_too_short_shares_the_slot_of_the_shorter_neighbour() {
        check(&[4_000, 500, 3_000], 5_000, &[(0, 4_000), (2, 3_500)]);
        check(&[400, 5_000], 5_000, &[(1, 2_700), (1, 2_700)]);
        check(&[400, 300, 200, 4_000], 5_000, &[(3, 4_900)]);
        check(&[600], 5_000, &[(0, 600)]);
    }

    #[test]
    fn time_without_a_segment_is_covered_too() {
        let slots = plan_shots(9_000, 4_000, &[]);
        assert_eq!(slots, [Slot { segment: 0, duration_ms: 3_000 }; 3]);
        let slots = plan_shots(6_000, 4_000, &segments(&[4_000]));
        assert_eq!(slots.iter().map(|slot| slot.duration_ms).collect::<Vec<_>>(), [4_000, 2_000]);
    }

    proptest! {
        #[test]
        fn slots_cover_the_narration_and_are_neither_long_nor_short(
            lengths_ms in prop::collection::vec(0..9_000u64, 0..20),
            max_shot_ms in 1..8_000u64,
        ) {
            let duration_ms: u64 = lengths_ms.iter().sum();
            let segments = segments(&lengths_ms);
            let slots = plan_shots(duration_ms, max_shot_ms, &segments);
            prop_assert_eq!(slots.iter().map(|slot| slot.duration_ms).sum::<u64>(), duration_ms);
            let shortest = MIN_SHOT_MS.min(duration_ms).min(max_shot_ms / 2);
            let mut begin = 0;
            for slot in &slots {
                prop_assert!(slot.duration_ms <= max_shot_ms);
                prop_assert!(slot.duration_ms >= shortest, "{slot:?}");
                let segment = &segments[slot.segment];
                let end = begin + slot.duration_ms;
                prop_assert!(segment.start_ms < end && begin < segment.end_ms, "{slot:?} at {begin}");
                begin = end;
            }
        }
    }
}
