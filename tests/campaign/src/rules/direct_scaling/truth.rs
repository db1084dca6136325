//! The true state of groups, and since when an invocation of the calculator could know it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::ScalingProcess;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{EnvironmentId, InvocationId};

use crate::direct_plan::DirectPlan;
use crate::rules::metric_puts::Reader;
use crate::rules::placing::Placing;
use crate::rules::read_lag;
use crate::scenario::Scenario;
use crate::set_up::{cluster_name, group_name};
use crate::stage::{CALCULATOR, Played};

/// A capacity that was set without an answer may be set again within this time of the end of its
/// invocation.
const SET_AGAIN_WITHIN: TimeDelta = TimeDelta::seconds(60);

/// The facts that the rule needs, as a history goes on.
#[derive(Debug)]
pub(super) struct Truth<'a> {
    pub(super) placing: Placing<'a>,
    pub(super) plan: Option<&'a DirectPlan>,
    /// An invocation lasts no longer.
    timeout: TimeDelta,
    of_schedule: String,
    lag: TimeDelta,
    groups: BTreeMap<String, Group>,
    running: BTreeMap<InvocationId, Invocation<'a>>,
    environments: BTreeMap<EnvironmentId, DateTime<Utc>>,
    any_deleted: bool,
}

/// A group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) desired: u32,
    pub(super) scaled_by_ecs: bool,
    /// Since when each process is suspended.
    pub(super) suspended: BTreeMap<ScalingProcess, DateTime<Utc>>,
    pub(super) refreshed_since: Option<DateTime<Utc>>,
    /// Its instances, those that leave included.
    instances: BTreeSet<Ec2InstanceId>,
    /// When each former instance was terminated. The group lists it a while longer.
    ended: Vec<DateTime<Utc>>,
    lists_for: TimeDelta,
    pub(super) leaving: BTreeSet<Ec2InstanceId>,
    /// Those of them that leave by direct scaling.
    pub(super) removed: BTreeSet<Ec2InstanceId>,
    pub(super) protected: BTreeMap<Ec2InstanceId, DateTime<Utc>>,
    /// When the desired capacity rose last, and has not fallen since.
    pub(super) raised: Option<DateTime<Utc>>,
    /// Each change of the desired capacity, and the invocation that made it.
    desired_changes: Vec<(DateTime<Utc>, Option<InvocationId>)>,
    /// When the calculator set a capacity, perhaps of this group, without an answer: the most that
    /// it could be then, where it could know the cluster.
    unanswered: Vec<(DateTime<Utc>, Option<u64>)>,
}

impl Group {
    /// Returns whether this capacity may be one that was set since then without an answer. Nobody
    /// knows if it has taken effect: a lower one might shrink the group.
    fn may_have_been_set(&self, to: u32, since: DateTime<Utc>) -> bool {
        let unanswered = self.unanswered.iter().filter(|(at, _)| *at >= since);
        unanswered.into_iter().any(|(_, most)| most.is_none_or(|most| u64::from(to) <= most))
    }

    /// The instances that it lists, or may have been seen to list.
    pub(super) fn size(&self, now: DateTime<Utc>) -> u64 {
        let listed = self.ended.iter().rev().take_while(|ended| **ended + self.lists_for >= now);
        u64::try_from(self.instances.len() + listed.count()).unwrap_or(u64::MAX)
    }
}

/// An invocation of the calculator.
#[derive(Debug)]
pub(super) struct Invocation<'a> {
    id: InvocationId,
    environment: EnvironmentId,
    started: DateTime<Utc>,
    /// When it read hosts and groups for the last time.
    hosts_read: Option<DateTime<Utc>>,
    groups_read: Option<DateTime<Utc>>,
    reader: Reader<'a>,
}

impl<'a> Truth<'a> {
    pub(super) fn of(played: &'a Played) -> Self {
        let Scenario { clusters, calculator, .. } = &played.scenario;
        let plans = clusters.first().map(|cluster| cluster.groups.as_slice()).unwrap_or_default();
        let group = |(number, plan): (usize, &crate::scenario::GroupPlan)| {
            let scaled_by_ecs = plan.options.scaled_by_ecs;
            let lingers = plan.options.lingering_seconds.unwrap_or(0);
            let lists_for = read_lag(&played.scenario) + TimeDelta::seconds(i64::from(lingers));
            let group = Group { desired: plan.hosts, scaled_by_ecs, lists_for, ..Group::default() };
            (group_name(0, number), group)
        };
        Self {
            placing: Placing::of(&played.scenario),
            plan: calculator.as_ref().and_then(|plan| plan.direct.as_ref()),
            timeout: TimeDelta::seconds(
                calculator.as_ref().map_or(0, |plan| i64::from(plan.timeout_seconds)),
            ),
            of_schedule: cluster_arn(&cluster_name(0)),
            lag: read_lag(&played.scenario),
            groups: plans.iter().enumerate().map(group).collect(),
            running: BTreeMap::new(),
            environments: BTreeMap::new(),
            any_deleted: false,
        }
    }

    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    pub(super) fn any_deleted(&self) -> bool {
        self.any_deleted
    }

    /// The invocation of the calculator that did this.
    pub(super) fn invocation(&self, entry: &Entry) -> Option<&Invocation<'a>> {
        self.running.get(&entry.by?)
    }

    /// Returns whether an invocation may set a capacity again that was set without an answer.
    pub(super) fn may_set_again(&self, group: &Group, to: u32, invocation: &Invocation<'_>) -> bool {
        group.may_have_been_set(to, invocation.started - SET_AGAIN_WITHIN - self.timeout)
    }

    /// How many invocations run at once.
    pub(super) fn at_once(&self) -> u64 {
        u64::try_from(self.running.len()).unwrap_or(u64::MAX)
    }

    /// The time before which an invocation may not have seen the cluster.
    pub(super) fn seen_from(&self, invocation: &Invocation<'_>) -> DateTime<Utc> {
        invocation.started - self.lag
    }

    /// The age of its environment.
    pub(super) fn age(&self, invocation: &Invocation<'_>, now: DateTime<Utc>) -> TimeDelta {
        let since = self.environments.get(&invocation.environment);
        since.map_or(TimeDelta::zero(), |since| now - *since)
    }

    /// Returns whether an invocation could know the cluster as it is. All its reads were true, the
    /// services' demand is what it may have seen first, and the hosts are what it read last.
    pub(super) fn is_known(&self, invocation: &Invocation<'_>) -> bool {
        let read = invocation.hosts_read.zip(invocation.groups_read).map(|(hosts, groups)| hosts.min(groups));
        let same = self.placing.wants_the_same_since(self.seen_from(invocation));
        let still = read.is_some_and(|read| self.placing.is_still_since(read - self.lag));
        invocation.reader.reads().are_true() && same && still
    }

    /// Returns whether nothing at all changed since an invocation may have seen the cluster.
    pub(super) fn is_still(&self, invocation: &Invocation<'_>) -> bool {
        invocation.reader.reads().are_true() && self.placing.is_still_since(self.seen_from(invocation))
    }

    /// The reason to leave a group alone, where an invocation could know it.
    pub(super) fn hands_off(&self, name: &str, invocation: &Invocation<'_>) -> Result<(), String> {
        let Some(group) = self.group(name) else { return Ok(()) };
        let from = self.seen_from(invocation);
        let holds = [ScalingProcess::Launch, ScalingProcess::Terminate, ScalingProcess::AlarmNotification];
        let suspended =
            holds.into_iter().find(|it| group.suspended.get(it).is_some_and(|since| *since < from));
        if let Some(process) = suspended {
            return Err(format!("{} is suspended", process.as_str()));
        }
        if group.refreshed_since.is_some_and(|since| since < from) {
            return Err("an instance refresh is under way".to_owned());
        }
        let known = group.scaled_by_ecs && self.placing.shows_provider(name, from);
        if known { Err("ECS scales it".to_owned()) } else { Ok(()) }
    }

    /// Returns whether somebody else changed a group's desired capacity since an invocation may
    /// have seen it.
    pub(super) fn is_overtaken(&self, group: &Group, invocation: &Invocation<'_>) -> bool {
        let from = self.seen_from(invocation);
        let mut since = group.desired_changes.iter().rev().take_while(|(at, _)| *at >= from);
        since.any(|(_, by)| *by != Some(invocation.id))
    }

    pub(super) fn see(&mut self, entry: &'a Entry) {
        self.placing.see(entry, &self.of_schedule);
        match &entry.what {
            Occurrence::InvocationStarted { invocation, function, environment, payload, .. }
                if function.as_ref() == CALCULATOR =>
            {
                self.environments.entry(*environment).or_insert(entry.at);
                let begun = Invocation {
                    id: *invocation,
                    environment: *environment,
                    started: entry.at,
                    hosts_read: None,
                    groups_read: None,
                    reader: Reader::new(entry.at, payload),
                };
                self.running.insert(*invocation, begun);
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                self.running.remove(invocation);
            }
            Occurrence::ApiCalled { operation, outcome } => {
                let unanswered = matches!(outcome, CallOutcome::Hung | CallOutcome::AnswerLost(_));
                if unanswered && *operation == Operation::SetDesiredCapacity {
                    self.set_without_answer(entry);
                }
                let Some(invocation) = entry.by.and_then(|by| self.running.get_mut(&by)) else { return };
                invocation.reader.see(*operation, outcome);
                match operation {
                    Operation::DescribeContainerInstances => invocation.hosts_read = Some(entry.at),
                    Operation::DescribeAutoScalingGroups => invocation.groups_read = Some(entry.at),
                    _ => {}
                }
            }
            _ => self.see_group(entry),
        }
    }

    fn set_without_answer(&mut self, entry: &Entry) {
        let Some(invocation) = self.invocation(entry) else { return };
        let known = self.is_still(invocation);
        let hosts = self.most_hosts_to_add();
        for group in self.groups.values_mut() {
            let most = known.then(|| u64::from(group.desired) + hosts);
            group.unanswered.push((entry.at, most));
        }
    }

    /// The most hosts that are added at once: one for each task that waits or is headroom, and one
    /// more.
    pub(super) fn most_hosts_to_add(&self) -> u64 {
        self.placing.waiting_tasks() + self.placing.headroom_tasks() + 1
    }

    fn see_group(&mut self, entry: &Entry) {
        let by_calculator = entry.by.is_some_and(|by| self.running.contains_key(&by));
        let (Occurrence::ProcessesSuspended { group, .. }
        | Occurrence::InstanceRefresh { group, .. }
        | Occurrence::DesiredCapacity { group, .. }
        | Occurrence::ScaleInProtection { group, .. }
        | Occurrence::InstanceLaunching { group, .. }
        | Occurrence::InstanceTerminating { group, .. }
        | Occurrence::InstanceEnteringWarmPool { group, .. }
        | Occurrence::InstanceInWarmPool { group, .. }
        | Occurrence::InstanceRetained { group, .. }
        | Occurrence::InstanceTerminated { group, .. }
        | Occurrence::GroupDeleted { group }) = &entry.what
        else {
            return;
        };
        let Some(group) = self.groups.get_mut(group) else { return };
        match &entry.what {
            Occurrence::ProcessesSuspended { processes, suspended: true, .. } => {
                for process in processes {
                    group.suspended.entry(*process).or_insert(entry.at);
                }
            }
            Occurrence::ProcessesSuspended { processes, .. } => {
                group.suspended.retain(|process, _| !processes.contains(process));
            }
            Occurrence::InstanceRefresh { in_progress, .. } => {
                group.refreshed_since = in_progress.then_some(entry.at);
            }
            Occurrence::DesiredCapacity { desired_capacity, .. } => {
                group.raised = if *desired_capacity > group.desired { Some(entry.at) } else { None };
                group.desired_changes.push((entry.at, entry.by));
                group.desired = *desired_capacity;
            }
            Occurrence::ScaleInProtection { instances, protected: true, .. } => {
                for instance in instances {
                    group.protected.entry(instance.clone()).or_insert(entry.at);
                }
            }
            Occurrence::ScaleInProtection { instances, .. } => {
                group.protected.retain(|instance, _| !instances.contains(instance));
            }
            Occurrence::InstanceLaunching { instance, .. } => {
                group.instances.insert(instance.clone());
            }
            Occurrence::InstanceTerminating { instance, .. }
            | Occurrence::InstanceEnteringWarmPool { instance, .. } => {
                group.leaving.insert(instance.clone());
                // On its way to a warm pool its group does not show it, however long that takes.
                if by_calculator && matches!(entry.what, Occurrence::InstanceTerminating { .. }) {
                    group.removed.insert(instance.clone());
                }
            }
            Occurrence::InstanceTerminated { instance, .. }
            | Occurrence::InstanceInWarmPool { instance, .. } => {
                if group.instances.remove(instance) {
                    group.ended.push(entry.at);
                }
                group.leaving.remove(instance);
                group.removed.remove(instance);
            }
            // It no longer leaves, and its group still lists it.
            Occurrence::InstanceRetained { instance, .. } => {
                group.leaving.remove(instance);
                group.removed.remove(instance);
            }
            _ => self.any_deleted = true,
        }
    }
}
