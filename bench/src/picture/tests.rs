//! All pictures over all kinds of runs.

use proptest::collection::vec;
use proptest::prelude::*;
use roxmltree::Document;

use super::sample_runs::{self, Shape};
use crate::sample::tests::{sample, span};
use crate::{Ending, GpuUsage, Outcome, Run, Sample, Summary, Usage};

type Draw = fn(&Run) -> String;

const ALL: [(&str, Draw); 4] =
    [("percentiles", percentiles), ("shares", shares), ("stages", stages), ("timeline", timeline)];

/// Pictures as a report draws them.
fn percentiles(run: &Run) -> String {
    super::percentiles(run, &Summary::of(&run.samples))
}

fn shares(run: &Run) -> String {
    super::shares(run, &Summary::of(&run.samples))
}

fn stages(run: &Run) -> String {
    super::stages(run, &Summary::of(&run.samples))
}

fn timeline(run: &Run) -> String {
    super::timeline(run, &Summary::of(&run.samples))
}

fn comparison(before: &Run, after: &Run) -> String {
    let summaries = [before, after].map(|run| Summary::of(&run.samples));
    super::comparison((before, &summaries[0]), (after, &summaries[1]))
}

/// Every word of a picture, in order.
pub(super) fn words(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.filter_map(|node| Some(node.text()?.to_owned())).collect()
}

/// A picture that every reader takes: XML, of its size, nothing from outside, all numbers finite, and
/// nothing far outside of its paper.
pub(super) fn check_sound(svg: &str) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    let root = document.root_element();
    assert_eq!((root.attribute("width"), root.attribute("role")), (Some("960"), Some("img")));
    let named = |name: &str| {
        root.children().any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)))
    };
    assert!(named("title") && named("desc"));
    let height: f64 =
        root.attribute("height").and_then(|text| text.parse().ok()).expect("a height");
    assert!((60.0..4000.0).contains(&height), "{height}");
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let shapes = [
            "svg", "title", "desc", "style", "rect", "line", "polyline", "polygon", "circle",
            "text",
        ];
        assert!(shapes.contains(&node.tag_name().name()), "{node:?}");
        for attribute in node.attributes().filter(|attribute| attribute.name() != "font-family") {
            check_attribute(attribute.name(), attribute.value(), height);
        }
    }
}

#[track_caller]
fn check_attribute(name: &str, value: &str, height: f64) {
    let limit = match name {
        "x" | "x1" | "x2" | "cx" => 960.0,
        "y" | "y1" | "y2" | "cy" => height,
        "width" | "height" | "r" | "stroke-width" | "font-size" => 960.0_f64.max(height),
        "points" => {
            let numbers = value.split([',', ' ']).filter(|text| !text.is_empty());
            numbers.for_each(|number| check_attribute("r", number.trim_start_matches('-'), height));
            return;
        }
        _ => return,
    };
    let number: f64 = value.parse().unwrap_or_else(|_| panic!("{name}={value:?}"));
    assert!((-20.0..=limit * 2.0 + 20.0).contains(&number), "{name}={value:?}");
}

#[test]
fn a_small_run_looks_like_this() {
    let mut run =
        sample_runs::run(Shape { workers: 2, jobs: 8, at_once: 1, fails: 5, ..Shape::default() });
    run.usage.retain(|usage| usage.at_us % 5_000_000 == 0);
    for (name, draw) in ALL {
        insta::assert_snapshot!(name, draw(&run));
    }
}

#[test]
fn a_picture_without_anything_to_show_says_so() {
    let mut run = sample_runs::run(Shape { jobs: 3, fails: 1, ..Shape::default() });
    let has = |draw: Draw, run: &Run, part: &str| {
        words(&draw(run)).iter().any(|text| text.contains(part))
    };
    for draw in [percentiles, shares, stages] {
        assert!(has(draw, &run, "No job ended well"));
        let mut died = sample_runs::run(Shape::default());
        died.ending = Ending::TargetDied(String::new());
        assert!(has(draw, &died, "are the lucky ones"));
    }
    run.usage.clear();
    run.samples.clear();
    run.ending = Ending::TargetDied("killed by signal 9".to_owned());
    for (name, draw) in ALL {
        let words = words(&draw(&run));
        assert!(
            words.contains(&"The target died: killed by signal 9".to_owned()),
            "{name}: {words:?}"
        );
        assert!(words.last().is_some_and(|text| text.starts_with("No job ended")), "{words:?}");
    }
}

#[test]
fn what_the_sample_does_not_carry_is_named_as_such() {
    let has = |run: &Run, text: &str| words(&percentiles(run)).iter().any(|word| word == text);
    let run = sample_runs::run(Shape::default());
    let not_carried =
        |run: &Run| words(&percentiles(run)).iter().any(|w| w.contains("not carried by"));
    assert!(not_carried(&run) && has(&run, "service time, from started (n = 80)"));
    let long = Shape { jobs: 4000, workers: 1, at_once: 1, ..Shape::default() };
    let run = sample_runs::run(long);
    assert!(!words(&percentiles(&run)).iter().any(|word| word.contains("carried by")));
    assert!(has(&run, "latency, from planned (n = 4000)"));
    assert!(
        !words(&percentiles(&run)).iter().any(|word| word.contains("service")),
        "no job waited"
    );
}

#[test]
fn the_values_are_those_of_the_summary() {
    let run = sample_runs::run(Shape::default());
    let summary = Summary::of(&run.samples);
    let value = |times: &crate::Distribution, q: f64| match times.quantile(q) {
        crate::Estimate::Carried { value, .. } => crate::text::duration(value),
        // Jobs wait for one another: they are worth less than 80.
        crate::Estimate::Bounded { low, .. } => {
            format!("> {}", crate::text::duration(low.expect("a lower bound")))
        }
    };
    for q in [0.5, 0.95, 0.99] {
        let expected = value(&summary.latency, q);
        assert!(words(&percentiles(&run)).contains(&expected), "{expected}");
    }
    let render = summary.stages.iter().find(|stage| stage.name == "render").expect("it ran");
    let words = words(&stages(&run));
    let row = words.iter().position(|word| word == "render").expect("its row");
    let p50 = value(&render.duration, 0.5);
    assert!(words[row..row + 5].contains(&p50), "{p50}: {:?}", &words[row..row + 5]);
}

#[test]
fn a_failed_job_is_told_by_shape_and_by_word() {
    let lines = |svg: &str| {
        let document = Document::parse(svg).expect("XML");
        document.descendants().filter(|node| node.has_tag_name("polyline")).count()
    };
    let quiet = Shape { workers: 2, jobs: 6, at_once: 2, slow: 8.0, ..Shape::default() };
    let mut run = sample_runs::run(quiet);
    run.usage.clear();
    let all_well = timeline(&run);
    run.samples[3].outcome = Outcome::Failed("no_voice".to_owned());
    let one_failed = timeline(&run);
    // The hatch, four strokes of the cross; the same in the legend.
    assert_eq!(lines(&one_failed) - lines(&all_well), 10);
    for word in ["failed", "no_voice"] {
        assert!(words(&one_failed).iter().any(|text| text == word), "{word}");
        assert!(!words(&all_well).iter().any(|text| text == word), "{word}");
    }
}

#[test]
fn two_runs_are_two_curves() {
    let before = sample_runs::run(Shape::default());
    let after = sample_runs::run(Shape { jobs: 20, slow: 0.6, ..Shape::default() });
    let picture = comparison(&before, &after);
    check_sound(&picture);
    let words = words(&picture);
    for text in
        ["before (n = 80, worth 27)", "after (n = 20, worth 6)", "not carried by n = 80, worth 27"]
    {
        assert!(words.iter().any(|word| word == text), "no {text:?} in {words:?}");
    }
    let mut died = after.clone();
    died.ending = Ending::TargetDied("killed".to_owned());
    let picture = comparison(&before, &died);
    assert!(picture.contains("after: The target died: killed") && picture.contains("lucky ones"));
}

#[test]
fn large_runs_stay_small_documents() {
    let usual = Shape { n_cards: 1, ..Shape::default() };
    for shape in [
        usual,
        Shape { fails: 1, ..usual },
        Shape { workers: 24, jobs: 150, ..usual },
        Shape { workers: 64, jobs: 1000, at_once: 12, fails: 7, n_cards: 8, ..usual },
        Shape { workers: 10, jobs: 5000, ..usual },
    ] {
        let run = sample_runs::run(shape);
        for (name, draw) in ALL {
            let picture = draw(&run);
            assert!(picture.len() < 200_000, "{name} of {shape:?}: {} bytes", picture.len());
            check_sound(&picture);
        }
    }
}

fn any_name() -> impl Strategy<Value = String> {
    let hostile =
        "a<b>&amp;\"'\u{0}\u{1b}\u{FFFF}\u{202E}]]> –\n日本語 – a name that is far too long";
    let names = ["script", "render", "", "<script>alert(1)</script>", hostile].map(str::to_owned);
    prop_oneof![proptest::sample::select(names.to_vec()), ".{0,12}"]
}

prop_compose! {
    pub(crate) fn any_sample()(
        mut instants in vec(prop_oneof![0_u64..100_000_000, any::<u64>()], 5),
        known in any::<[bool; 2]>(),
        stages in vec((any_name(), any::<u64>(), any::<u64>()), 0..6),
        outcome in prop_oneof![
            Just(Outcome::Ok), Just(Outcome::Cancelled), any_name().prop_map(Outcome::Failed),
        ],
        is_sane in any::<bool>(),
    ) -> Sample {
        instants.sort_unstable();
        let (began, ended) = (instants[3], instants[4]);
        let within = |at: u64| if is_sane { began + at % (ended - began).max(1) } else { at };
        let stages = stages.iter().map(|(name, a, b)| {
            let (a, b) = (within(*a), within(*b));
            span(name, a.min(b), a.max(b))
        });
        Sample {
            sent_us: instants[1],
            accepted_us: known[0].then_some(instants[2]),
            started_us: known[1].then_some(began),
            stages: stages.collect(),
            outcome,
            ..sample(instants[0], ended)
        }
    }
}

prop_compose! {
    fn any_usage()(
        at_us in any::<u64>(),
        cpu_cores in any::<f64>(),
        memory_bytes in any::<u64>(),
        busy in vec(any::<f64>(), 0..6),
    ) -> Usage {
        let card = |busy: &f64| GpuUsage { busy: *busy, memory_bytes, power_w: Some(*busy), ..GpuUsage::default() };
        Usage { at_us, cpu_cores, memory_bytes, n_processes: 1, gpus: busy.iter().map(card).collect(), ..Usage::default() }
    }
}

pub(crate) fn any_run() -> impl Strategy<Value = Run> {
    let ending = prop_oneof![
        Just(Ending::Complete),
        Just(Ending::Unfinished),
        Just(Ending::CutShort),
        any_name().prop_map(Ending::TargetDied),
    ];
    (vec(any_sample(), 0..10), vec(any_usage(), 0..10), ending, any_name()).prop_map(
        |(samples, usage, ending, target)| {
            let mut run = sample_runs::run(Shape { jobs: 1, ..Shape::default() });
            (run.samples, run.usage, run.ending, run.target) = (samples, usage, ending, target);
            run
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_run_has_sound_pictures_and_always_the_same(run in any_run()) {
        let summary = Summary::of(&run.samples);
        let all: [fn(&Run, &Summary) -> String; 4] =
            [super::percentiles, super::shares, super::stages, super::timeline];
        for draw in all {
            let picture = draw(&run, &summary);
            check_sound(&picture);
            prop_assert_eq!(draw(&run, &summary), picture);
        }
    }

    #[test]
    fn any_two_runs_have_a_sound_picture(before in any_run(), after in any_run()) {
        check_sound(&comparison(&before, &after));
    }
}
