//! What is seen of a change that is there, and in how many pairs.

use super::*;

/// The share of gates with one look at `pairs` pairs that see an effect.
#[track_caller]
fn check_power(table: &mut String, sd: f64, pairs: usize, effect: f64, least: f64) {
    let rule = Rule::fixed(pairs, 0.01);
    let n = if is_long() { 20_000 } else { 1_000 };
    let machine = Machine::Steady(sd);
    let ends = Ends::of(Trial { machine, factor: 1.0 + effect, has_null: false }, &rule, n);
    table.push_str(&format!(
        "| {:.0} % | {pairs} | {:.0} % | {:.2} % | {:.1} % |\n",
        sd * 100.0,
        effect * 100.0,
        ends.failed() * 100.0,
        least * 100.0
    ));
    // Three standard errors for the few of a quick simulation.
    let margin = if is_long() { 0.0 } else { 3.0 * (least * (1.0 - least) / n as f64).sqrt() };
    assert!(ends.failed() >= least - margin, "{table}");
}

#[test]
fn a_fixed_number_of_pairs_sees_what_it_must() {
    let mut table = "| sd | pairs | effect | seen | at least |\n|---|---|---|---|---|\n".to_owned();
    check_power(&mut table, 0.02, 10, 0.05, 0.9);
    check_power(&mut table, 0.02, 10, 0.1, 0.995);
    check_power(&mut table, 0.02, 10, 0.2, 0.995);
    check_power(&mut table, 0.04, 10, 0.1, 0.99);
    check_power(&mut table, 0.08, 10, 0.2, 0.99);
    check_power(&mut table, 0.08, 20, 0.1, 0.9);
    if is_long() {
        println!("{table}");
    }
}

#[test]
fn the_sequential_rule_sees_five_percent_in_thirteen_pairs() {
    let rule = Rule::default();
    let n = if is_long() { 20_000 } else { 500 };
    let mut table =
        "| sd, effect | failed | invalid | passed | pairs |\n|---|---|---|---|---|\n".to_owned();
    let mut of = |sd: f64, effect: f64| {
        let machine = Machine::Steady(sd);
        let ends = Ends::of(Trial { machine, factor: 1.0 + effect, has_null: true }, &rule, n);
        table.push_str(&ends.row(&format!("{:.0} %, {:.0} %", sd * 100.0, effect * 100.0)));
        ends
    };
    let five = of(0.02, 0.05);
    let none = of(0.02, 0.0);
    if is_long() {
        for (sd, effect) in [
            (0.02, 0.1),
            (0.04, 0.0),
            (0.04, 0.05),
            (0.04, 0.1),
            (0.08, 0.0),
            (0.08, 0.1),
            (0.08, 0.2),
        ] {
            of(sd, effect);
        }
        println!("{table}");
    }
    assert!(five.pairs() <= 13.0 && five.failed() >= 0.98, "{table}");
    // Five percent is the tolerance: a pass is one in a hundred at most.
    assert!(five.passed() <= 0.01 + if is_long() { 0.0 } else { 0.013 }, "{table}");
    assert!(none.pairs() <= 9.0 && none.passed() >= 0.99, "{table}");
}

#[test]
fn what_is_said_to_be_visible_is_seen_in_about_nine_of_ten() {
    let n = if is_long() { 20_000 } else { 500 };
    // One look, and the last of the shipped ones alone: of much noise that there is a difference at all is harder.
    let last = Rule::default().last_look().expect("a look");
    let last = Rule { looks: vec![last], ..Rule::default() };
    for (rule, sd) in [
        (Rule::fixed(10, 0.01), 0.02),
        (Rule::fixed(20, 0.01), 0.08),
        (last.clone(), 0.05),
        (last, 0.3),
    ] {
        let pairs = rule.looks[0].pairs;
        let visible = noise::least_visible(&rule, rule.looks[0], sd).expect("it is known");
        let machine = Machine::Steady(sd);
        let trial = Trial { machine, factor: 1.0 + visible, has_null: false };
        let seen = Ends::of(trial, &rule, n).failed();
        assert!((0.83..0.96).contains(&seen), "{pairs} pairs, {visible:.4}: {seen}");
    }
}
