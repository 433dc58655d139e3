//! Every statistic against scipy's answer: `bench/tests/scipy/cases.py` wrote `cases.json`.

use serde::Deserialize;

use super::bootstrap::tests::ratio_of_draws;
use super::*;

const NEAR: f64 = 1e-9;

#[derive(Deserialize)]
struct Cases {
    signed_rank: Vec<SignedRankCase>,
    signed_rank_null: Vec<NullCase>,
    rank_sum: Vec<RankSumCase>,
    student: Vec<StudentCase>,
    normal: Vec<NormalCase>,
    holm: Vec<HolmCase>,
    series: Vec<SeriesCase>,
    bootstrap: Vec<BootstrapCase>,
}

#[derive(Deserialize)]
struct SignedRankCase {
    values: Vec<f64>,
    level: f64,
    low: Option<f64>,
    high: Option<f64>,
    walsh: Vec<f64>,
    estimate: f64,
    greater: f64,
    less: f64,
    two_sided: f64,
}

#[derive(Deserialize)]
struct NullCase {
    n: usize,
    cdf: Vec<f64>,
}

#[derive(Deserialize)]
struct RankSumCase {
    one: Vec<f64>,
    other: Vec<f64>,
    two_sided: f64,
}

#[derive(Deserialize)]
struct StudentCase {
    freedom: usize,
    p: f64,
    t: f64,
    cdf: f64,
}

#[derive(Deserialize)]
struct NormalCase {
    x: f64,
    cdf: f64,
}

#[derive(Deserialize)]
struct HolmCase {
    p: Vec<f64>,
    raised: Vec<f64>,
}

#[derive(Deserialize)]
struct SeriesCase {
    values: Vec<f64>,
    sd: f64,
    median: f64,
    lag_1: f64,
}

#[derive(Deserialize)]
struct BootstrapCase {
    runs: Vec<[Vec<f64>; 2]>,
    q: f64,
    confidence: f64,
    draws: Vec<Vec<usize>>,
    value: f64,
    low: f64,
    high: f64,
}

/// The part `T` of the cases.
pub(crate) fn cases<T: serde::de::DeserializeOwned>() -> T {
    let text = include_str!("../../tests/scipy/cases.json");
    serde_json::from_str(text).expect("cases.py wrote it")
}

#[track_caller]
pub(crate) fn assert_near(found: f64, expected: f64) {
    // Relative to what is larger than 1.
    let apart = (found - expected).abs() / expected.abs().max(1.0);
    assert!(apart <= NEAR, "found {found}, scipy {expected}");
}

#[track_caller]
fn assert_all_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(found, expected)| assert_near(*found, *expected));
}

#[test]
fn signed_rank_agrees_with_scipy() {
    let Cases { signed_rank, signed_rank_null, .. } = cases();
    assert!(signed_rank.len() >= 12 && signed_rank_null.len() >= 6);
    for case in signed_rank {
        let test = SignedRank::of(case.values.len());
        let walsh = walsh_averages(&case.values);
        assert_all_near(&walsh, &case.walsh);
        assert_near(median(&walsh).expect("some"), case.estimate);
        assert_near(test.p_greater(&walsh, 0.0), case.greater);
        assert_near(test.p_less(&walsh, 0.0), case.less);
        assert_near(test.p_two_sided(&walsh, 0.0), case.two_sided);
        let limits = [test.lower(&walsh, case.level), test.upper(&walsh, case.level)];
        for (found, expected) in limits.into_iter().zip([case.low, case.high]) {
            match (found, expected) {
                (Some(found), Some(expected)) => assert_near(found, expected),
                (found, expected) => assert_eq!(found, expected),
            }
        }
    }
    for case in signed_rank_null {
        let test = SignedRank::of(case.n);
        let found: Vec<f64> = (0..case.cdf.len()).map(|sum| test.cdf(sum)).collect();
        assert_all_near(&found, &case.cdf);
    }
}

#[test]
fn rank_sum_agrees_with_scipy() {
    for case in cases::<Cases>().rank_sum {
        let test = RankSum::of(case.one.len(), case.other.len());
        assert_near(test.p_two_sided(&case.one, &case.other), case.two_sided);
    }
}

#[test]
fn distributions_agree_with_scipy() {
    let Cases { student, normal, .. } = cases();
    assert!(student.len() >= 80 && normal.len() >= 33);
    for case in student {
        assert_near(student_quantile(case.p, case.freedom), case.t);
        assert_near(student_cdf(case.t / 3.0 - 1.0, case.freedom), case.cdf);
    }
    for case in normal {
        assert_near(normal_cdf(case.x), case.cdf);
    }
}

#[test]
fn holm_and_series_agree_with_scipy() {
    let Cases { holm: raised, series, .. } = cases();
    for case in raised {
        assert_all_near(&holm(&case.p), &case.raised);
    }
    for case in series {
        assert_near(sd(&case.values).expect("some"), case.sd);
        assert_near(median(&case.values).expect("some"), case.median);
        assert_near(lag_1(&case.values).expect("some"), case.lag_1);
    }
}

#[test]
fn bootstrap_intervals_of_given_draws_agree_with_scipy() {
    for case in cases::<Cases>().bootstrap {
        let pairs: Vec<[&[f64]; 2]> = case.runs.iter().map(|[a, b]| [a.as_slice(), b]).collect();
        let found = ratio_of_draws(&pairs, case.q, case.confidence, &case.draws).expect("a ratio");
        assert_near(found.value, case.value);
        assert_near(found.low, case.low);
        assert_near(found.high, case.high);
    }
}
