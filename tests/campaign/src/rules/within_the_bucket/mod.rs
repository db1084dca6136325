//! Rule 8, within the bucket: ECS gives all readers of an account and Region 100 reads (`ListContainerInstances`,
//! `DescribeContainerInstances`, `ListTasks`, `DescribeTasks`) at once and 20 a second, and nothing here lives off more
//! than its share.
//!
//! **The pace.** The reads of an invocation of the drainer are at most [`BURST`] at once and one each [`INTERVAL`], however
//! many instances it looks after. (The burst is 16; one read more was under way before it, and one is under way.)
//!
//! **Carriers only.** An invocation reads nothing of ECS that was not one of the carriers of its group at some time since it
//! began; where it could not read the group, or that does not tell of its instance (on its way to a warm pool, say), it reads
//! what a lone drain does, and takes nobody along (of which
//! `DescribeScalingActivities` tells). One that leaves its instance to others reads nothing at all, but where
//! it could not read the group for its first 45 s, or AWS refused it: it takes its place with the first reading that works. So of any
//! number of instances that wait at once the messages of three read, and those whose own drain is over: ten reads a second
//! and two times 48 at once, half of what ECS gives.
//!
//! **A lone drain.** In any [`WINDOW`] an invocation of the drainer in whose time no other instance of the group waited, or
//! that is no carrier, makes at most
//!
//! ```text
//! (WINDOW / poll + 1) * look + (SETTLE / poll + 4 + plans + changes + failures) * everything
//! ```
//!
//! reads. A *look* is one read, or one for each 100 tasks on the instance. *Everything* is what it reads at its start,
//! once the instance seems empty, while it is seen to be gone, which may last for `SETTLE`, and while what is listed is
//! MISSING, which counts as a failure: the pages of the list of container instances and a description of each (one
//! page, but where filters are ignored all of the cluster's), one more look, and the pages of both lists of tasks and a
//! description of each, for each of its container instances. It reads everything anew only where something changed on
//! the instance or a call of its own failed. Changes and failures count for as long as they may be behind a read of the
//! window: `SETTLE` and two polls, and a pause between two tries, on either side of a step. Retries are paused longer
//! than looks, so that failures add no looks. *Plans*, with the policy `stop-tasks`, are made from 10 min before the drain's
//! end on, or in its second half: what there is to stop is read every 30 s while anything runs.
//!
//! An invocation publishes a message once; again only where AWS did not say that it took it.
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

/// So many reads an invocation of the drainer makes at once, at most.
const BURST: f64 = 18.0;

/// After a burst it makes one read in so many seconds.
const INTERVAL: f64 = 0.3;

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
