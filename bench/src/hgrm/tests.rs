use std::path::PathBuf;

use super::*;

/// What `Fixtures.java` wrote: the values of each histogram, and what the library made of them.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/hgrm")
}

/// A histogram and its scaling: `lowest highest digits scaling`, then a value and its count a line.
fn read(text: &str) -> (Histogram<u64>, f64) {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().expect("a head").split(' ').collect();
    let [low, high, digits, scale] = head[..] else { panic!("{head:?}") };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let digits = digits.parse().expect("digits");
    let mut histogram =
        Histogram::new_with_bounds(number(low), number(high), digits).expect("bounds");
    for line in lines {
        let (value, count) = line.split_once(' ').expect("a value and its count");
        histogram.record_n(number(value), number(count)).expect("within the bounds");
    }
    (histogram, scale.parse().expect("a scaling"))
}

#[test]
fn twenty_histograms_are_the_text_of_java() {
    let mut n = 0;
    let mut paths: Vec<PathBuf> =
        fs_err::read_dir(folder()).expect("fixtures").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "values")) {
        let (histogram, scale) = read(&fs_err::read_to_string(path).expect("values"));
        let expected = fs_err::read_to_string(path.with_extension("hgrm")).expect("text");
        assert_eq!(hgrm(&histogram, scale), expected, "{}", path.display());
        n += 1;
    }
    assert_eq!(n, 20);
}

#[track_caller]
fn check(value: f64, decimals: usize, expected: &str) {
    assert_eq!(fixed(value, decimals), expected);
}

#[test]
fn numbers_are_rounded_as_people_do() {
    check(0.0, 3, "0.000");
    check(1.2345, 3, "1.235");
    check(1.0005, 3, "1.001");
    check(0.99951, 3, "1.000");
    check(9.9995, 3, "10.000");
    check(12.5, 3, "12.500");
    check(12.5, 0, "13");
    check(86_400_000_000.0, 3, "86400000000.000");
    check(1.0 / 3.0, 12, "0.333333333333");
}
