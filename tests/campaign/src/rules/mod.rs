//! What must always hold, each rule as a checker of a whole history.
//!
//! | room | purpose |
//! | --- | --- |
//! | `no_early_kill` to `within_the_bucket` | the eight rules, each with its bounds and why they are what they are |
//! | `invocations`, `lifecycle_actions` | what the functions were told, and the actions of the drainer's hook |
//! | `waiting` | who waits to be terminated, and who carries whom |
//! | `occupancy`, `stop_timeouts` | what is on the hosts, and how long it takes to stop |
//! | `worst_case`, `demand` | what the figures of capacity are about, and what services want |
//! | `fleet`, `metric_puts` | what a cluster comes to, and what the calculator put of it |
//!
//! A checker reads what happened, from the first entry of the history to the last, and nothing that the world keeps to
//! work by: two that are wrong in the same way would agree.

mod demand;
mod every_instance_counts;
mod fleet;
mod invocations;
mod lifecycle_actions;
mod metric_puts;
mod never_optimistic;
mod no_early_kill;
mod no_lost_drain;
mod no_runaway;
mod no_stuck_instance;
mod occupancy;
mod same_twice;
mod stop_timeouts;
mod waiting;
mod within_the_bucket;
mod worst_case;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::drain::SETTLE;

use crate::scenario::Scenario;
use crate::stage::Played;

pub use every_instance_counts::EveryInstanceCounts;
pub use never_optimistic::NeverOptimistic;
pub use no_early_kill::NoEarlyKill;
pub use no_lost_drain::NoLostDrain;
pub use no_runaway::NoRunaway;
pub use no_stuck_instance::NoStuckInstance;
pub use same_twice::SameTwice;
pub use within_the_bucket::{LOOKS_A_MINUTE, WINDOW, WithinTheBucket};

/// A rule.
pub trait Rule: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Checks a history; the first breach is the error.
    fn check(&self, played: &Played) -> Result<(), Breach>;
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The rule's name.
    pub rule: &'static str,
    /// When.
    pub at: DateTime<Utc>,
    /// How, in one line.
    pub how: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.rule, self.how, self.at.format("%H:%M:%S%.3f"))
    }
}

/// All rules, in their order.
pub const RULES: [&dyn Rule; 8] = [
    &NoEarlyKill,
    &NoStuckInstance,
    &NoLostDrain,
    &SameTwice,
    &EveryInstanceCounts,
    &NeverOptimistic,
    &NoRunaway,
    &WithinTheBucket,
];

/// The first rule that a history breaks.
pub fn check(played: &Played) -> Result<(), Breach> {
    RULES.iter().try_for_each(|rule| rule.check(played))
}

/// How far behind the truth a read may be: what the drainer takes it to be, or what the scenario has it be.
fn read_lag(scenario: &Scenario) -> TimeDelta {
    let lag = scenario.api.lagging_reads.map_or(0, |plan| plan.seconds);
    TimeDelta::from_std(SETTLE).unwrap_or_default().max(TimeDelta::seconds(i64::from(lag)))
}
