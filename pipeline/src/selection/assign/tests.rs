use proptest::prelude::*;

use super::*;

fn slots(durations_ms: &[u64]) -> Vec<Slot> {
    let slot = |(segment, &duration_ms)| Slot { segment, duration_ms };
    durations_ms.iter().enumerate().map(slot).collect()
}

fn clips(durations_ms: &[u64]) -> Vec<ClipFacts> {
    durations_ms.iter().map(|&duration_ms| ClipFacts { duration_ms }).collect()
}

/// Expected shots: clip, start within it, length.
#[track_caller]
fn check(
    slots_ms: &[u64],
    clips_ms: &[u64],
    scores: Option<&[Vec<f32>]>,
    seed: u64,
    expected: &[(usize, u64, u64)],
) {
    let shots = assign(&slots(slots_ms), &clips(clips_ms), scores, seed);
    let found: Vec<(usize, u64, u64)> =
        shots.iter().map(|shot| (shot.clip, shot.source_start_ms, shot.duration_ms)).collect();
    assert_eq!(found, expected);
}

#[test]
fn nothing_to_show_or_nothing_to_cover_is_no_shot() {
    check(&[4_000], &[], None, 0, &[]);
    check(&[], &[4_000], None, 3, &[]);
    check(&[0], &[4_000], Some(&[vec![0.5]]), 3, &[]);
}

#[test]
fn clips_too_short_for_a_shot_are_shown_only_where_there_are_no_others() {
    check(&[3_000], &[200, 5_000], None, 0, &[(1, 0, 3_000)]);
    check(&[3_000, 2_000], &[200, 0], None, 0, &[(0, 0, 3_000), (1, 0, 2_000)]);
    check(&[600], &[600], None, 0, &[(0, 0, 600)]);
}

#[test]
fn without_scores_the_clips_follow_in_their_order_from_the_seeds() {
    let clips = [9_000; 3];
    check(
        &[2_000; 4],
        &clips,
        None,
        0,
        &[(0, 0, 2_000), (1, 0, 2_000), (2, 0, 2_000), (0, 2_000, 2_000)],
    );
    check(
        &[2_000; 4],
        &clips,
        None,
        5,
        &[(2, 0, 2_000), (0, 0, 2_000), (1, 0, 2_000), (2, 2_000, 2_000)],
    );
}

#[test]
fn a_clip_shown_again_goes_on_or_begins_anew_where_too_little_is_left() {
    check(
        &[2_000; 4],
        &[5_000],
        None,
        0,
        &[(0, 0, 2_000), (0, 2_000, 2_000), (0, 0, 2_000), (0, 2_000, 2_000)],
    );
}

#[test]
fn a_slot_longer_than_its_clip_is_shared_and_no_part_is_a_flicker() {
    check(&[5_000], &[3_000, 9_000], None, 0, &[(0, 0, 3_000), (1, 0, 2_000)]);
    check(&[5_000], &[4_900, 9_000], None, 0, &[(0, 0, 4_000), (1, 0, 1_000)]);
    check(&[5_000], &[3_000], None, 0, &[(0, 0, 3_000), (0, 0, 2_000)]);
}

#[test]
fn the_total_likeness_counts_not_the_first_choice() {
    // The first slot likes clip 0 a little more, the second cannot do without it.
    let scores = [vec![0.9, 0.8], vec![0.9, 0.1]];
    check(&[2_000; 2], &[9_000; 2], Some(&scores), 0, &[(1, 0, 2_000), (0, 0, 2_000)]);
    let shots = assign(&slots(&[2_000; 2]), &clips(&[9_000; 2]), Some(&scores), 0);
    assert_eq!(shots.iter().map(|shot| shot.score).collect::<Vec<_>>(), [Some(0.8), Some(0.9)]);
}

#[test]
fn the_best_clip_waits_for_its_round() {
    // Everything likes clip 0: it is shown once in each round, and not twice in a row.
    let scores = vec![vec![0.9, 0.1], vec![0.8, 0.1], vec![0.9, 0.1], vec![0.9, 0.1]];
    let shots = assign(&slots(&[1_000; 4]), &clips(&[9_000; 2]), Some(&scores), 0);
    assert_eq!(shots.iter().map(|shot| shot.clip).collect::<Vec<_>>(), [0, 1, 0, 1]);
}

#[test]
fn a_score_that_is_no_number_chooses_nothing() {
    let scores = [vec![f32::NAN, -0.9]];
    check(&[2_000], &[9_000; 2], Some(&scores), 0, &[(1, 0, 2_000)]);
}

#[test]
fn of_equals_the_seeds_goes_first() {
    let scores = [vec![0.5; 3]];
    for seed in 0..6 {
        let expected = usize::try_from(seed % 3).expect("small");
        check(&[2_000], &[9_000; 3], Some(&scores), seed, &[(expected, 0, 2_000)]);
    }
}

/// Slots, clips and, in half of the cases, scores.
fn cases() -> impl Strategy<Value = (Vec<u64>, Vec<u64>, Option<Vec<Vec<f32>>>)> {
    let lengths = (prop::collection::vec(1..6_000u64, 0..25), 1..9usize);
    lengths.prop_flat_map(|(slots, n_clips)| {
        let row = prop::collection::vec(-1.0..1.0f32, n_clips);
        let scores = prop::collection::vec(row, slots.len());
        let clips = prop::collection::vec(0..9_000u64, n_clips);
        (Just(slots), clips, prop::option::of(scores))
    })
}

proptest! {
    #[test]
    fn shots_cover_the_slots_with_what_the_clips_have((slots_ms, clips_ms, scores) in cases(), seed: u64) {
        let (slots, clips) = (slots(&slots_ms), clips(&clips_ms));
        let shots = assign(&slots, &clips, scores.as_deref(), seed);
        prop_assert_eq!(&shots, &assign(&slots, &clips, scores.as_deref(), seed));

        // Each slot is covered exactly by shots that begin and end with it.
        let mut rest = shots.iter().map(|shot| shot.duration_ms);
        for &slot_ms in &slots_ms {
            let mut covered = 0;
            while covered < slot_ms {
                covered += rest.next().expect("the slots are covered");
            }
            prop_assert_eq!(covered, slot_ms);
        }
        prop_assert_eq!(rest.next(), None);

        let longest = slots_ms.iter().copied().max().unwrap_or(0);
        let shortest = MIN_SHOT_MS.min(longest);
        let worthy = clips_ms.iter().filter(|&&length| length >= shortest).count();
        for shot in &shots {
            prop_assert!(shot.duration_ms > 0);
            if worthy > 0 {
                prop_assert!(shot.source_start_ms + shot.duration_ms <= clips_ms[shot.clip]);
            }
        }
    }

    #[test]
    fn no_clip_is_shown_again_while_unused_ones_remain((slots_ms, clips_ms, scores) in cases(), seed: u64) {
        let shots = assign(&slots(&slots_ms), &clips(&clips_ms), scores.as_deref(), seed);
        let longest = slots_ms.iter().copied().max().unwrap_or(0);
        let shortest = MIN_SHOT_MS.min(longest);
        let worthy = clips_ms.iter().filter(|&&length| length >= shortest).count();
        let n_clips = if worthy > 0 { worthy } else { clips_ms.len() };
        for round in shots.chunks(n_clips) {
            let mut shown: Vec<usize> = round.iter().map(|shot| shot.clip).collect();
            shown.sort_unstable();
            shown.dedup();
            prop_assert_eq!(shown.len(), round.len());
        }
        if n_clips > 1 {
            prop_assert!(shots.windows(2).all(|pair| pair[0].clip != pair[1].clip));
        }
    }
}
