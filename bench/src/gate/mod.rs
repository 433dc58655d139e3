//! The gate: is the candidate worse than the base by more than matters?
//!
//! The unit is a whole run of the load, never a job: jobs of a run share its machine and its minute. Runs
//! come in pairs, one of each arm, in randomised ABBA blocks ([`Schedule`]). Of each metric the logarithm of
//! candidate/base of each pair is taken; the Hodges-Lehmann estimate of their centre is the effect, and
//! its exact signed-rank limits decide ([`judge`]):
//!
//! - *regression*: the whole interval is worse than the least effect that matters;
//! - *pass*: the whole interval is better than the tolerance;
//! - *inconclusive*: neither, and how many more pairs it would take. Silence is never a pass;
//! - *invalid*: the base differs from itself (the live null arm), so nothing can be said.
//!
//! The rule looks at the pairs several times, and its looks share one small level ([`Rule`]), so that
//! looking early costs no false alarm. One primary metric decides, the others advise; deterministic counters
//! gate at zero tolerance. What the rule does on noise is simulated and replayed in the tests;
//! `reports/gate` has the numbers.
//!
//! ```text
//! Schedule -> slots -> (runs) -> Pair, Pair, … -> judge -> Judgement
//!                                              -> calibrate -> Calibration (base against base)
//! ```

mod accepted;
mod calibration;
mod counter;
mod input;
mod judge;
mod judgement;
mod noise;
mod rule;
mod schedule;
#[cfg(test)]
mod simulations;
#[cfg(test)]
mod tests;

pub use self::accepted::Accepted;
pub use self::calibration::{Calibration, Refusal, calibrate};
pub use self::counter::{Count, CountWord};
pub use self::input::{GateError, Metric, Pair, Role, Values};
pub use self::judge::judge;
pub use self::judgement::{Effect, Judgement, Reason, Verdict};
pub use self::noise::{Noise, SlotBias};
pub use self::rule::{Calibrating, Look, Rule, RuleError};
pub use self::schedule::{Arm, Order, Schedule, Slot};
