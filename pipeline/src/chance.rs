//! Chance that a seed decides: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", OOPSLA 2014). A seed must give the same video with every version of a library of random
//! numbers.

/// Numbers that look like chance, one after the other.
pub(crate) struct Chance {
    seed: u64,
    n_drawn: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, n_drawn: 0 }
    }

    /// Fisher and Yates'. The remainder favours the first few by less than one in 2^50.
    pub(crate) fn shuffle(&mut self, items: &mut [usize]) {
        for last in (1..items.len()).rev() {
            let other = nth(self.seed, self.n_drawn) % (last as u64 + 1);
            self.n_drawn += 1;
            items.swap(last, usize::try_from(other).unwrap_or(0));
        }
    }
}

/// The number `n` of a seed, from 0.
pub(crate) fn nth(seed: u64, n: u64) -> u64 {
    let mut bits = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_numbers() {
        // https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
        let found: Vec<u64> = (0..3).map(|n| nth(1_234_567, n)).collect();
        assert_eq!(found, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn a_shuffle_goes_on_where_the_last_one_ended() {
        let (mut one, mut two) = (Chance::new(7), Chance::new(7));
        let shuffled = |chance: &mut Chance| {
            let mut items: Vec<usize> = (0..9).collect();
            chance.shuffle(&mut items);
            items
        };
        let first = shuffled(&mut one);
        assert_eq!(first, shuffled(&mut two));
        assert_ne!(first, shuffled(&mut one));
    }
}
