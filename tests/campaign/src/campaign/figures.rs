//! Counts over histories.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use chrono::TimeDelta;
use fleetkeeper_sim::world::history::{CallOutcome, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationEnd;

use crate::stage::{HOOK, Played};

/// Counts of everything that happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Simulated seconds.
    pub seconds: u64,
    /// Hooks of the drainer that held a host back.
    pub drains: u64,
    /// Invocations of both functions.
    pub invocations: u64,
    /// Calls on AWS's APIs.
    pub calls: u64,
    /// Calls that did not get their answer.
    pub faults: u64,
    /// Invocations that died on their way, or by their timeout.
    pub deaths: u64,
    /// Invocations for an event and attempt that there was one for before.
    pub duplicates: u64,
}

impl Figures {
    /// Counted over a whole history.
    #[must_use]
    pub fn of(played: &Played) -> Self {
        let mut figures = Self::default();
        let lasted = played.world.now() - played.began;
        figures.seconds = u64::try_from(lasted.max(TimeDelta::zero()).num_seconds()).unwrap_or(0);
        let mut attempts = BTreeSet::new();
        for entry in played.world.history().entries() {
            match &entry.what {
                Occurrence::ActionOpened { hook, .. } if hook == HOOK => figures.drains += 1,
                Occurrence::ApiCalled { outcome, .. } => {
                    figures.calls += 1;
                    figures.faults += u64::from(*outcome != CallOutcome::Answered);
                }
                Occurrence::InvocationStarted { event, attempt, .. } => {
                    figures.invocations += 1;
                    figures.duplicates += u64::from(!attempts.insert((*event, *attempt)));
                }
                Occurrence::InvocationEnded {
                    end: InvocationEnd::Killed(_) | InvocationEnd::TimedOut,
                    ..
                } => figures.deaths += 1,
                _ => {}
            }
        }
        figures
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, more: Self) {
        self.seconds += more.seconds;
        self.drains += more.drains;
        self.invocations += more.invocations;
        self.calls += more.calls;
        self.faults += more.faults;
        self.deaths += more.deaths;
        self.duplicates += more.duplicates;
    }
}
