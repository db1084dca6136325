//! Rule 1, no early kill. A hook is completed only in three cases: every task on the instance has
//! `lastStatus` STOPPED, the instance is not in the right cluster, or the drain timeout's policy
//! has run.
//!
//! **Tasks.** The rule looks at each action of the drainer's hook that a function completes. No
//! container instance of the EC2 instance has a task that the invocation must have seen
//! (`evidence`) and that has not STOPPED. Container instances that are INACTIVE do not count, nor
//! do ghosts. A ghost is disconnected, and older than a connected one of the same EC2 instance. It
//! counts as one if it was one at any time since the longest lag before the invocation began.
//!
//! A container instance that registered too late does not count, either: later than the longest lag
//! before the invocation last listed container instances.
//!
//! **The right cluster.** An instance may not be in its group's configured cluster, and may not
//! have been there since the longest lag before its action began. Its hook is completed only if
//! another instance of its group was there in that time.
//!
//! **The result** is CONTINUE.
//!
//! **The drain timeout.** From the drain timeout on (never later than 30 s before the hook's global
//! timeout), the policy decides:
//!
//! - `stop-tasks`: as before, and from 30 s before the hook's global timeout on, also with tasks
//!   that ECS is stopping.
//! - `continue`: with any tasks.
//! - `abandon`: with any tasks, and the result is ABANDON.
//!
//! **`StopTask`** is called only with the policy `stop-tasks`, on an instance with an action at the
//! hook, and from the drain timeout on. Where the hook's global timeout comes first it is called at
//! most 450 s earlier.
//!
//! Where a termination supersedes the replacement of a root volume, the policy may run by the
//! former action's time for a while: as long as reads of the group may lag, and 10 s. A coordinator
//! and a sweep have no token. They cannot know which of both they end before they read the group.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::auto_scaling::hook::ActionResult;
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::world::history::{ActionEnd, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::evidence::Evidence;
use super::lifecycle_actions::{How, LifecycleAction, lifecycle_actions};
use super::membership::Membership;
use super::occupancy::{Occupancy, Occupied};
use super::waiting::{Place, places};
use super::{Breach, Rule, group_lag, longest_lag};
use crate::scenario::OnTimeout;
use crate::stage::{HOOK, Played};

/// See the module.
#[derive(Debug)]
pub struct NoEarlyKill;

/// A notice's time is a little later than its action's opening, and whole seconds may round it.
const ROUNDING: TimeDelta = TimeDelta::seconds(1);

/// A coordinator lists container instances for many: the last list may be of others than the one
/// that it completes.
const ROUND_OF_MANY: TimeDelta = TimeDelta::seconds(90);

/// A group is read this soon before a drain is ended without a token.
const GROUP_READ: TimeDelta = TimeDelta::seconds(11);

/// How long past the drain timeout tasks are waited for whose agent seems to be disconnected: a
/// deregistration delay and a stop timeout of usual length.
const UNSEEN: TimeDelta = TimeDelta::seconds(450);

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
    evidence: Evidence<'a>,
    membership: Membership<'a>,
    homes: BTreeMap<&'a TaskArn, &'a ContainerInstanceArn>,
    /// The tasks that ECS is stopping.
    stopping: BTreeSet<&'a TaskArn>,
    /// The action that was opened last, by instance.
    latest: BTreeMap<&'a Ec2InstanceId, &'a str>,
    /// The action before that.
    former: BTreeMap<&'a Ec2InstanceId, &'a str>,
}

/// A completion by a function.
struct Completion<'a> {
    instance: &'a Ec2InstanceId,
    result: ActionResult,
    by: InvocationId,
    /// When the invocation began.
    started: DateTime<Utc>,
    at: DateTime<Utc>,
}

impl<'a> Watch<'a> {
    fn of(played: &'a Played) -> Self {
        let entries = played.world.history().entries();
        let lag = longest_lag(&played.scenario);
        Self {
            played,
            lag,
            actions: lifecycle_actions(entries, &played.scenario),
            places: places(entries, &played.scenario),
            occupancy: Occupancy::default(),
            evidence: Evidence::with_lag(lag),
            membership: Membership::of(&played.scenario),
            homes: BTreeMap::new(),
            stopping: BTreeSet::new(),
            latest: BTreeMap::new(),
            former: BTreeMap::new(),
        }
    }

    fn see(&mut self, entry: &'a Entry) -> Result<(), String> {
        self.occupancy.see(entry);
        self.evidence.see(entry);
        self.membership.see(entry);
        match &entry.what {
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                self.homes.insert(task, container_instance);
            }
            Occurrence::TaskStopping { task, code } => {
                self.stopping.insert(task);
                if let Some(by) = entry.by.filter(|_| *code == StopCode::UserInitiated) {
                    self.stopped_in_time(task, by, entry.at)?;
                }
            }
            Occurrence::ActionOpened { hook, instance, token, .. } if hook == HOOK => {
                if let Some(former) = self.latest.insert(instance, token) {
                    self.former.insert(instance, former);
                }
            }
            Occurrence::ActionEnded { hook, instance, token, end: ActionEnd::Completed(result), .. }
                if hook == HOOK =>
            {
                let Some(by) = entry.by else { return Ok(()) };
                let started = self.places.get(&by).map_or(entry.at, |place| place.started);
                let (result, at) = (*result, entry.at);
                let completion = Completion { instance, result, by, started, at };
                if let Some(action) = self.actions.get(token.as_str()) {
                    self.completed_rightly(action, &completion)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn completed_rightly(&self, action: &LifecycleAction<'_>, it: &Completion<'_>) -> Result<(), String> {
        let former = self.taken_for(action, it.by, it.at);
        let passed = it.at + ROUNDING >= former.unwrap_or(action).drain_ends();
        let policy = Some(self.played.scenario.drainer.on_drain_timeout).filter(|_| passed);
        match (it.result, policy) {
            (ActionResult::Continue, Some(OnTimeout::Continue))
            | (ActionResult::Abandon, Some(OnTimeout::Abandon)) => return Ok(()),
            (ActionResult::Continue, _) => {}
            (ActionResult::Abandon, _) => {
                return Err(format!("{} was completed with {}", it.instance, it.result));
            }
        }
        self.proven_cluster(action, it)?;
        let action = former.unwrap_or(action);
        let hook_ends = policy.is_some() && it.at + ROUNDING >= action.hook_ends();
        // Nothing is seen to stop where no agent reports it.
        let unseen = policy.is_some() && it.at + ROUNDING >= action.drain_ends() + UNSEEN;
        let counts = |occupied: &&Occupied<'_>| {
            (!unseen || occupied.agent_connected_since(it.at - self.lag)) && self.counts(occupied, it)
        };
        let mut left = self.occupancy.of(it.instance).filter(counts).flat_map(|on| on.unfinished.keys());
        let left = left.find(|task| {
            let asked_to_stop = self.stopping.contains(**task) || self.stops_fail();
            self.evidence.must_have_seen(it.by, task) && !(hook_ends && asked_to_stop)
        });
        match left {
            Some(task) if self.stopping.contains(*task) => {
                Err(format!("{} was completed while ECS was stopping {task}", it.instance))
            }
            Some(task) => Err(format!("{} was completed while {task} was running", it.instance)),
            None => Ok(()),
        }
    }

    /// The action that an invocation may take another one for, which has superseded it just now.
    fn taken_for(
        &self,
        action: &LifecycleAction<'_>,
        by: InvocationId,
        now: DateTime<Utc>,
    ) -> Option<&LifecycleAction<'a>> {
        let has_token = self.places.get(&by).is_some_and(|place| place.is_about(action.instance.as_str()));
        let former = self.actions.get(self.former.get(action.instance)?)?;
        let superseded = former.ended.is_some_and(|ended| ended.how == How::Superseded);
        let unread = now <= action.opened + group_lag(&self.played.scenario) + GROUP_READ;
        (!has_token && superseded && unread).then_some(former)
    }

    /// Returns whether the tasks on a container instance count.
    fn counts(&self, occupied: &Occupied<'_>, it: &Completion<'_>) -> bool {
        if occupied.was_ghost_since(it.started - self.lag) {
            return false;
        }
        let of_many = self.places.get(&it.by).is_none_or(|place| !place.is_lone());
        let rounds = if of_many { ROUND_OF_MANY } else { TimeDelta::zero() };
        let found = self.evidence.found_at(it.by).unwrap_or(it.at);
        occupied.registered <= found - self.lag - rounds
    }

    /// The instance is in the configured cluster, or that is known to be the right one.
    fn proven_cluster(&self, action: &LifecycleAction<'_>, it: &Completion<'_>) -> Result<(), String> {
        let (group, since) = (action.group, it.started.min(action.opened) - self.lag);
        if self.membership.was_in_cluster(group, it.instance, since)
            || self.membership.another_was_in_cluster(group, it.instance, since)
        {
            return Ok(());
        }
        let cluster = self.membership.configured(group);
        Err(format!("{} was completed, and none of its group is in {cluster}", it.instance))
    }

    /// Returns whether calls of `StopTask` fail.
    fn stops_fail(&self) -> bool {
        let on_stops = |operation: Option<Operation>| operation.is_none_or(|it| it == Operation::StopTask);
        self.played.scenario.faults.iter().any(|fault| on_stops(fault.operation))
    }

    /// A task was stopped by a function.
    fn stopped_in_time(&self, task: &TaskArn, by: InvocationId, now: DateTime<Utc>) -> Result<(), String> {
        if self.played.scenario.drainer.on_drain_timeout != OnTimeout::StopTasks {
            return Err(format!("[{}] stopped {task}, against the policy", by.0));
        }
        let home = self.homes.get(task);
        let Some(instance) = home.and_then(|home| self.occupancy.ec2_instance(home)) else {
            return Ok(());
        };
        let action = self.latest.get(instance).and_then(|token| self.actions.get(token));
        let Some(action) = action else {
            return Err(format!("[{}] stopped {task} on {instance}, which has no action", by.0));
        };
        let from = self.taken_for(action, by, now).unwrap_or(action).stops_from();
        if now + ROUNDING < from {
            let early = (from - now).num_seconds();
            return Err(format!("[{}] stopped {task} on {instance}, {early} s too early", by.0));
        }
        Ok(())
    }
}
