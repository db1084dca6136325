//! The median of some measurements, and how far they lie apart.

use serde::{Deserialize, Serialize};

/// Some measurements of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Half of them are below, half above.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// The same thing measured of both, pair by pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Ours.
    pub fleetkeeper: Spread,
    /// The alternative's; none where its answer was wrong, or it was not asked.
    pub python: Option<Spread>,
    /// Python's in ours, pair by pair.
    pub ratio: Option<Spread>,
}

impl Spread {
    /// Of some measurements, NaN standing for one that could not be made; of none there is none.
    #[must_use]
    pub fn of(measured: &[f64]) -> Option<Self> {
        let mut sorted: Vec<_> = measured.iter().copied().filter(|it| !it.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), min: *sorted.first()?, max: *sorted.last()? })
    }
}

impl Comparison {
    /// Of pairs, each measured in one round. Python's list may be empty.
    #[must_use]
    pub fn of(fleetkeeper: &[f64], python: &[f64]) -> Option<Self> {
        let pairs = fleetkeeper.iter().zip(python).filter(|(ours, _)| **ours > 0.0);
        let ratios: Vec<_> = pairs.map(|(ours, theirs)| theirs / ours).collect();
        Some(Self {
            fleetkeeper: Spread::of(fleetkeeper)?,
            python: Spread::of(python),
            ratio: Spread::of(&ratios),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between_the_two_in_the_middle() {
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 2.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(Spread::of(&[3.0, 9.0, 1.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of(&[f64::NAN, 3.0]), Spread::of(&[3.0]));
        assert!(Spread::of(&[]).is_none());
    }

    #[test]
    fn ratios_are_those_of_the_pairs() {
        let compared = Comparison::of(&[1.0, 2.0, 4.0], &[30.0, 20.0, 80.0]).unwrap();
        assert_eq!(compared.ratio.unwrap(), Spread { median: 20.0, min: 10.0, max: 30.0 });
        let compared = Comparison::of(&[1.0, 2.0], &[f64::NAN, 20.0]).unwrap();
        assert_eq!(compared.ratio, Spread::of(&[10.0]));
        assert!(Comparison::of(&[1.0], &[]).unwrap().ratio.is_none());
        // Only our own functions have a ratio.
        assert!(Comparison::of(&[0.0], &[3.0]).unwrap().ratio.is_none());
    }
}
