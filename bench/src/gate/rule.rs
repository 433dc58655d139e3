//! When the gate fails, when it passes, and when it looks.

use serde::{Deserialize, Serialize};

use crate::statistics::least_n;

/// The looks of the default rule: pairs, `alarm`, `fail`, `pass`. Whole blocks of pairs, so that each arm has
/// each place equally often at every look. Eight pairs can pass and not fail: by chance all eight are worse
/// once in 256 gates. Simulated with 20,000 gates each: at a spread of 2 % a regression of 5 % is found in
/// 12.6 pairs on average and no difference passes in 8.2 (`reports/gate`).
const LOOKS: [(usize, f64, f64, f64); 6] = [
    (8, 0.0, 0.0, 0.004),
    (12, 0.0005, 0.003, 0.002),
    (16, 0.0002, 0.002, 0.001_5),
    (20, 0.0001, 0.002, 0.001_5),
    (24, 0.0001, 0.002, 0.000_5),
    (30, 0.0001, 0.001, 0.000_5),
];

/// The rule of the gate, as the table `[gate]` of `reports/policy.toml` has it. What is left out has its
/// default; what is not known is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Differences up to this share are no regression, however surely they are there. Default 0.02: less
    /// than that is lost in what a rebuild does to the layout of a program (Mytkowicz et al., *Producing
    /// Wrong Data Without Doing Anything Obviously Wrong!*, ASPLOS 2009), and nobody waits for it.
    pub least_effect: f64,
    /// A pass says that the candidate is worse by less than this share. Default 0.05: it must be more than
    /// the least effect, or nothing between the two could ever be decided, and less than what a user
    /// would notice.
    pub tolerance: f64,
    /// At which numbers of pairs it is judged, and with which share of the level; see [`Look`]. The last
    /// one is the most pairs that are run.
    pub looks: Vec<Look>,
    /// An advisory metric is called better or worse where that is wrong in this share of all cases at
    /// most, all advisory metrics together (Holm). Default 0.01.
    pub advice: f64,
    /// What base against base must show before anything is gated.
    pub calibration: Calibrating,
}

/// A look at the pairs there are, with what it may spend of three levels. A level is spent: what all looks
/// together have of it is the most that the rule is wrong, however the looks depend on each other
/// (Bonferroni; Lan and DeMets, *Biometrika* 70, 1983, with a table in place of a function).
///
/// A regression takes two things: that there is a difference at all, at the level `alarm`, and that it is
/// more than the least effect, at the level `fail`. The first keeps false alarms at 1 in 1,000 on machines of
/// any noise, where the least effect drowns; it costs little, because a difference from nothing is
/// more easily seen than one from the least effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// When there are so many pairs.
    pub pairs: usize,
    /// A regression is found where there is no difference at all in this share of all cases at most. The
    /// default looks have 0.001 of it together. 0: nothing fails at this look.
    pub alarm: f64,
    /// A regression is found where there is one of just the least effect in this share of all cases at most:
    /// the level of that end of the interval. 0.01 together. 0: nothing fails at this look.
    pub fail: f64,
    /// A pass is given where the candidate is worse by just the tolerance in this share of all cases at most:
    /// the level of the other end. 0.01 together. 0: nothing passes at this look.
    pub pass: f64,
}

/// What base against base must show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calibrating {
    /// So many pairs of the base with itself. Default 8: the spread is then known within a factor of two
    /// (95 %), in a quarter of the time of the longest gate.
    pub pairs: usize,
    /// The machine is not fit where the last look of a gate would not see this share of a regression in nine of ten
    /// cases. Default 0.1: a gate that lets 10 % through by chance keeps nobody safe.
    pub least_visible: f64,
    /// It is not fit either where the base differs from itself and that would happen by chance in this
    /// share of all cases at most: in a calibration, and at each look of a gate that has null runs. Default 0.01.
    pub level: f64,
}

impl Default for Calibrating {
    fn default() -> Self {
        Self { pairs: 8, least_visible: 0.1, level: 0.01 }
    }
}

impl Default for Rule {
    fn default() -> Self {
        let look = |(pairs, alarm, fail, pass)| Look { pairs, alarm, fail, pass };
        Self {
            least_effect: 0.02,
            tolerance: 0.05,
            looks: LOOKS.map(look).to_vec(),
            advice: 0.01,
            calibration: Calibrating::default(),
        }
    }
}

/// Why a rule cannot be followed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// The tolerance must be more than the least effect, and that no less than nothing.
    #[error("expected 0 <= least_effect < tolerance, found {least_effect} and {tolerance}")]
    Limits {
        /// The least effect.
        least_effect: f64,
        /// The tolerance.
        tolerance: f64,
    },
    /// It never looks, or not at more pairs each time.
    #[error("expected looks at more and more pairs, found {0:?}")]
    Looks(Vec<usize>),
    /// A share of cases is none.
    #[error("expected {name} from 0 to below 0.5, found {value}")]
    Level {
        /// Which.
        name: &'static str,
        /// What it is.
        value: f64,
    },
    /// So few pairs never reach such a level.
    #[error(
        "{name} = {level} cannot be reached with {pairs} pairs: the signed-rank test needs {needs}"
    )]
    NoPower {
        /// `alarm`, `fail` or `pass`.
        name: &'static str,
        /// The level.
        level: f64,
        /// The pairs of the look.
        pairs: usize,
        /// How many it takes.
        needs: usize,
    },
}

impl Rule {
    /// One look at `pairs` pairs: for pairs that were made before somebody thought of looks.
    #[must_use]
    pub fn fixed(pairs: usize, level: f64) -> Self {
        Self {
            looks: vec![Look { pairs, alarm: level, fail: level, pass: level }],
            ..Self::default()
        }
    }

    /// Whether it can be followed.
    ///
    /// # Errors
    ///
    /// [`RuleError`]: the first thing that is wrong with it.
    pub fn check(&self) -> Result<(), RuleError> {
        let Self { least_effect, tolerance, .. } = *self;
        if !(0.0 <= least_effect && least_effect < tolerance && tolerance.is_finite()) {
            return Err(RuleError::Limits { least_effect, tolerance });
        }
        let is_rising = self.looks.windows(2).all(|next| next[0].pairs < next[1].pairs);
        if self.looks.is_empty() || !is_rising {
            return Err(RuleError::Looks(self.looks.iter().map(|look| look.pairs).collect()));
        }
        check_level("advice", self.advice)?;
        check_level("calibration.level", self.calibration.level)?;
        self.looks.iter().try_for_each(Look::check)
    }

    /// The last look that `n_pairs` pairs reach.
    pub fn look(&self, n_pairs: usize) -> Option<Look> {
        self.looks.iter().rev().find(|look| look.pairs <= n_pairs).copied()
    }

    /// How many pairs the next look takes. None: it was the last one.
    pub fn next_look(&self, n_pairs: usize) -> Option<usize> {
        self.looks.iter().map(|look| look.pairs).find(|&pairs| pairs > n_pairs)
    }

    /// The last look, which has the most pairs.
    pub fn last_look(&self) -> Option<Look> {
        self.looks.last().copied()
    }
}

impl Look {
    fn check(&self) -> Result<(), RuleError> {
        for (name, level) in [("alarm", self.alarm), ("fail", self.fail), ("pass", self.pass)] {
            check_level(name, level)?;
            let needs = least_n(level);
            if level > 0.0 && self.pairs < needs {
                return Err(RuleError::NoPower { name, level, pairs: self.pairs, needs });
            }
        }
        Ok(())
    }
}

fn check_level(name: &'static str, value: f64) -> Result<(), RuleError> {
    if (0.0..0.5).contains(&value) { Ok(()) } else { Err(RuleError::Level { name, value }) }
}
