//! Plays many seeds over several threads and adds up their results. The order of seeds decides the
//! result, not the number of threads.
//!
//! | module | purpose |
//! | --- | --- |
//! | `trial` | one seed: played and checked |
//! | `figures`, `tally` | the counts of a history, and of all of them |
//! | `panics` | a panic as a failure of its history |

mod figures;
mod panics;
mod tally;
mod trial;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::rules::Rule;

pub use figures::Figures;
pub use tally::Tally;
pub use trial::{Failed, Trial, timeline, trial, verdict};

/// Which seeds, on how many threads, checked against what.
#[derive(Clone, Copy)]
pub struct Campaign<'a> {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// On how many threads at once.
    pub jobs: usize,
    /// The rules that must hold.
    pub rules: &'a [&'a dyn Rule],
}

/// The campaign stops after this many failures: they show enough.
pub const FAILURES_MAX: usize = 10;

impl Campaign<'_> {
    /// Plays all seeds, or those up to the tenth that fails. `report` is called now and then with
    /// the tally so far.
    pub fn run(&self, report: impl Fn(&Tally) + Sync) -> Tally {
        panics::catch_quietly();
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let sum = Mutex::new(InOrder { tally: Tally::default(), next: self.from, waiting: BTreeMap::new() });
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= self.seeds {
                    break;
                }
                let trial = trial(self.from.wrapping_add(nth), self.rules);
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                sum.add(trial);
                if sum.tally.failures.len() >= FAILURES_MAX {
                    stop.store(true, Ordering::Relaxed);
                }
                report(&sum.tally);
            }
        };
        std::thread::scope(|threads| {
            for _ in 0..self.jobs.max(1) {
                threads.spawn(work);
            }
        });
        sum.into_inner().unwrap_or_else(PoisonError::into_inner).tally
    }
}

/// Adds trials in the order of their seeds, whichever ends first, and none after the last failure
/// that is wanted.
struct InOrder {
    tally: Tally,
    next: u64,
    waiting: BTreeMap<u64, Trial>,
}

impl InOrder {
    fn add(&mut self, trial: Trial) {
        self.waiting.insert(trial.seed, trial);
        while self.tally.failures.len() < FAILURES_MAX {
            let Some(trial) = self.waiting.remove(&self.next) else { break };
            self.next = self.next.wrapping_add(1);
            self.tally.add(trial);
        }
    }
}

impl std::fmt::Debug for Campaign<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, seeds, jobs, .. } = self;
        write!(f, "Campaign of {seeds} seeds from {from} on {jobs} threads")
    }
}
