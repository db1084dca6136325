//! Rule 8, within the bucket. ECS gives all readers of an account and Region 100 reads at once and
//! 20 a second. The reads are `ListContainerInstances`, `DescribeContainerInstances`, `ListTasks`
//! and `DescribeTasks`. No function uses more than its share.
//!
//! **A group.** The reads of all invocations of the drainer for one group, sweeps included, are at
//! most [`GROUP_BURST`] at once and [`GROUP_PER_SECOND`] a second. That is half of ECS's rate,
//! however many instances wait. Where SNS or Lambda delivered a message several times, each copy
//! reads for itself.
//!
//! Each instance's own message also reads for itself in three cases. The group cannot be read.
//! Heartbeats are refused throughout and another hook may hold the others. Or the instance is on
//! its way to a warm pool, which the group does not show. A republished message may coordinate
//! beside the lowest one, and has as much again. An invocation that delegates at once reads
//! nothing.
//!
//! **A lone drain.** In any [`WINDOW`] an invocation of the drainer in whose time no other instance
//! of the group waited makes at most
//!
//! ```text
//! (WINDOW / poll + 1) * one + (6 + changes + failures) * everything
//! ```
//!
//! reads. *One* is a read for each 100 tasks on the instance. *Everything* is the pages of the list
//! of container instances and of both lists of tasks, and a description of each. Where filters are
//! ignored, the container instances are all of the cluster's. Once anything stops, a poll may come
//! every [`STOPPING_POLL`]. Changes on the instance and failed calls count for three minutes. In a
//! history without faults, such an invocation makes at most
//!
//! ```text
//! 12 + polls + heartbeats + 5 a minute for its group and diagnoses + 4 a change
//! ```
//!
//! calls in all, where its instance's tasks fit on one page.
//!
//! **Heartbeats.** In any [`WINDOW`] an invocation sends at most 20 for each instance that waits,
//! and 40 more, whatever Auto Scaling answers.
//!
//! **Publishing.** An invocation publishes a message once. Where it does not know whether AWS took
//! it, it does so once more, and no further.
//!
//! **One snapshot.** An invocation of the calculator lists as many pages as its container instances
//! fill. Those that register meanwhile count, as do those that left so shortly before that a read
//! may not know it. It describes each page once, and retries MISSING ones three times. With
//! direct scaling it describes the hosts once more that it is about to remove. It reads
//! tasks only where their network interfaces may count: the pages of those desired RUNNING and
//! STOPPED, and a description of each.
//!
//! **Snapshots in a row.** The invocations of one environment of the calculator together read at
//! most 50 times at once, and ten times a second after that. That is half of ECS's rate. Where it
//! has one environment at a time, as in the template, the same holds for all of them together. Only
//! the burst of an environment that follows one that died comes on top.
//!
//! An invocation reads nothing for some events. One is of an instance that the same environment has
//! published at the event's version or later. Another is of a placement that failed 5 s or more
//! before the last snapshot that it published.
//!
//! With the default poll interval a drain on which nothing changes makes [`READS_A_MINUTE`] reads a
//! minute.

mod calculator;
mod calculator_pace;
mod covered_events;
mod drainer;

use chrono::TimeDelta;
use fleetkeeper_sim::world::Operation;

use super::{Breach, Rule};
use crate::stage::Played;

/// See the module.
#[derive(Debug)]
pub struct WithinTheBucket;

/// The time over which a drainer's reads are counted.
pub const WINDOW: TimeDelta = TimeDelta::seconds(60);

/// The reads that the drains of one group make at once, at most: 50, and those that are under way.
const GROUP_BURST: f64 = 60.0;

/// The reads that they make a second after that: half of what ECS sustains.
const GROUP_PER_SECOND: f64 = 10.0;

/// A poll of tasks that are all stopping may come this soon after the one before.
const STOPPING_POLL: TimeDelta = TimeDelta::seconds(2);

/// The reads a minute of one drain on which nothing changes, with the default poll interval of 5 s.
/// ECS sustains 1,200, so a hundred such drains would use all of it.
pub const READS_A_MINUTE: u32 = 12;

impl Rule for WithinTheBucket {
    fn name(&self) -> &'static str {
        "within the bucket"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        drainer::check(played)?;
        calculator::check(played)?;
        calculator_pace::check(played)?;
        covered_events::check(played)
    }
}

/// Returns whether an operation takes from the bucket.
pub(super) const fn is_read(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::ListContainerInstances
            | Operation::DescribeContainerInstances
            | Operation::ListTasks
            | Operation::DescribeTasks
    )
}

/// The most that a page of a list holds.
pub(super) fn page_size(played: &Played) -> usize {
    played.scenario.api.page_limit.unwrap_or(100).clamp(1, 100)
}
