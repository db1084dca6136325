//! Chance that is the same in every run: draws from a counter, not from the machine.

/// One run of draws. Two with the same seed draw the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    /// The run of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Mixed, so that the runs of two neighbouring seeds are not the same run, shifted.
        Self { seed: mixed(seed.wrapping_add(1)), drawn: 0 }
    }

    /// The next draw: any number.
    pub fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        mixed(self.seed.wrapping_add(self.drawn))
    }

    /// True so many times out of a thousand.
    pub fn per_mille(&mut self, share: u32) -> bool {
        self.below(1000) < u64::from(share)
    }

    /// A number below a bound, each as likely as the others; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let scaled = (u128::from(self.draw()) * u128::from(bound)) >> 64;
        u64::try_from(scaled).unwrap_or(0)
    }
}

/// `SplitMix64` of a counter: one to one, and scattered.
pub(crate) const fn mixed(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_run_and_another_seed_another() {
        let run = |seed| {
            let mut chance = Chance::new(seed);
            (0..20).map(|_| chance.draw()).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert!(run(7).iter().all(|drawn| !run(8).contains(drawn)));
    }

    #[test]
    fn shares_and_bounds_are_kept() {
        let mut chance = Chance::new(1);
        let hits = (0..10_000).filter(|_| chance.per_mille(300)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| !chance.per_mille(0) && chance.per_mille(1000)));
        let mut seen = [0; 6];
        for _ in 0..6_000 {
            seen[usize::try_from(chance.below(6)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        assert_eq!((chance.below(0), chance.below(1)), (0, 0));
    }
}
