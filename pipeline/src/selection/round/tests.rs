use proptest::prelude::*;

use super::*;

fn round<'a>(likeness: &'a Likeness, lambda: f32, pool: &'a [usize], n_slots: usize) -> Round<'a> {
    let fit = Fit { likeness, lambda, min_score: -1.0 };
    Round { fit, segments: (0..n_slots).collect(), pool, before: Vec::new() }
}

/// Two beaches and a market: the second beach is a little likelier than the market.
fn beaches() -> Likeness {
    Likeness {
        scores: vec![vec![0.70, 0.69, 0.10], vec![0.60, 0.60, 0.55]],
        alike: vec![vec![1.0, 0.95, 0.1], vec![0.95, 1.0, 0.1], vec![0.1, 0.1, 1.0]],
    }
}

#[test]
fn a_clip_that_looks_like_what_was_just_shown_is_worth_less() {
    let likeness = beaches();
    let best = |lambda| round(&likeness, lambda, &[0, 1, 2], 2).best();
    assert_eq!(best(1.0), [0, 1], "likeness alone");
    assert_eq!(best(0.8), [0, 2]);
    // What the round before has shown counts too.
    let mut second = round(&likeness, 0.8, &[0, 1, 2], 1);
    second.before = vec![1];
    second.segments = vec![1];
    assert_eq!(second.best(), [2]);
}

#[test]
fn a_greedy_choice_is_improved() {
    // Greedy takes clip 0 for the first slot, and the second cannot do without it.
    let likeness = Likeness {
        scores: vec![vec![0.9, 0.8], vec![0.9, 0.1]],
        alike: vec![vec![1.0, 0.3], vec![0.3, 1.0]],
    };
    let round = round(&likeness, 0.9, &[0, 1], 2);
    assert_eq!((round.greedy(), round.best()), (vec![0, 1], vec![1, 0]));
}

#[test]
fn the_last_clip_of_the_round_before_is_not_the_first() {
    let likeness = Likeness { scores: vec![vec![0.9, -0.9]], alike: vec![vec![1.0; 2]; 2] };
    for lambda in [0.0, 0.5, 1.0] {
        let mut next = round(&likeness, lambda, &[0, 1], 1);
        next.before = vec![0];
        assert_eq!(next.best(), [1], "{lambda}");
    }
}

/// The most that any order of any of the clips is worth.
fn most(round: &Round<'_>, picks: &mut Vec<usize>) -> f64 {
    if picks.len() == round.segments.len() {
        return round.worth(picks);
    }
    let mut most = f64::NEG_INFINITY;
    for &clip in round.pool {
        if !picks.contains(&clip) {
            picks.push(clip);
            most = most.max(self::most(round, picks));
            picks.pop();
        }
    }
    most
}

/// Vectors of length 1 in three dimensions.
fn vectors(n: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<Vec<f32>>> {
    let vector = prop::collection::vec(-1.0..1.0f32, 3).prop_filter_map("too short", |vector| {
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        (norm > 0.1).then(|| vector.into_iter().map(|value| value / norm).collect::<Vec<f32>>())
    });
    prop::collection::vec(vector, n)
}

proptest! {
    #[test]
    fn the_whole_is_worth_no_less_than_greedy_and_all_clips_differ(
        (segments, clips) in (vectors(1..=8), vectors(8..=14)),
        lambda in 0.0..=1.0f32,
    ) {
        let likeness = Likeness::of(&segments, &clips);
        let pool: Vec<usize> = (0..clips.len()).collect();
        let round = round(&likeness, lambda, &pool, segments.len());
        let picks = round.best();
        prop_assert!(round.worth(&picks) >= round.worth(&round.greedy()) - 1e-9);
        prop_assert!(round.worth(&picks) >= round.worth(&round.assigned()) - 1e-9);
        let mut distinct = picks.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), segments.len());
        prop_assert_eq!(picks, round.best());
    }

    #[test]
    fn likeness_alone_is_solved_exactly_and_the_rest_nearly(
        (segments, clips) in (vectors(1..=4), vectors(4..=6)),
        lambda in 0.3..1.0f32,
    ) {
        let likeness = Likeness::of(&segments, &clips);
        let pool: Vec<usize> = (0..clips.len()).collect();
        let exact = round(&likeness, 1.0, &pool, segments.len());
        prop_assert!((exact.worth(&exact.best()) - most(&exact, &mut Vec::new())).abs() < 1e-6);
        let diverse = round(&likeness, lambda, &pool, segments.len());
        let (found, most) = (diverse.worth(&diverse.best()), most(&diverse, &mut Vec::new()));
        // Of 1.0 a slot that likeness can bring, local search leaves little.
        prop_assert!(most - found < 0.3 * segments.len() as f64, "{found}, {most}");
    }
}
