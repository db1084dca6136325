//! Chance that one seed decides: the same draws in the same order are the same chance.

/// A sequence of draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance {
    drawn: u64,
}

impl Chance {
    /// A sequence of its own for each seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { drawn: mix(seed) }
    }

    /// Another sequence from the same seed, so that draws for one thing do not shift those for
    /// another.
    #[must_use]
    pub const fn stream(seed: u64, stream: u64) -> Self {
        Self::new(seed ^ mix(stream.wrapping_add(1)))
    }

    /// True `rate` times in a thousand.
    pub fn per_mille(&mut self, rate: u32) -> bool {
        rate > 0 && self.below(1000) < u64::from(rate)
    }

    /// A number from 0 on, below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.drawn = self.drawn.wrapping_add(GOLDEN);
        // Far from the size where the remainder would favour the low numbers.
        scatter(self.drawn).checked_rem(bound).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least.saturating_add(self.below(most.saturating_sub(least).saturating_add(1)))
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// `SplitMix64` of a counter: one to one, so that no two numbers give the same.
pub(crate) const fn mix(counter: u64) -> u64 {
    scatter(counter.wrapping_mul(GOLDEN))
}

const fn scatter(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_decides_every_draw() {
        let draws = |mut chance: Chance| (0..10).map(|_| chance.below(1000)).collect::<Vec<_>>();
        assert_eq!(draws(Chance::new(7)), draws(Chance::new(7)));
        assert_ne!(draws(Chance::new(7)), draws(Chance::new(8)));
        assert_ne!(draws(Chance::stream(7, 0)), draws(Chance::stream(7, 1)));
    }

    #[test]
    fn rates_are_kept_and_bounds_too() {
        let mut chance = Chance::new(1);
        let hits = (0..10_000).filter(|_| chance.per_mille(100)).count();
        assert!((900..1100).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| (3..=5).contains(&chance.between(3, 5))));
        assert!((0..1000).all(|_| chance.per_mille(1000) && !chance.per_mille(0)));
        assert_eq!(chance.below(0), 0);
    }
}
