//! The rules that must always hold, each as a checker of a whole history.
//!
//! | module | purpose |
//! | --- | --- |
//! | `no_early_kill` to `nothing_outlives_its_drain`, `direct_scaling` | the rules, each with its bounds and the reasons for them |
//! | `invocations`, `lifecycle_actions` | the functions' events, and the actions of the drainer's hook |
//! | `waiting` | which instances wait to be terminated, and which message coordinates them |
//! | `occupancy`, `evidence` | what is on the hosts, and what a drainer's lists could show of it |
//! | `membership` | which instances are in which clusters |
//! | `placing` | where tasks may be placed, by the truth, and an adversary that picks hosts and places |
//! | `worst_case`, `demand` | what the figures of capacity are about, and what services want |
//! | `fleet`, `metric_puts` | what a cluster comes to, and what the calculator put of it |
//!
//! A checker reads what happened, from the first entry of the history to the last, and nothing that
//! the world keeps to work by: two that are wrong in the same way would agree.

mod demand;
mod direct_scaling;
mod every_instance_counts;
mod evidence;
mod fleet;
mod invocations;
mod lifecycle_actions;
mod membership;
mod metric_puts;
mod never_optimistic;
mod no_early_kill;
mod no_lost_drain;
mod no_runaway;
mod no_silence;
mod no_stuck_instance;
mod nothing_outlives_its_drain;
mod occupancy;
mod placing;
mod same_twice;
mod waiting;
mod within_the_bucket;
mod worst_case;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::Operation;

use crate::scenario::{FaultPlan, Scenario};
use crate::stage::Played;

pub use direct_scaling::DirectScaling;
pub use every_instance_counts::EveryInstanceCounts;
pub use never_optimistic::NeverOptimistic;
pub use no_early_kill::NoEarlyKill;
pub use no_lost_drain::NoLostDrain;
pub use no_runaway::NoRunaway;
pub use no_silence::NoSilence;
pub use no_stuck_instance::NoStuckInstance;
pub use nothing_outlives_its_drain::NothingOutlivesItsDrain;
pub use same_twice::SameTwice;
pub use within_the_bucket::{READS_A_MINUTE, WINDOW, WithinTheBucket};

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
pub const RULES: [&dyn Rule; 11] = [
    &NoEarlyKill,
    &NoStuckInstance,
    &NoLostDrain,
    &SameTwice,
    &EveryInstanceCounts,
    &NeverOptimistic,
    &NoRunaway,
    &WithinTheBucket,
    &NoSilence,
    &NothingOutlivesItsDrain,
    &DirectScaling,
];

/// The first rule that a history breaks.
pub fn check(played: &Played) -> Result<(), Breach> {
    RULES.iter().try_for_each(|rule| rule.check(played))
}

/// How far behind the truth a read may be.
fn longest_lag(scenario: &Scenario) -> TimeDelta {
    TimeDelta::seconds(i64::from(scenario.api.lagging_reads.map_or(0, |plan| plan.seconds)))
}

/// The lag that the calculator's figures are granted even where the scenario has none.
const LAG_GRANTED: TimeDelta = TimeDelta::seconds(5);

/// Returns whether an answer may come too late: it is none to the one who waits for it.
fn has_slow_calls(scenario: &Scenario) -> bool {
    scenario.disorder.calls.slow_per_mille > 0
}

/// How far behind the truth a read of a group may be.
fn group_lag(scenario: &Scenario) -> TimeDelta {
    TimeDelta::seconds(i64::from(scenario.api.lagging_groups.map_or(0, |plan| plan.seconds)))
}

/// How far behind the truth the calculator's figures may be.
fn read_lag(scenario: &Scenario) -> TimeDelta {
    longest_lag(scenario).max(group_lag(scenario)).max(LAG_GRANTED)
}

/// How long trouble goes on when nothing goes wrong any more: calls that hang are given up, and
/// failed ones wait for their retry.
fn trouble_lasts(scenario: &Scenario) -> TimeDelta {
    TimeDelta::seconds(150) + TimeDelta::seconds(i64::from(scenario.drainer.poll_seconds)) * 2
}

/// From when on a history is calm; never, where a call goes wrong until its end that a drain
/// depends on.
fn calm_from(played: &Played) -> DateTime<Utc> {
    let needed = |fault: &FaultPlan| fault.throughout && !fault.operation.is_some_and(is_dispensable);
    if played.scenario.faults.iter().any(needed) {
        return DateTime::<Utc>::MAX_UTC - TimeDelta::days(1);
    }
    played.quiet_from + trouble_lasts(&played.scenario)
}

/// Returns whether no drain depends on an operation: it only explains why a drain waits, or is none
/// of the drainer's.
fn is_dispensable(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::DescribeScalingActivities
            | Operation::DescribeTaskDefinition
            | Operation::ListServices
            | Operation::DescribeServices
            | Operation::GetTaskProtection
            | Operation::PutMetricData
            | Operation::SetDesiredCapacity
            | Operation::TerminateInstanceInAutoScalingGroup
            | Operation::DescribeInstanceRefreshes
    )
}
