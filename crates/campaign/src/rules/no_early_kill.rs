//! Rule 1, no early kill: a hook is completed only if every task on the instance has `lastStatus` STOPPED, or the
//! instance is not in the cluster.
//!
//! Whenever a call of a function completes an action of the drainer's hook, it completes it with CONTINUE, and at that
//! very time none of the EC2 instance's container instances that are not INACTIVE (an agent that registered anew leaves
//! an old one behind) has a task that is anything but STOPPED. On a ghost, tasks count by what ECS last knew of them.
//!
//! AWS has no call that completes an action if nothing was placed meanwhile. So what came behind a reader's back does not
//! count: a task that was placed after the invocation's last reading of the tasks began (the first `ListTasks` since its
//! last `DescribeContainerInstances`), or on a container instance that registered after its last
//! `ListContainerInstances`, and where reads lag, before it by less than they do. This version of the drainer never lets an instance go because the drain's time is up.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::auto_scaling::hook::ActionResult;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::occupancy::Occupancy;
use super::{Breach, Rule};
use crate::stage::{HOOK, Played};

/// See the module.
#[derive(Debug)]
pub struct NoEarlyKill;

/// When an invocation last asked what there is.
#[derive(Debug, Default)]
struct Asked {
    for_instances: Option<DateTime<Utc>>,
    for_tasks: Option<DateTime<Utc>>,
}

impl Rule for NoEarlyKill {
    fn name(&self) -> &'static str {
        "no early kill"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let mut occupancy = Occupancy::default();
        let mut asked: BTreeMap<InvocationId, Asked> = BTreeMap::new();
        let lag = played.scenario.api.lagging_reads.map_or(0, |lag| lag.seconds);
        let lag = TimeDelta::seconds(i64::from(lag));
        for entry in played.world.history().entries() {
            occupancy.see(entry);
            let Some(by) = entry.by else { continue };
            match &entry.what {
                Occurrence::ApiCalled { operation, .. } => {
                    asked.entry(by).or_default().see(*operation, entry.at);
                }
                Occurrence::InvocationEnded { invocation, .. } => {
                    asked.remove(invocation);
                }
                Occurrence::ActionEnded { hook, instance, end: ActionEnd::Completed(result), .. }
                    if hook == HOOK =>
                {
                    let breach = |how| Err(Breach { rule: self.name(), at: entry.at, how });
                    if *result != ActionResult::Continue {
                        return breach(format!("{instance} was completed with {result}"));
                    }
                    let asked = asked.entry(by).or_default();
                    let left = occupancy.of(instance).find_map(|occupied| {
                        let known = asked.for_instances.is_some_and(|at| occupied.registered <= at - lag);
                        let listed =
                            |placed: DateTime<Utc>| asked.for_tasks.is_none_or(|at| placed <= at - lag);
                        let mut left = occupied.unfinished.iter().filter(|(_, placed)| listed(**placed));
                        left.next().filter(|_| known || asked.for_instances.is_none())
                    });
                    if let Some((task, _)) = left {
                        return breach(format!("{instance} was let go with {task} unfinished"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Asked {
    fn see(&mut self, operation: Operation, at: DateTime<Utc>) {
        match operation {
            Operation::ListContainerInstances => self.for_instances = Some(at),
            Operation::DescribeContainerInstances => self.for_tasks = None,
            Operation::ListTasks => self.for_tasks = self.for_tasks.or(Some(at)),
            _ => {}
        }
    }
}
