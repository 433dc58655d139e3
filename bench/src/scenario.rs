use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::Phase;
use crate::plan::{MIX, Random};

/// What is asked for. Only the target understands the payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// A stable word, such as `vietnamese`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The job, in the target's own terms.
    pub payload: serde_json::Value,
}

/// A part of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// What is asked for.
    pub scenario: Scenario,
    /// With which priority, in the target's own terms. None: the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// How often, by the weights of all shares together.
    pub weight: NonZeroU32,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.weight, self.scenario.name)?;
        self.priority.as_ref().map_or(Ok(()), |priority| write!(f, " ({priority})"))
    }
}

/// What the jobs of a run ask for: one scenario, or several by weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    first: Share,
    more: Vec<Share>,
}

impl From<Scenario> for Mix {
    fn from(scenario: Scenario) -> Self {
        Self {
            first: Share { scenario, priority: None, weight: NonZeroU32::MIN },
            more: Vec::new(),
        }
    }
}

impl Mix {
    /// The mix of `shares`. None: there is no share.
    pub fn new(shares: Vec<Share>) -> Option<Self> {
        let mut shares = shares.into_iter();
        Some(Self { first: shares.next()?, more: shares.collect() })
    }

    /// All shares, in their order.
    pub fn shares(&self) -> impl Iterator<Item = &Share> + Clone {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// How many shares there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(&self) -> usize {
        1 + self.more.len()
    }

    /// Which share job `number` of a run with `seed` is of, from 0: settled by both alone, so two runs of the same
    /// plan ask for the same jobs in the same order.
    ///
    /// A warm-up goes through the shares in turn: by chance it might leave one cold.
    pub fn of_job(&self, seed: u64, number: u64, phase: Phase) -> usize {
        if phase == Phase::WarmUp {
            return (number % self.len() as u64) as usize;
        }
        let weights = self.shares().map(|share| u64::from(share.weight.get()));
        let drawn = Random::new(seed, MIX).stream(number).below(weights.clone().sum());
        let mut below = 0;
        let index = weights.into_iter().position(|weight| {
            below += weight;
            drawn < below
        });
        index.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(name: &str, priority: Option<&str>, weight: u32) -> Share {
        let scenario = Scenario {
            name: name.to_owned(),
            title: String::new(),
            payload: serde_json::Value::Null,
        };
        Share {
            scenario,
            priority: priority.map(str::to_owned),
            weight: NonZeroU32::new(weight).expect("not zero"),
        }
    }

    fn mix() -> Mix {
        let shares = vec![share("a", None, 7), share("b", Some("high"), 2), share("b", None, 1)];
        Mix::new(shares).expect("three shares")
    }

    #[test]
    fn jobs_are_shared_out_by_weight_and_by_the_seed_alone() {
        let drawn = |seed| -> Vec<usize> {
            let mix = mix();
            (0..10_000).map(|number| mix.of_job(seed, number, Phase::Measured)).collect()
        };
        let first = drawn(1);
        for (share, expected) in [(0, 7_000), (1, 2_000), (2, 1_000)] {
            let n = first.iter().filter(|&&drawn| drawn == share).count();
            assert!(n.abs_diff(expected) < 200, "{n} of share {share}, {expected} expected");
        }
        assert_eq!(first, drawn(1));
        assert_ne!(first, drawn(2));
    }

    #[test]
    fn a_warm_up_touches_every_share() {
        let mix = mix();
        let touched: Vec<usize> = (0..4).map(|n| mix.of_job(9, n, Phase::WarmUp)).collect();
        assert_eq!(touched, [0, 1, 2, 0]);
        assert_eq!((mix.len(), Mix::new(Vec::new())), (3, None));
    }
}
