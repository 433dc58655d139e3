//! The page of several ways of doing one thing, measured in turn.

use std::collections::BTreeMap;

use super::again;
use crate::page::{Block, Page, Tone};
use crate::ways::{Outcome, Ways, enough_rounds};

/// Name of the Markdown in the folder of a bench.
pub const PAGE: &str = "bench.md";

/// What a page says beside what was measured.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What was measured, such as `Bench: render`.
    pub title: String,
    /// What the ways have in common, and what differs: a paragraph.
    pub about: String,
    /// The value that the first line is about, such as `cpu_us`.
    pub headline: String,
    /// What is known of the machine.
    pub environment: BTreeMap<String, serde_json::Value>,
    /// What was typed.
    pub command: String,
}

/// Every file of the page: its name, and what stands in it.
pub fn files(page: &Page) -> [(&'static str, String); 3] {
    [(PAGE, page.markdown()), ("bench.html", page.html()), ("bench.json", page.json())]
}

/// The page.
pub fn page(ways: &Ways, told: Told) -> Page {
    let mut blocks = vec![Block::text(format!(
        "{} {} rounds, each through all ways, forwards and backwards in turn.",
        told.about, ways.n_rounds
    ))];
    blocks.push(Block::table(["what", "way", "median", "by the first way"], rows(ways)));
    if ways.n_rounds < enough_rounds() {
        let few = format!(
            "{} rounds have no interval: a ratio may be chance. Hint: --rounds {}.",
            ways.n_rounds,
            enough_rounds()
        );
        blocks.insert(0, Block::Warnings { texts: vec![few] });
    }
    blocks.extend(again::known(&told.environment, &told.command, &[]));
    Page { verdict: verdict(ways, &told.headline), title: told.title, tone: Tone::Good, blocks }
}

/// The headline of each way in one line: `eight streams: wall time 0.14 of one stream (0.13 to 0.15), 8 rounds`.
pub fn verdict(ways: &Ways, headline: &str) -> String {
    let first = ways.names.first().map_or("", String::as_str);
    let told = ways.results.iter().filter(|result| result.name == headline);
    let told = told.filter_map(|result| {
        Some(format!("{}: {} {} of {first}", result.way, result.title(), ratio(result)?))
    });
    format!("{}, {} rounds", told.collect::<Vec<_>>().join("; "), ways.n_rounds)
}

/// Value after value, in each the ways in their order.
fn rows(ways: &Ways) -> Vec<[String; 4]> {
    let mut names: Vec<&str> = ways.results.iter().map(|result| result.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let row = |result: &Outcome| {
        [
            result.title(),
            result.way.clone(),
            result.unit().shown(result.median),
            ratio(result).unwrap_or_default(),
        ]
    };
    let of = |name| ways.results.iter().filter(move |result| result.name == name);
    names.into_iter().flat_map(of).map(row).collect()
}

/// `0.14 (0.13 to 0.15)`.
fn ratio(result: &Outcome) -> Option<String> {
    let ratio = result.ratio?;
    Some(match ratio.ends {
        Some([low, high]) => format!("{:.3} ({low:.3} to {high:.3})", ratio.value),
        None => format!("{:.3}", ratio.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ways::tests::lines;

    #[test]
    fn a_bench_says_what_each_way_takes_of_the_first_one() {
        let told = Told {
            title: "Bench: fetch".to_owned(),
            about: "Eight files.".to_owned(),
            headline: "wall_us".to_owned(),
            environment: [("cpu".to_owned(), "simulated".into())].into(),
            command: "cargo xtask bench fetch".to_owned(),
        };
        let of = |rounds| page(&Ways::from_lines(&lines(rounds)).expect("two ways"), told.clone());
        insta::assert_snapshot!(of(8).markdown());
        let few = of(3).markdown();
        assert!(few.contains("3 rounds have no interval") && few.contains("0.500"), "{few}");
        assert_eq!(files(&of(8)).map(|(name, _)| name), [PAGE, "bench.html", "bench.json"]);
    }
}
