//! The page of a sweep: at which rate a service stops to hold what is promised, and what each probe showed.

use std::collections::BTreeMap;

use super::again;
use crate::page::{Block, Page, Tone};
use crate::picture;
use crate::{Distribution, Estimate, Found, Held, Outcome, Probed, Rate, Run, Slo, Summary, text};

/// Name of the Markdown in the folder of a sweep.
pub const PAGE: &str = "sweep.md";

/// What a sweep asked and found.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What was run, such as `short`.
    pub scenario: String,
    /// What must be kept at a rate, beside jobs not piling up.
    pub slos: Vec<Slo>,
    /// The share of the jobs that may fail.
    pub max_failed: f64,
    /// Every probe, in its order.
    pub probes: Vec<Tried>,
    /// What the search found.
    pub found: Found,
    /// Whether the user ended it.
    pub is_cut_short: bool,
    /// What is known of the machine and the settings.
    pub environment: BTreeMap<String, serde_json::Value>,
    /// What was typed.
    pub command: String,
}

/// A probe, with its times.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What it showed.
    pub probed: Probed,
    /// Jobs that were measured and ended well.
    pub n_ok: u64,
    /// Latency of those.
    pub latency: Distribution,
    /// Where its run is kept, from the folder of the page.
    pub folder: String,
}

impl Tried {
    /// Of the run of a probe.
    pub fn of(probed: Probed, run: &Run, folder: String) -> Self {
        let n_ok = run.measured().filter(|sample| sample.outcome == Outcome::Ok).count();
        Self { probed, n_ok: n_ok as u64, latency: Summary::of(&run.samples).latency, folder }
    }
}

/// Every file of the page: its name, and what stands in it.
pub fn files(sweep: &Sweep) -> Vec<(&'static str, String)> {
    let page = page(sweep);
    let mut files =
        vec![(PAGE, page.markdown()), ("sweep.html", page.html()), ("sweep.json", page.json())];
    files.extend(page.pictures());
    files
}

/// The page.
pub fn page(sweep: &Sweep) -> Page {
    let mut blocks = vec![asked(sweep)];
    blocks.push(Block::heading("Probes"));
    blocks.push(probes(sweep));
    let quantile = quantile(sweep);
    let name = format!("latency {}", named(quantile));
    let alt = format!("{name} by throughput, with the knee");
    blocks.push(Block::figure("knee.svg", &alt, knee(sweep, &name, quantile)));
    blocks.extend(again::known(&sweep.environment, &sweep.command, &[]));
    Page {
        title: format!("Sweep: {}", sweep.scenario),
        verdict: verdict(sweep),
        tone: match (sweep.found.held, is_answered(sweep)) {
            (Some(_), true) => Tone::Good,
            (None, true) => Tone::Bad,
            _ => Tone::Unsure,
        },
        blocks,
    }
}

/// Whether the search came to its end: the bracket is closed, or one of its limits was reached.
pub fn is_answered(sweep: &Sweep) -> bool {
    let Found { held, not_held, is_close } = sweep.found;
    !sweep.is_cut_short && (is_close || held.is_none() || not_held.is_none())
}

/// All of it in one line: `KNEE: 2.45 jobs a second are held (8820 an hour), 2.56 are not (4 % apart); 5 probes`.
pub fn verdict(sweep: &Sweep) -> String {
    let Found { held, not_held, is_close } = sweep.found;
    let n = sweep.probes.len();
    let probes = format!("{n} probe{}", if n == 1 { "" } else { "s" });
    let word = match (sweep.is_cut_short, held, not_held) {
        (true, _, _) => "CUT SHORT",
        (_, None, _) => "NOT HELD",
        (_, _, None) => "HELD TO THE LIMIT",
        _ if is_close => "KNEE",
        _ => "BRACKET",
    };
    let said = match (held, not_held) {
        (Some(held), Some(not_held)) => {
            let apart = (not_held.per_s() / held.per_s() - 1.0) * 100.0;
            let more = if is_close { "" } else { ": more jobs a probe bring them nearer" };
            format!(
                "{} are held, {} are not ({apart:.0} % apart{more})",
                per_s(held),
                number(not_held.per_s())
            )
        }
        (Some(held), None) => format!("{} are held, more were not tried", per_s(held)),
        (None, Some(not_held)) => {
            format!("{} are not held, and no lower rate was shown to be", per_s(not_held))
        }
        (None, None) => "nothing was shown".to_owned(),
    };
    format!("{word}: {said}; {probes}")
}

fn asked(sweep: &Sweep) -> Block {
    let promises: Vec<String> = sweep.slos.iter().map(Slo::promise).collect();
    let promises =
        if promises.is_empty() { "no latency is promised".to_owned() } else { promises.join(", ") };
    Block::text(format!(
        "A rate is held where jobs surely do not pile up, at most {} % of them fail, and what is promised is surely \
         kept: {promises}. Where a probe cannot tell, its rate counts as not held. Jobs come however many are in \
         flight (open loop); a latency begins when its job was due.",
        number(sweep.max_failed * 100.0)
    ))
}

fn probes(sweep: &Sweep) -> Block {
    let header = ["jobs a second", "done a second", "jobs", "p50", "p95", "held", "run"];
    let rows = sweep.probes.iter().map(|tried| {
        let held = match &tried.probed.held {
            Held::Yes => "yes".to_owned(),
            Held::No(reason) => format!("no: {reason}"),
            Held::Unsure(reason) => format!("not shown: {reason}"),
        };
        [
            number(tried.probed.rate.per_s()),
            number(tried.probed.done_per_s),
            tried.n_ok.to_string(),
            text::estimate(&tried.latency, 0.5),
            text::estimate(&tried.latency, 0.95),
            held,
            format!("`{}`", tried.folder),
        ]
    });
    Block::table(header, rows)
}

fn knee(sweep: &Sweep, name: &str, quantile: f64) -> String {
    const HOUR: f64 = 3_600.0;
    let probes = sweep.probes.iter().map(|tried| picture::Probe {
        offered_per_h: tried.probed.rate.per_s() * HOUR,
        achieved_per_h: tried.probed.done_per_s * HOUR,
        latency_us: match tried.latency.quantile(quantile) {
            Estimate::Carried { value, low, high } => [value, low, high].map(|us| Some(us as f64)),
            Estimate::Bounded { .. } => {
                [tried.latency.seen(quantile).map(|us| us as f64), None, None]
            }
        },
        is_stable: tried.probed.keeps_up,
    });
    let bracket = sweep.found.held.zip(sweep.found.not_held);
    let bracket = bracket
        .map(|(held, not_held)| [held.per_s(), held.per_s(), not_held.per_s()].map(|it| it * HOUR));
    picture::knee(name, &probes.collect::<Vec<_>>(), bracket)
}

/// What the picture shows: what was promised first, or the median.
fn quantile(sweep: &Sweep) -> f64 {
    sweep.slos.first().map_or(0.5, |slo| slo.quantile)
}

fn named(quantile: f64) -> String {
    format!("p{}", (quantile * 1e5).round() / 1e3)
}

/// `2.45 jobs a second (8820 an hour)`.
fn per_s(rate: Rate) -> String {
    format!("{} jobs a second ({:.0} an hour)", number(rate.per_s()), rate.per_s() * 3_600.0)
}

/// Three digits.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{poisson, rate, run, serve};
    use crate::{Knee, Probe};
    use std::num::NonZeroU64;

    /// Four servers of a second each: they hold four jobs a second at most.
    fn swept(slos: Vec<Slo>, most: f64) -> Sweep {
        let mut knee = Knee::new(rate(1.0), rate(most));
        let mut probes = Vec::new();
        let mut environment = BTreeMap::new();
        while let Some(per_s) = knee.next() {
            let plan = poisson(per_s.per_s(), 2_000, probes.len() as u64);
            let run = run(plan.clone(), serve(&plan.schedule(), 4, |_| 1_000_000));
            let probed = Probe { rate: per_s, slos: &slos, max_failed: 0.0 }.judge(&run);
            knee.add(probed.clone());
            probes.push(Tried::of(probed, &run, format!("probes/{}", probes.len() + 1)));
            environment.insert("cpu".to_owned(), "simulated".into());
        }
        Sweep {
            scenario: "simulated".to_owned(),
            slos,
            max_failed: 0.0,
            probes,
            found: knee.found(),
            is_cut_short: false,
            environment,
            command: "cargo xtask load-test --sweep 1..100".to_owned(),
        }
    }

    #[track_caller]
    fn check(sweep: &Sweep, expected: &str, tone: Tone) {
        let page = page(sweep);
        assert!(page.verdict.starts_with(expected), "{}", page.verdict);
        assert_eq!(page.tone, tone);
    }

    #[test]
    fn a_sweep_says_which_rate_is_held() {
        let sweep = swept(Vec::new(), 100.0);
        insta::assert_snapshot!(page(&sweep).markdown());
        let names: Vec<&str> = files(&sweep).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [PAGE, "sweep.html", "sweep.json", "knee.svg"]);
        check(&sweep, "KNEE: 3.", Tone::Good);
        check(&Sweep { is_cut_short: true, ..sweep }, "CUT SHORT: 3.", Tone::Unsure);
        check(&swept(Vec::new(), 2.0), "HELD TO THE LIMIT: 2 jobs a second (7200", Tone::Good);
        let at_most_us = NonZeroU64::new(900_000).expect("us");
        let broken = swept(vec![Slo { quantile: 0.5, at_most_us }], 2.0);
        check(&broken, "NOT HELD: ", Tone::Bad);
    }

    #[test]
    fn rates_have_three_digits() {
        for (value, expected) in
            [(0.0, "0"), (0.012_34, "0.0123"), (2.0, "2"), (2.456, "2.46"), (1234.5, "1234")]
        {
            assert_eq!(number(value), expected);
        }
    }
}
