//! Rule 8, within the bucket: ECS gives all readers of an account and Region 100 reads (`ListContainerInstances`,
//! `DescribeContainerInstances`, `ListTasks`, `DescribeTasks`) at once and 20 a second, and nothing here lives off more
//! than its share.
//!
//! **A group.** The reads of all invocations of the drainer for one group, sweeps included, are at most [`GROUP_BURST`] at
//! once and [`GROUP_PER_SECOND`] a second: half of what ECS gives, however many instances wait. Where SNS or Lambda
//! delivered a message several times, each copy reads for itself; and while the group cannot be read, or heartbeats are
//! refused throughout and another hook may hold the others, so does each
//! instance's own message, as it does on the way to a warm pool, which the group does not show. A republished message may
//! coordinate beside the lowest one, and has as much again. An invocation that delegates
//! at once reads nothing.
//!
//! **A lone drain.** In any [`WINDOW`] an invocation of the drainer in whose time no other instance of the group waited
//! makes at most
//!
//! ```text
//! (WINDOW / poll + 1) * one + (6 + changes + failures) * everything
//! ```
//!
//! reads. *One* is a read for each 100 tasks on the instance. *Everything* is the pages of the list of container instances
//! and a description of each (where filters are ignored all of the cluster's), and the pages of both lists of tasks and a
//! description of each. Once anything stops, a poll may come every [`STOPPING_POLL`]. Changes on the instance and failed
//! calls count for three minutes. In a history without faults, such an invocation makes at most
//!
//! ```text
//! 12 + polls + heartbeats + 5 a minute for its group and diagnoses + 4 a change
//! ```
//!
//! calls in all, where its instance's tasks fit on one page.
//!
//! **Publishing.** An invocation publishes a message once. Where it does not know whether AWS took it, it does so once more,
//! and no further.
//!
//! **One look at a cluster.** An invocation of the calculator lists as many pages as its container instances fill, those
//! that register meanwhile included, as well as those that left so shortly before that a read may not know it. It
//! describes each page once, and what was MISSING three times more. Tasks it reads only where their network interfaces may
//! count: the pages of those to run and of those to stop, and a description of each.
//!
//! **Looks in a row.** The reads of all invocations of one environment of the calculator are at most 50 at once and ten a
//! second after that, half of what ECS gives; and where it has one environment at a time, as the template has it, so are
//! those of all of them, but for the burst of an environment that follows one that died. An invocation reads nothing for an
//! event of an instance that the same environment has published at the event's version or later, nor for a placement that
//! failed 5 s or more before the last look that it published.
//!
//! With the default poll interval a drain on which nothing changes makes [`LOOKS_A_MINUTE`] reads a minute.

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

/// What one drain on which nothing changes reads in a minute with the default poll interval of 5 s, of the 1,200 reads
/// that ECS sustains: a hundred such drains would live off all of it.
pub const LOOKS_A_MINUTE: u32 = 12;

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

/// Whether an operation takes from the bucket.
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
fn page_size(played: &Played) -> usize {
    played.scenario.api.page_limit.unwrap_or(100).clamp(1, 100)
}
