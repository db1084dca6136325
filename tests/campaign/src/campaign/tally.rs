//! The sums over histories.

use std::collections::BTreeMap;

use super::figures::Figures;
use super::trial::{Failed, Trial};
use crate::coverage::Seen;

/// The sums over all histories so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// How many there were.
    pub histories: u64,
    /// The counts.
    pub figures: Figures,
    /// In how many histories a rare state was seen.
    pub seen: BTreeMap<Seen, u64>,
    /// The seeds that failed, in their order.
    pub failures: Vec<(u64, Failed)>,
}

impl Tally {
    pub(super) fn add(&mut self, trial: Trial) {
        self.histories += 1;
        self.figures += trial.figures;
        for seen in trial.seen {
            *self.seen.entry(seen).or_default() += 1;
        }
        self.failures.extend(trial.failed.map(|failed| (trial.seed, failed)));
    }
}
