//! What there was, against itself.

use super::*;

#[test]
fn a_base_that_differs_from_itself_is_seen_at_the_first_look_of_the_shipped_rule() {
    let mut eight = pairs(8, 1.0, 0.01);
    for pair in &mut eight {
        pair.null = Some(one(PRIMARY, 13.0));
    }
    let verdict = judged(&primary(Better::Lower), &eight, &Rule::default()).verdict;
    assert_eq!(verdict.as_str(), "invalid", "{verdict:?}");
    // Less than the least effect is no reason, however surely it is there.
    for pair in &mut eight {
        pair.null = Some(one(PRIMARY, 10.1));
    }
    let verdict = judged(&primary(Better::Lower), &eight, &Rule::default()).verdict;
    assert_eq!(verdict.as_str(), "pass", "{verdict:?}");
}

#[test]
fn a_base_that_differs_from_itself_makes_the_run_invalid() {
    let null = |ratio: f64, candidate: f64| -> Vec<Pair> {
        let mut pairs = pairs(10, candidate, 0.01);
        for pair in &mut pairs {
            pair.null = Some(one(PRIMARY, 10.0 * ratio));
        }
        pairs
    };
    let metrics = primary(Better::Lower);
    check(&metrics, &null(1.0, 1.0), "pass");
    check(&metrics, &null(1.0, 1.2), "regression");
    for ratio in [1.1, 1.0 / 1.1] {
        let invalid = check(&metrics, &null(ratio, 1.2), "invalid");
        let [Reason::NullDiffers { ratio: found, .. }] = invalid.verdict.reasons() else {
            panic!("{invalid:?}")
        };
        assert!((found - ratio).abs() < 1e-12, "{found}");
        assert!(invalid.null.is_some_and(|null| (null.ratio - ratio).abs() < 1e-12));
    }
}
