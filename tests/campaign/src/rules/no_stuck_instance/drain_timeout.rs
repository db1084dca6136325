//! Once its drain timeout has passed, every drain ends by its policy.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::invocation::EnvironmentId;

use super::{Duty, Story, breach, time_to_complete};
use crate::rules::Breach;
use crate::rules::lifecycle_actions::LifecycleAction;
use crate::rules::occupancy::Occupancy;
use crate::rules::within_the_bucket::page_size;
use crate::scenario::OnTimeout;
use crate::set_up::group_name;
use crate::stage::DRAINER;

/// Of the invocations that begin after a drain timeout this many may leave the action open.
const MAY_LEAVE_OPEN: usize = 2;

/// A task that ran on an instance.
struct Ran {
    placed: DateTime<Utc>,
    /// When ECS began to stop it, or it was gone.
    stopped: Option<DateTime<Utc>>,
    /// When its container instance was deregistered: ECS lists its tasks no longer.
    deregistered: Option<DateTime<Utc>>,
}

impl Ran {
    /// Returns whether the drainer could find it then.
    fn is_listed(&self, then: DateTime<Utc>) -> bool {
        self.deregistered.is_none_or(|at| at > then)
    }
}

/// An action whose drain timeout has passed ends within its time.
pub(super) fn ends(story: &Story<'_>) -> Result<(), Breach> {
    let ran = ran(story);
    let mut occupancy = Occupancy::default();
    let mut tasks = 0;
    for entry in story.played.world.history().entries() {
        occupancy.see(entry);
        tasks += usize::from(matches!(entry.what, Occurrence::TaskPlaced { .. }));
    }
    let page = page_size(story.played);
    let calls = (tasks + occupancy.len()).div_ceil(page) * 4 + 50;
    for (token, action) in &story.actions {
        let until = action.ended.map_or(story.played.world.now(), |ended| ended.at);
        if until < action.drain_ends().max(story.calm_from) {
            continue;
        }
        let mut left_open = 0;
        for duty in story.duties.get(token).into_iter().flatten() {
            // Since when others wait is found out by the group's activities.
            let mut by = story.places.iter().filter(|(id, place)| match duty.by {
                Some(by) => **id == by,
                None => place.is_sweep() && place.group == action.group,
            });
            let unread = by.any(|(_, place)| place.activities_unread);
            if !duty.own && (unread || too_many_pages(duty.waiting, page)) || !is_sure(story, action) {
                continue;
            }
            let drain_ends = action.drain_ends() + known_late(story, action, duty, until);
            ends_in_time(story, action, duty, (drain_ends, until), calls, ran.get(action.instance))?;
            let leaves = duty.until.is_some_and(|ended| ended < until) && duty.own && duty.waiting <= 1;
            let by_policy = story.played.scenario.drainer.on_drain_timeout != OnTimeout::StopTasks;
            let began_late = duty.from >= drain_ends.max(story.calm_since(duty, until));
            let began = duty.from;
            let runs = |task: &Ran| {
                let until = |at: Option<DateTime<Utc>>| at.is_none_or(|at| Some(at) > duty.until);
                task.is_listed(began) && task.placed <= began && until(task.stopped)
            };
            let stops_nothing = ran.get(action.instance).is_some_and(|all| all.iter().any(runs));
            let had_time = duty.until.is_some_and(|ended| ended - began >= TimeDelta::seconds(15));
            left_open += usize::from(leaves && (by_policy || stops_nothing && had_time) && began_late);
            if left_open > MAY_LEAVE_OPEN {
                let instance = action.instance;
                let how = format!("the drain timeout of {instance} has passed, and {DRAINER} republishes on");
                return breach(duty.from, how);
            }
        }
    }
    Ok(())
}

fn ends_in_time(
    story: &Story<'_>,
    action: &LifecycleAction<'_>,
    duty: &Duty,
    (drain_ends, until): (DateTime<Utc>, DateTime<Utc>),
    calls: usize,
    ran: Option<&Vec<Ran>>,
) -> Result<(), Breach> {
    let scenario = &story.played.scenario;
    let until = duty.until.map_or(until, |ended| ended.min(until));
    let from = drain_ends.max(story.calm_since(duty, until)).max(duty.from);
    let takes = time_to_complete(scenario, duty, calls, true);
    let stops = scenario.drainer.on_drain_timeout == OnTimeout::StopTasks;
    let ends = if stops { from.max(action.hook_ends()) } else { from };
    let by = duty.by.map_or("the sweeps".to_owned(), |id| format!("[{}]", id.0));
    if until - ends > takes {
        let how = format!("the drain timeout of {} has passed, and {by} does not end it", action.instance);
        return breach(ends + takes, how);
    }
    let left = |task: &&Ran| {
        let stopped_by = from.max(task.placed) + takes;
        task.is_listed(stopped_by) && until > stopped_by && task.stopped.is_none_or(|at| at > stopped_by)
    };
    if stops && ran.into_iter().flatten().any(|task| left(&task)) {
        let how = format!("the drain timeout of {} has passed, and {by} stops no task", action.instance);
        return breach(from + takes + TimeDelta::seconds(1), how);
    }
    Ok(())
}

/// How much later than its start an action behind a load balancer seems to have begun, for what has
/// no notice of it. The group's activities begin with the connection draining, up to an hour before
/// the action. So the time counts at which an environment first read the group.
fn known_late(
    story: &Story<'_>,
    action: &LifecycleAction<'_>,
    duty: &Duty,
    until: DateTime<Utc>,
) -> TimeDelta {
    let mut groups = story.played.scenario.clusters.iter().enumerate().flat_map(|(cluster, plan)| {
        plan.groups.iter().enumerate().map(move |(number, group)| (group_name(cluster, number), group))
    });
    let group = groups.find(|(name, _)| name == action.group).map(|(_, group)| group);
    if duty.own || group.is_none_or(|group| group.options.connection_draining_seconds.is_none()) {
        return TimeDelta::zero();
    }
    let mut first: BTreeMap<EnvironmentId, DateTime<Utc>> = BTreeMap::new();
    for (id, place) in &story.places {
        let since = place.readings.iter().map(|(at, _)| *at).find(|at| *at >= action.opened);
        let since = since.filter(|at| place.group == action.group && *at <= until);
        if let Some((invocation, since)) = story.invocations.get(id).zip(since) {
            let first = first.entry(invocation.environment).or_insert(since);
            *first = since.min(*first);
        }
    }
    first.into_values().max().map_or(TimeDelta::zero(), |first| first - action.opened)
}

fn is_sure(story: &Story<'_>, action: &LifecycleAction<'_>) -> bool {
    story.sure.get(action.group).copied().unwrap_or(false)
}

/// The tasks that ran on each instance, ghosts left out.
fn ran<'a>(story: &Story<'a>) -> BTreeMap<&'a Ec2InstanceId, Vec<Ran>> {
    let mut occupancy = Occupancy::default();
    let mut instances: BTreeMap<&ContainerInstanceArn, &Ec2InstanceId> = BTreeMap::new();
    let mut registrations: BTreeMap<&Ec2InstanceId, usize> = BTreeMap::new();
    let mut ran: BTreeMap<&TaskArn, (&Ec2InstanceId, Ran)> = BTreeMap::new();
    for entry in story.played.world.history().entries() {
        occupancy.see(entry);
        match &entry.what {
            Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                instances.insert(container_instance, ec2_instance_id);
                *registrations.entry(ec2_instance_id).or_default() += 1;
            }
            Occurrence::TaskPlaced { task, container_instance, .. } => {
                let Some(instance) = instances.get(container_instance) else { continue };
                ran.insert(task, (instance, Ran { placed: entry.at, stopped: None, deregistered: None }));
            }
            Occurrence::ContainerInstanceStatus {
                container_instance,
                status: ContainerInstanceStatus::Inactive,
            } => {
                let of = instances.get(container_instance);
                for (_, ran) in ran.values_mut().filter(|(instance, _)| of == Some(instance)) {
                    ran.deregistered = ran.deregistered.or(Some(entry.at));
                }
            }
            Occurrence::TaskStopping { task, .. }
            | Occurrence::TaskStatus { task, status: LastStatus::Stopped }
            | Occurrence::TaskKilled { task, .. } => {
                if let Some((_, ran)) = ran.get_mut(task) {
                    ran.stopped = ran.stopped.or(Some(entry.at));
                }
            }
            _ => {}
        }
    }
    let mut by_instance: BTreeMap<&Ec2InstanceId, Vec<Ran>> = BTreeMap::new();
    // Of an instance that registered anew, some registration may be a ghost.
    for (instance, task) in ran.into_values().filter(|(of, _)| registrations.get(of) == Some(&1)) {
        by_instance.entry(instance).or_default().push(task);
    }
    by_instance
}

/// Returns whether a group has more activities than pages of them are read.
fn too_many_pages(waiting: usize, page: usize) -> bool {
    waiting > page * 30
}
