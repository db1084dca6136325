//! Rule 1, no early kill: a hook is completed only if every task on the instance has `lastStatus` STOPPED, or the
//! instance is not in the cluster, or the drain's time is up and the policy for that has run.
//!
//! Whenever a call of a function completes an action of the drainer's hook, at that very time none of the EC2 instance's
//! container instances that are not INACTIVE (an agent that registered anew leaves an old one behind) has a task that is
//! anything but STOPPED. On a ghost, tasks count by what ECS last knew of them. It is completed with CONTINUE.
//!
//! From the drain's end on (the action's opening and the drain timeout, and never later than 30 s before the hook's global
//! timeout), and not a moment before, that is otherwise by policy:
//!
//! - `stop-tasks`: what is left is on its way to STOPPED, each of the tasks: ECS wants it to stop, as somebody called
//!   `StopTask` or for a reason of its own. One that runs may be left where it was placed less than [`PLANNED_LATELY`]
//!   before, for reads that lag so much earlier.
//! - `continue`: whatever is left.
//! - `abandon`: whatever is left, and it is completed with ABANDON.
//!
//! A function calls `StopTask` only by the policy `stop-tasks`, on an instance that waits at the hook, and no earlier than
//! the longest stop timeout and 30 s before the drain's end, or half of the drain where that is less. The longest is that
//! of all tasks that were ever on the instance; where anything goes wrong or several instances wait, a task
//! definition may not be read in time, and is taken to allow 120 s.
//!
//! AWS has no call that completes an action if nothing was placed meanwhile. So what came behind a reader's back does not
//! count: a task that was placed after the invocation's last reading of the tasks began (the first `ListTasks` since its
//! last `DescribeContainerInstances`), or on a container instance that registered after its last
//! `ListContainerInstances`, and where reads lag, before it by less than they do.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::auto_scaling::hook::ActionResult;
use fleetkeeper_sim::world::disorder::Disorder;
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::world::history::{ActionEnd, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::occupancy::Occupancy;
use super::stop_timeouts::{ASSUMED, StopTimeouts};
use super::waiting::{Place, places};
use super::{Breach, Rule};
use crate::scenario::OnTimeout;
use crate::stage::{HOOK, Played};

/// See the module.
#[derive(Debug)]
pub struct NoEarlyKill;

/// What is to be stopped is read again after half a minute; the reads and the calls that stop tasks are two steps at most.
const PLANNED_LATELY: TimeDelta = TimeDelta::seconds(30 + 2 * 60);

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
        let mut watch = Watch::of(played);
        for entry in played.world.history().entries() {
            watch.see(entry).map_err(|how| Breach { rule: self.name(), at: entry.at, how })?;
        }
        Ok(())
    }
}

/// The hosts as the history goes on.
struct Watch<'a> {
    played: &'a Played,
    lag: TimeDelta,
    actions: BTreeMap<&'a str, LifecycleAction<'a>>,
    places: BTreeMap<InvocationId, Place>,
    occupancy: Occupancy<'a>,
    stop_timeouts: StopTimeouts<'a>,
    /// The tasks that ECS wants to stop.
    stopping: BTreeSet<&'a TaskArn>,
    /// The actions that were opened last.
    latest: BTreeMap<&'a Ec2InstanceId, &'a str>,
    asked: BTreeMap<InvocationId, Asked>,
}

impl<'a> Watch<'a> {
    fn of(played: &'a Played) -> Self {
        let entries = played.world.history().entries();
        let lag = played.scenario.api.lagging_reads.map_or(0, |lag| lag.seconds);
        Self {
            played,
            lag: TimeDelta::seconds(i64::from(lag)),
            actions: lifecycle_actions(entries, &played.scenario),
            places: places(entries, &played.scenario),
            occupancy: Occupancy::default(),
            stop_timeouts: StopTimeouts::of(&played.scenario),
            stopping: BTreeSet::new(),
            latest: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    fn see(&mut self, entry: &'a Entry) -> Result<(), String> {
        self.occupancy.see(entry);
        self.stop_timeouts.see(entry);
        match &entry.what {
            Occurrence::TaskStopping { task, code } => {
                self.stopping.insert(task);
                if let Some(by) = entry.by.filter(|_| *code == StopCode::UserInitiated) {
                    self.stopped_in_time(task, by, entry.at)?;
                }
            }
            Occurrence::ActionOpened { hook, instance, token, .. } if hook == HOOK => {
                self.latest.insert(instance, token);
            }
            Occurrence::ApiCalled { operation, .. } => {
                if let Some(by) = entry.by {
                    self.asked.entry(by).or_default().see(*operation, entry.at);
                }
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                self.asked.remove(invocation);
            }
            Occurrence::ActionEnded { hook, instance, token, end: ActionEnd::Completed(result), .. }
                if hook == HOOK =>
            {
                if let Some(by) = entry.by {
                    self.completed_rightly(instance, token, *result, by, entry.at)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn completed_rightly(
        &mut self,
        instance: &Ec2InstanceId,
        token: &str,
        result: ActionResult,
        by: InvocationId,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let time_is_up = self.actions.get(token).is_some_and(|action| now >= action.drain_ends());
        let by_policy = Some(self.played.scenario.drainer.on_drain_timeout).filter(|_| time_is_up);
        match (result, by_policy) {
            (ActionResult::Continue, Some(OnTimeout::Continue))
            | (ActionResult::Abandon, Some(OnTimeout::Abandon)) => return Ok(()),
            (ActionResult::Continue, _) => {}
            (ActionResult::Abandon, _) => return Err(format!("{instance} was completed with {result}")),
        }
        let asked = self.asked.entry(by).or_default();
        let lag = self.lag;
        let known = |registered: DateTime<Utc>| asked.for_instances.is_none_or(|at| registered <= at - lag);
        let listed = |placed: DateTime<Utc>| asked.for_tasks.is_none_or(|at| placed <= at - lag);
        let stops = by_policy == Some(OnTimeout::StopTasks);
        let may_be_left = |task: &TaskArn, placed: DateTime<Utc>| {
            stops && (self.stopping.contains(task) || now < placed + PLANNED_LATELY + lag)
        };
        let left = self.occupancy.of(instance).filter(|occupied| known(occupied.registered)).find_map(|it| {
            let mut left = it.unfinished.iter();
            left.find(|(task, placed)| listed(**placed) && !may_be_left(task, **placed))
        });
        match left {
            Some((task, _)) if self.stopping.contains(task) => {
                Err(format!("{instance} was let go with {task} unfinished"))
            }
            Some((task, _)) => Err(format!("{instance} was let go while {task} was to run on")),
            None => Ok(()),
        }
    }

    /// A task was stopped by a function.
    fn stopped_in_time(&self, task: &TaskArn, by: InvocationId, now: DateTime<Utc>) -> Result<(), String> {
        if self.played.scenario.drainer.on_drain_timeout != OnTimeout::StopTasks {
            return Err(format!("[{}] stopped {task}, against the policy", by.0));
        }
        let home = self.stop_timeouts.home(task);
        let Some(instance) = home.and_then(|home| self.occupancy.ec2_instance(home)) else {
            return Ok(());
        };
        let action = self.latest.get(instance).and_then(|token| self.actions.get(token));
        let Some(action) = action else {
            return Err(format!("[{}] stopped {task} on {instance}, which does not wait", by.0));
        };
        let longest = self.stop_timeouts.longest(self.occupancy.arns_of(instance));
        let longest = if self.reads_all_definitions(by) { longest } else { longest.max(ASSUMED) };
        let from = action.drain_ends() - action.stops_take(longest);
        if now < from {
            let early = (from - now).num_seconds();
            return Err(format!("[{}] stopped {task} on {instance}, {early} s too early", by.0));
        }
        Ok(())
    }

    /// Whether nothing keeps an invocation from reading the task definitions in time.
    fn reads_all_definitions(&self, by: InvocationId) -> bool {
        let scenario = &self.played.scenario;
        let alone = self.places.get(&by).is_some_and(|place| place.most_waiting == 1);
        alone && scenario.faults.is_empty() && scenario.disorder == Disorder::default()
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
