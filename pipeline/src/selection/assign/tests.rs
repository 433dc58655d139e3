use proptest::prelude::*;

use super::*;
use crate::selection::Likeness;

fn slots(durations_ms: &[u64]) -> Vec<Slot> {
    let slot = |(segment, &duration_ms)| Slot { segment, duration_ms };
    durations_ms.iter().enumerate().map(slot).collect()
}

fn clips(durations_ms: &[u64]) -> Vec<ClipFacts> {
    durations_ms.iter().map(|&duration_ms| ClipFacts { duration_ms }).collect()
}

/// Scores alone: no clip looks like another.
fn likeness(scores: &[Vec<f32>]) -> Likeness {
    let n_clips = scores.first().map_or(0, Vec::len);
    Likeness { scores: scores.to_vec(), alike: vec![vec![0.0; n_clips]; n_clips] }
}

fn exact(likeness: &Likeness) -> Order<'_> {
    Order::Semantic(Fit { likeness, lambda: 1.0, min_score: -1.0 })
}

/// Shots of a video at the clips' own speed; in the order of the clips where there are no scores.
fn shots(slots_ms: &[u64], clips_ms: &[u64], scores: Option<&[Vec<f32>]>, seed: u64) -> Vec<Shot> {
    let (slots, clips) = (slots(slots_ms), clips(clips_ms));
    let likeness = scores.map(likeness);
    let order = likeness.as_ref().map_or(Order::Sequential, exact);
    assign(&Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed }, &[])
}

fn clips_of(shots: &[Shot]) -> Vec<usize> {
    shots.iter().map(|shot| shot.clip).collect()
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
    let found: Vec<(usize, u64, u64)> = shots(slots_ms, clips_ms, scores, seed)
        .iter()
        .map(|shot| (shot.clip, shot.source_start_ms, shot.duration_ms))
        .collect();
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
fn in_their_own_order_the_clips_follow_whatever_the_seed() {
    for seed in [0, 5] {
        let expected = [(0, 0, 2_000), (1, 0, 2_000), (2, 0, 2_000), (0, 2_000, 2_000)];
        check(&[2_000; 4], &[9_000; 3], None, seed, &expected);
    }
}

#[test]
fn by_chance_the_seed_decides_the_order_and_each_round_has_its_own() {
    let (slots, clips) = (slots(&[2_000; 12]), clips(&[9_000; 6]));
    let random = |seed| {
        let reel = Reel { slots: &slots, clips: &clips, order: Order::Random, speed: 1.0, seed };
        clips_of(&assign(&reel, &[]))
    };
    assert_eq!(random(1), random(1));
    assert_ne!(random(1), random(2));
    assert_ne!(random(1)[..6], random(1)[6..], "{:?}", random(1));
    assert_ne!(random(1)[..6], [0, 1, 2, 3, 4, 5]);
    // Each clip comes first about as often as the others.
    let mut first = [0; 6];
    (0..600).for_each(|seed| first[random(seed)[0]] += 1);
    assert!(first.iter().all(|n| (60..=140).contains(n)), "{first:?}");
}

#[test]
fn a_faster_clip_covers_less_and_a_slower_one_more() {
    let (slots, clips) = (slots(&[4_000, 3_000, 2_000]), clips(&[10_000; 1]));
    let at = |speed| -> Vec<(u64, u64)> {
        let reel = Reel { slots: &slots, clips: &clips, order: Order::Sequential, speed, seed: 0 };
        let shots = assign(&reel, &[]);
        shots.iter().map(|shot| (shot.source_start_ms, shot.duration_ms)).collect()
    };
    // Ten seconds are five at double speed: the second shot would end at 14 s of the clip.
    assert_eq!(at(2.0), [(0, 4_000), (0, 3_000), (6_000, 2_000)]);
    assert_eq!(at(1.0), [(0, 4_000), (4_000, 3_000), (7_000, 2_000)]);
    assert_eq!(at(0.5), [(0, 4_000), (2_000, 3_000), (3_500, 2_000)]);
}

#[test]
fn a_later_video_shows_what_none_before_it_has_shown_while_there_is_such_a_clip() {
    let (slots, clips) = (slots(&[2_000; 3]), clips(&[9_000; 8]));
    let scores = vec![vec![0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]; 3];
    let likeness = likeness(&scores);
    for order in [Order::Random, Order::Sequential, exact(&likeness)] {
        let reel = Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed: 3 };
        let videos = videos(&reel, 3);
        let mut shown: Vec<usize> = videos.iter().flat_map(|shots| clips_of(shots)).collect();
        assert_eq!(shown.len(), 9);
        shown[..8].sort_unstable();
        assert_eq!(shown[..8], [0, 1, 2, 3, 4, 5, 6, 7], "{order:?}");
        let mut last = clips_of(&videos[2]);
        last.sort_unstable();
        last.dedup();
        assert_eq!(last.len(), 3, "none twice in one video: {videos:?}");
    }
    let reel = Reel { slots: &slots, clips: &clips, order: Order::Sequential, speed: 1.0, seed: 3 };
    let videos = videos(&reel, 3);
    assert_eq!(
        videos.iter().map(|shots| clips_of(shots)).collect::<Vec<_>>(),
        [[0, 1, 2], [3, 4, 5], [6, 7, 0]]
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
    let shots = shots(&[2_000; 2], &[9_000; 2], Some(&scores), 0);
    assert_eq!(shots.iter().map(|shot| shot.score).collect::<Vec<_>>(), [Some(0.8), Some(0.9)]);
}

#[test]
fn the_best_clip_waits_for_its_round() {
    // Everything likes clip 0: it is shown once in each round, and not twice in a row.
    let scores = vec![vec![0.9, 0.1], vec![0.8, 0.1], vec![0.9, 0.1], vec![0.9, 0.1]];
    assert_eq!(clips_of(&shots(&[1_000; 4], &[9_000; 2], Some(&scores), 0)), [0, 1, 0, 1]);
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

#[test]
fn below_the_least_score_no_clip_is_chosen_by_likeness() {
    // Clip 1 is likeliest everywhere, and like enough in the second slot alone.
    let scores = [vec![0.10, 0.19], vec![0.10, 0.60]];
    let likeness = likeness(&scores);
    let order = Order::Semantic(Fit { likeness: &likeness, lambda: 1.0, min_score: 0.2 });
    let (slots, clips) = (slots(&[2_000; 2]), clips(&[9_000; 2]));
    let shots = assign(&Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed: 0 }, &[]);
    let found: Vec<_> = shots.iter().map(|shot| (shot.clip, shot.score)).collect();
    assert_eq!(found, [(0, None), (1, Some(0.6))]);
    // Without a threshold the noise of the first slot counts as much as anything.
    let scores = [vec![0.10, 0.70], vec![0.10, 0.60]];
    check(&[2_000; 2], &[9_000; 2], Some(&scores), 0, &[(1, 0, 2_000), (0, 0, 2_000)]);
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

/// Every way to choose, in turn.
fn order<'a>(likeness: Option<&'a Likeness>, lambda: f32, is_random: bool) -> Order<'a> {
    match likeness {
        Some(likeness) => Order::Semantic(Fit { likeness, lambda, min_score: -0.5 }),
        None if is_random => Order::Random,
        None => Order::Sequential,
    }
}

proptest! {
    #[test]
    fn shots_cover_the_slots_with_what_the_clips_have(
        (slots_ms, clips_ms, scores) in cases(),
        (seed, is_random) in any::<(u64, bool)>(),
        (speed, lambda) in (0.5..2.0f64, 0.0..1.0f32),
    ) {
        let (slots, clips) = (slots(&slots_ms), clips(&clips_ms));
        let likeness = scores.as_deref().map(likeness);
        let order = order(likeness.as_ref(), lambda, is_random);
        let reel = Reel { slots: &slots, clips: &clips, order, speed, seed };
        let shots = assign(&reel, &[]);
        prop_assert_eq!(&shots, &assign(&reel, &[]));

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
        let worthy =
            clips_ms.iter().filter(|&&length| scaled(length, 1.0 / speed) >= shortest).count();
        for shot in &shots {
            prop_assert!(shot.duration_ms > 0);
            if worthy > 0 {
                let end_ms = shot.source_start_ms + scaled(shot.duration_ms, speed);
                prop_assert!(end_ms <= clips_ms[shot.clip], "{shot:?}");
            }
        }
    }

    #[test]
    fn no_clip_is_shown_again_while_unused_ones_remain(
        (slots_ms, clips_ms, scores) in cases(),
        (seed, is_random) in any::<(u64, bool)>(),
        lambda in 0.0..1.0f32,
    ) {
        let (slots, clips) = (slots(&slots_ms), clips(&clips_ms));
        let likeness = scores.as_deref().map(likeness);
        let order = order(likeness.as_ref(), lambda, is_random);
        let shots = assign(&Reel { slots: &slots, clips: &clips, order, speed: 1.0, seed }, &[]);
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
