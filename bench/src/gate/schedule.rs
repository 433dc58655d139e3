//! In which order the runs are made.

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// What a run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// What there was before.
    Base,
    /// What there is now.
    Candidate,
    /// The base once more: where it differs from itself, the machine is not fit to judge anything.
    Null,
}

impl Arm {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Candidate => "candidate",
            Self::Null => "null",
        }
    }
}

/// One run to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// The pair it belongs to, from 0.
    pub pair: usize,
    /// What it measures.
    pub arm: Arm,
}

/// Which arm of a pair ran first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The base.
    BaseFirst,
    /// The candidate.
    CandidateFirst,
}

/// Runs in randomised ABBA blocks.
///
/// A block is two pairs: the arms in an order that is drawn at random, then the same backwards. So each arm
/// has each place of a pair equally often, a machine that gets warmer by the minute favours none, and
/// nothing that comes in turns can be in step with the arms. (Cochran and Cox, *Experimental Designs*,
/// 2nd ed., section 4.4. A fixed AB order with a second run 3 % slower has 16 % false alarms at a least
/// effect of 2 %: `facts/loadtest.md`, 2.5.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Where the drawing begins; printed, so that the same order can be run again.
    pub seed: u64,
    /// Whether each pair has a third run, of the base again ([`Arm::Null`]): half as many runs more.
    pub has_null: bool,
}

impl Schedule {
    /// The runs of the first `n_pairs` pairs, in the order in which they are to be made. More pairs begin
    /// with the same runs.
    pub fn slots(&self, n_pairs: usize) -> Vec<Slot> {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut slots = Vec::new();
        for first in (0..n_pairs).step_by(2) {
            let arms = self.drawn(&mut generator);
            slots.extend(arms.iter().map(|&arm| Slot { pair: first, arm }));
            if first + 1 < n_pairs {
                slots.extend(arms.iter().rev().map(|&arm| Slot { pair: first + 1, arm }));
            }
        }
        slots
    }

    fn drawn(&self, generator: &mut Xoshiro256PlusPlus) -> Vec<Arm> {
        if self.has_null {
            let mut arms = vec![Arm::Base, Arm::Candidate, Arm::Null];
            arms.shuffle(generator);
            return arms;
        }
        let is_base_first: bool = generator.random();
        if is_base_first {
            vec![Arm::Base, Arm::Candidate]
        } else {
            vec![Arm::Candidate, Arm::Base]
        }
    }

    /// Which arm of each of the first `n_pairs` pairs runs first.
    pub fn orders(&self, n_pairs: usize) -> Vec<Order> {
        let slots = self.slots(n_pairs);
        let judged = slots.iter().filter(|slot| slot.arm != Arm::Null);
        judged
            .step_by(2)
            .map(|slot| match slot.arm {
                Arm::Candidate => Order::CandidateFirst,
                Arm::Base | Arm::Null => Order::BaseFirst,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(schedule: Schedule, n_pairs: usize) -> String {
        let letter = |slot: &Slot| match slot.arm {
            Arm::Base => 'A',
            Arm::Candidate => 'B',
            Arm::Null => 'N',
        };
        schedule.slots(n_pairs).iter().map(letter).collect()
    }

    #[test]
    fn a_seed_is_an_order_on_every_machine() {
        let orders = [(1, false, 8), (2, false, 8), (1, true, 4), (1, false, 3), (1, false, 0)];
        let found =
            orders.map(|(seed, has_null, n_pairs)| written(Schedule { seed, has_null }, n_pairs));
        assert_eq!(found, ["ABBAABBABAABABBA", "ABBAABBAABBABAAB", "BNAANBNABBAN", "ABBAAB", ""]);
    }

    proptest! {
        #[test]
        fn blocks_are_balanced_and_more_pairs_begin_alike(
            seed in any::<u64>(),
            has_null in any::<bool>(),
            n_pairs in 0_usize..40,
            more in 0_usize..40,
        ) {
            let schedule = Schedule { seed, has_null };
            let (few, many) = (schedule.slots(n_pairs), schedule.slots(n_pairs + more));
            prop_assert_eq!(&many[..few.len()], few.as_slice());
            let n_arms = if has_null { 3 } else { 2 };
            prop_assert_eq!(few.len(), n_arms * n_pairs);
            for (block, slots) in few.chunks_exact(2 * n_arms).enumerate() {
                let arms: Vec<Arm> = slots.iter().map(|slot| slot.arm).collect();
                let backwards: Vec<Arm> = arms.iter().rev().copied().collect();
                prop_assert_eq!(&arms, &backwards);
                prop_assert!(slots[..n_arms].iter().all(|slot| slot.pair == 2 * block));
                for arm in [Arm::Base, Arm::Candidate] {
                    prop_assert_eq!(arms.iter().filter(|found| **found == arm).count(), 2);
                }
            }
            let orders = schedule.orders(n_pairs);
            prop_assert_eq!(orders.len(), n_pairs);
            prop_assert!(orders.chunks_exact(2).all(|block| block[0] != block[1]));
        }
    }

    #[test]
    fn every_order_is_drawn_equally_often() {
        for (has_null, n_orders) in [(false, 2), (true, 6)] {
            let slots = Schedule { seed: 3, has_null }.slots(12_000);
            let mut drawn = std::collections::HashMap::new();
            for block in slots.chunks_exact(slots.len() / 6_000) {
                let arms: Vec<Arm> = block.iter().map(|slot| slot.arm).collect();
                *drawn.entry(arms).or_insert(0) += 1;
            }
            let expected = 6_000 / n_orders;
            assert_eq!(drawn.len(), n_orders);
            assert!(drawn.values().all(|n: &usize| n.abs_diff(expected) < 150), "{drawn:?}");
        }
    }
}
