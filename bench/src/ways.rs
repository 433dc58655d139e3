//! Several ways of doing one thing, measured in turn: what a program that compares them tells of each.
//!
//! The first way is what the others are compared with. Rounds go through the ways forwards and backwards in turn, so
//! that a machine that gets slower favours none; the ratio of a way to the first one is taken within each round.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::comparison::Unit;
use crate::statistics::{SignedRank, least_n, median, walsh_averages};

/// In this share of cases an interval lies beside the true ratio, on each side.
const TAIL: f64 = 0.025;

/// One way, once: a line of what a bench program writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Which way.
    pub way: String,
    /// In which round, from 0.
    pub round: usize,
    /// What was measured. The end of a name is its unit: `wall_us` and `cpu_us` are microseconds, `peak_bytes` bytes,
    /// anything else a number. Of all of them less is better.
    pub values: BTreeMap<String, f64>,
}

/// Why lines are no measurement.
#[derive(Debug, thiserror::Error)]
pub enum WaysError {
    /// A line is no document.
    #[error("line {line}: {error}")]
    Document {
        /// From 1.
        line: usize,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// A value is no number above 0, so there is no ratio.
    #[error("{way}, round {round}: {name} is {value}, expected more than 0")]
    Value {
        /// Which way.
        way: String,
        /// Which round.
        round: usize,
        /// Of what.
        name: String,
        /// What it is.
        value: f64,
    },
    /// A way lacks a round that another one has.
    #[error("{way} has no round {round}")]
    Missing {
        /// Which way.
        way: String,
        /// Which round.
        round: usize,
    },
    /// There is nothing to compare.
    #[error("expected two ways at least, found {0}")]
    Ways(usize),
}

/// What was measured of several ways.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ways {
    /// The ways, in the order in which they came.
    pub names: Vec<String>,
    /// Rounds that each of them has.
    pub n_rounds: usize,
    /// Each value of each way, those of the first way first.
    pub results: Vec<Outcome>,
}

/// A value of a way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Which way.
    pub way: String,
    /// What, such as `cpu_us`.
    pub name: String,
    /// The median of the rounds.
    pub median: f64,
    /// This way by the first one. None: it is the first one, or that does not have the value.
    pub ratio: Option<RatioToFirst>,
}

/// A way by the first one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RatioToFirst {
    /// The Hodges-Lehmann estimate of the rounds.
    pub value: f64,
    /// The ends of its 95 % interval (exact signed-rank). None: so few rounds have none.
    pub ends: Option<[f64; 2]>,
}

impl Ways {
    /// Reads what a program wrote, a document a line.
    ///
    /// # Errors
    ///
    /// [`WaysError`].
    pub fn from_lines(text: &str) -> Result<Self, WaysError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let measured = lines.map(|(index, line)| {
            serde_json::from_str(line)
                .map_err(|error| WaysError::Document { line: index + 1, error })
        });
        Self::of(&measured.collect::<Result<Vec<Measured>, _>>()?)
    }

    /// What `measured` says.
    ///
    /// # Errors
    ///
    /// [`WaysError`], but for documents.
    pub fn of(measured: &[Measured]) -> Result<Self, WaysError> {
        let mut names: Vec<String> = Vec::new();
        for one in measured {
            if !names.contains(&one.way) {
                names.push(one.way.clone());
            }
            let wrong = one.values.iter().find(|(_, value)| !(**value > 0.0 && value.is_finite()));
            if let Some((name, &value)) = wrong {
                let (way, round, name) = (one.way.clone(), one.round, name.clone());
                return Err(WaysError::Value { way, round, name, value });
            }
        }
        if names.len() < 2 {
            return Err(WaysError::Ways(names.len()));
        }
        let n_rounds = measured.iter().map(|one| one.round + 1).max().unwrap_or(0);
        let mut by_way = Vec::new();
        for way in &names {
            let round = |round| measured.iter().find(|one| one.way == *way && one.round == round);
            let rounds = (0..n_rounds).map(|number| {
                round(number)
                    .map(|one| &one.values)
                    .ok_or_else(|| WaysError::Missing { way: way.clone(), round: number })
            });
            by_way.push(rounds.collect::<Result<Vec<_>, _>>()?);
        }
        let results = names.iter().enumerate().flat_map(|(index, way)| {
            let first = (index > 0).then_some(by_way[0].as_slice());
            outcomes(way, &by_way[index], first)
        });
        Ok(Self { results: results.collect(), names, n_rounds })
    }
}

impl Outcome {
    /// What it counts.
    pub fn unit(&self) -> Unit {
        match self.name.rsplit('_').next() {
            Some("us") => Unit::Time,
            Some("bytes") => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    /// Its name as people read it: `CPU time`.
    pub fn title(&self) -> String {
        match self.name.as_str() {
            "wall_us" => "wall time".to_owned(),
            "cpu_us" => "CPU time".to_owned(),
            name => {
                let name = name.strip_suffix("_us").or(name.strip_suffix("_bytes")).unwrap_or(name);
                name.replace('_', " ")
            }
        }
    }
}

/// Rounds that an interval takes.
pub fn enough_rounds() -> usize {
    least_n(TAIL)
}

type Values = BTreeMap<String, f64>;

fn outcomes(way: &str, rounds: &[&Values], first: Option<&[&Values]>) -> Vec<Outcome> {
    let of = |rounds: &[&Values], name: &str| -> Option<Vec<f64>> {
        rounds.iter().map(|values| values.get(name).copied()).collect()
    };
    let names = rounds.first().map(|values| values.keys()).into_iter().flatten();
    let outcome = |name: &String| {
        let values = of(rounds, name)?;
        let base = first.and_then(|first| of(first, name));
        Some(Outcome {
            way: way.to_owned(),
            name: name.clone(),
            median: median(&values)?,
            ratio: base.and_then(|base| ratio(&base, &values)),
        })
    };
    names.filter_map(outcome).collect()
}

fn ratio(base: &[f64], values: &[f64]) -> Option<RatioToFirst> {
    let logarithms: Vec<f64> = values.iter().zip(base).map(|(it, base)| (it / base).ln()).collect();
    let walsh = walsh_averages(&logarithms);
    let rank = SignedRank::of(logarithms.len());
    let ends = rank.lower(&walsh, TAIL).zip(rank.upper(&walsh, TAIL));
    Some(RatioToFirst {
        value: median(&walsh)?.exp(),
        ends: ends.map(|(low, high)| [low.exp(), high.exp()]),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `n` rounds of two ways, the second of which takes half of the time.
    pub(crate) fn lines(n: usize) -> String {
        let line = |round: usize, way: &str, wall_us: f64| {
            let noise = 1.0 + (round * 5 % 7) as f64 / 100.0;
            let values = [("wall_us".to_owned(), wall_us * noise), ("peak_bytes".to_owned(), 1e6)];
            let measured = Measured { way: way.to_owned(), round, values: values.into() };
            serde_json::to_string(&measured).expect("a line") + "\n"
        };
        let rounds =
            (0..n).map(|round| line(round, "one stream", 2e6) + &line(round, "eight", 1e6));
        rounds.collect()
    }

    #[test]
    fn each_way_is_compared_with_the_first_one() {
        let ways = Ways::from_lines(&lines(8)).expect("two ways");
        assert_eq!(
            (ways.names.as_slice(), ways.n_rounds),
            (&["one stream".to_owned(), "eight".to_owned()][..], 8)
        );
        let [.., wall] = ways.results.as_slice() else { panic!("no results") };
        assert_eq!(
            (wall.way.as_str(), wall.title().as_str(), wall.unit()),
            ("eight", "wall time", Unit::Time)
        );
        let ratio = wall.ratio.expect("a ratio");
        let [low, high] = ratio.ends.expect("eight rounds have an interval");
        assert!(
            low <= ratio.value && ratio.value <= high && (ratio.value - 0.5).abs() < 1e-9,
            "{ratio:?}"
        );
        assert!(
            ways.results.iter().filter(|it| it.way == "one stream").all(|it| it.ratio.is_none())
        );
    }

    #[test]
    fn few_rounds_have_a_ratio_and_no_interval() {
        let ways = Ways::from_lines(&lines(enough_rounds() - 1)).expect("two ways");
        let ratio = ways.results.last().and_then(|it| it.ratio).expect("a ratio");
        assert_eq!((ratio.ends, enough_rounds()), (None, 6));
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = Ways::from_lines(text).expect_err("refused").to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn what_is_no_measurement_is_named() {
        let line = |way: &str, round: usize, us: f64| {
            format!("{{\"way\":\"{way}\",\"round\":{round},\"values\":{{\"wall_us\":{us}}}}}\n")
        };
        check("{}", "line 1: missing field `way`");
        check(&line("a", 0, 1.0), "expected two ways at least, found 1");
        check(
            &(line("a", 0, 1.0) + &line("b", 0, 0.0)),
            "b, round 0: wall_us is 0, expected more than 0",
        );
        check(&(line("a", 0, 1.0) + &line("b", 1, 1.0)), "a has no round 1");
    }
}
