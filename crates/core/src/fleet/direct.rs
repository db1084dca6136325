//! Direct scaling's action on each group, and the reason why it is no larger.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::Fleet;
use super::amounts::count;
use super::certificate::{Moving, Rooms, hosts_of_proof};
use super::decision::{Decision, Missing};
use super::direct_decision::{DirectDecision, GroupScalingDecision, HeldBack, Removal};
use super::max_draining::MaxDraining;
use super::removal_plan::{Allowed, Plan, plans, tasks_needed};
use super::scale_in::must_move;
use super::scale_out_target::target;
use super::scaling_memory::ScalingMemory;
use super::zones::Zones;
use crate::container_instance::ContainerInstanceArn;
use crate::lifecycle::{AutoScalingGroup, InstanceRefreshStatus};

/// The processes that a person suspends to keep a group as it is: while one is, nobody scales the
/// group.
const PROCESSES: [&str; 3] = ["Launch", "Terminate", "AlarmNotification"];

/// Hosts are observed this long before they could go after a scale-out: the schedule decides each
/// minute. Earlier there is no plan, and no task is read for one, while a burst is met.
const EARLY: TimeDelta = TimeDelta::minutes(1);

/// Hosts of a group that are observed at most, unless more may drain at once.
const OBSERVED_MAX: u64 = 200;

/// How groups are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectSettings {
    /// How long a host must have been removable in every decision.
    pub scale_in_after: TimeDelta,
    /// The hosts of a group that may drain at once.
    pub max_draining: MaxDraining,
}

/// The inputs of direct scaling beside the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Direct<'a> {
    /// How groups are scaled.
    pub settings: DirectSettings,
    /// The memory of the groups, this snapshot included.
    pub memory: &'a ScalingMemory,
    /// The newest instance refresh of each group. A group that is not among them could not be read.
    pub refreshes: &'a BTreeMap<String, Option<InstanceRefreshStatus>>,
}

/// Why a group is left alone by what its own description says. It is asked again right before a
/// call.
#[must_use]
pub fn suspended(group: &AutoScalingGroup) -> Option<HeldBack> {
    let process = PROCESSES.iter().find(|process| group.suspended.contains(**process))?;
    Some(HeldBack::ProcessSuspended { process: (*process).to_owned() })
}

impl Fleet<'_> {
    /// The container instances whose tasks must be read before [`scale`](Self::scale) can decide
    /// all that it could.
    #[must_use]
    pub fn tasks_needed_to_scale(
        &self,
        decision: &Decision,
        direct: &Direct<'_>,
    ) -> BTreeSet<ContainerInstanceArn> {
        tasks_needed(self, &self.allowed(decision, direct))
    }

    /// Decides what is done to each group.
    #[must_use]
    pub fn scale(&self, decision: &Decision, direct: &Direct<'_>) -> DirectDecision {
        let allowed = self.allowed(decision, direct);
        let plans = plans(self, &allowed);
        let mut removed = BTreeSet::new();
        let groups = decision.groups.iter().enumerate().zip(plans).map(|((number, decided), plan)| {
            let hands_off = self.hands_off(number, direct);
            let group = self.snapshot.groups.get(number);
            let asked = group.and_then(|group| direct.memory.asked(group, self.snapshot.began));
            let raise = hands_off.is_none().then(|| target(self, number, &decided.missing, asked)).flatten();
            let (remove, held_back) = match hands_off {
                Some(why) => (Vec::new(), Some(why)),
                None => self.due(number, &decided.missing, &plan, direct),
            };
            removed.extend(remove.iter().copied());
            let removal = |host: usize| self.removal(number, host, direct);
            GroupScalingDecision {
                group: decided.group.clone(),
                raise,
                removable: plan
                    .hosts
                    .iter()
                    .filter(|it| !remove.contains(it))
                    .filter_map(|it| removal(*it))
                    .collect(),
                remove: remove.into_iter().filter_map(removal).collect(),
                held_back,
                held_by: plan.held_by,
            }
        });
        let mut groups: Vec<_> = groups.collect();
        let relies_on = self.relies_on(&removed).unwrap_or_else(|| {
            for group in &mut groups {
                group.remove.clear();
            }
            BTreeMap::new()
        });
        DirectDecision { groups, relies_on }
    }

    /// Why a group is left alone.
    fn hands_off(&self, number: usize, direct: &Direct<'_>) -> Option<HeldBack> {
        let group = self.snapshot.groups.get(number)?;
        if let Some(provider) = self.snapshot.scaled_by_ecs.get(&group.name) {
            return Some(HeldBack::ScaledByEcs { capacity_provider: provider.clone() });
        }
        if let Some(suspended) = suspended(group) {
            return Some(suspended);
        }
        match direct.refreshes.get(&group.name) {
            None => Some(HeldBack::RefreshesNotRead),
            Some(refresh) => refresh
                .as_ref()
                .filter(|status| status.is_under_way())
                .map(|status| HeldBack::InstanceRefresh { status: status.to_string() }),
        }
    }

    /// What the plan of each group may take: as many hosts as can be removed while the last of them
    /// is observed.
    fn allowed(&self, decision: &Decision, direct: &Direct<'_>) -> Vec<Allowed> {
        let DirectSettings { scale_in_after, max_draining } = direct.settings;
        let minutes = u64::try_from(scale_in_after.num_minutes()).unwrap_or(0);
        let groups = self.snapshot.groups.iter().enumerate().zip(&decision.groups);
        let allowed = groups.map(|((number, group), decided)| {
            let until = direct.memory.scaled_out_until(&group.name, self.snapshot.began);
            let is_early = until.is_some_and(|until| until - self.snapshot.began > scale_in_after + EARLY);
            if decided.missing.units != Some(0) || is_early || self.hands_off(number, direct).is_some() {
                return Allowed::default();
            }
            let most = max_draining.of(self.hosts_of(group, number));
            let hosts = (most * (minutes + 1)).min(most.max(OBSERVED_MAX));
            let before = (0..self.hosts.len()).filter(|host| {
                let id = self.hosts.get(*host).filter(|it| it.group == Some(number));
                let id = id.and_then(|it| Some(&it.of_group?.ec2_instance_id));
                id.is_some_and(|id| {
                    direct.memory.removable_since(&group.name, id, self.snapshot.began).is_some()
                })
            });
            Allowed { hosts: usize::try_from(hosts).unwrap_or(usize::MAX), before: before.collect() }
        });
        allowed.collect()
    }

    /// The hosts of a group: those that are there or are launched, and those that leave.
    fn hosts_of(&self, group: &AutoScalingGroup, number: usize) -> usize {
        let serving = group.instances.iter().filter(|it| it.is_to_serve()).count();
        let terminating = group.instances.iter().filter(|it| it.lifecycle_state.starts_with("Terminating"));
        (serving + terminating.count()).max(self.leaving_hosts(number))
    }

    /// The hosts of a plan that are removed now, and why there are no more.
    fn due(
        &self,
        number: usize,
        missing: &Missing,
        plan: &Plan,
        direct: &Direct<'_>,
    ) -> (Vec<usize>, Option<HeldBack>) {
        let Some(group) = self.snapshot.groups.get(number) else { return (Vec::new(), None) };
        let now = self.snapshot.began;
        let leaving = count(self.leaving_hosts(number));
        let most = direct.settings.max_draining.of(self.hosts_of(group, number));
        if let Some(why) = self.holds_all(number, group, missing, plan, direct) {
            return (Vec::new(), Some(why));
        }
        if leaving >= most {
            return (Vec::new(), Some(HeldBack::EnoughDraining { draining: leaving, most }));
        }
        let since = |host: usize| {
            let id = self.ec2_instance(host)?;
            Some(direct.memory.removable_since(&group.name, id, now).unwrap_or(now))
        };
        let due_at = |host: usize| Some(since(host)? + direct.settings.scale_in_after);
        let is_due = |host: &usize| due_at(*host).is_some_and(|at| at <= now);
        let mut due: Vec<usize> = plan.hosts.iter().copied().filter(is_due).collect();
        if due.is_empty() {
            let first = plan.hosts.iter().filter_map(|host| due_at(*host)).min();
            return (Vec::new(), first.map(|until| HeldBack::NotLongEnough { until }));
        }
        let (mut remove, mut zones) = (Vec::new(), Zones::of(self, number));
        while leaving + count(remove.len()) < most {
            let next = due.iter().position(|host| {
                self.hosts.get(*host).is_some_and(|it| zones.has_most(it) && zones.spread_until(it).is_none())
            });
            let Some(next) = next else { break };
            let host = due.remove(next);
            if let Some(it) = self.hosts.get(host) {
                zones.remove(it);
            }
            remove.push(host);
        }
        let held_back = (!due.is_empty()).then(|| {
            let draining = leaving + count(remove.len());
            if draining >= most { HeldBack::EnoughDraining { draining, most } } else { HeldBack::OtherZone }
        });
        (remove, held_back)
    }

    /// Why a group loses no host at all.
    fn holds_all(
        &self,
        number: usize,
        group: &AutoScalingGroup,
        missing: &Missing,
        plan: &Plan,
        direct: &Direct<'_>,
    ) -> Option<HeldBack> {
        let now = self.snapshot.began;
        if missing.units != Some(0) {
            return Some(HeldBack::HostsMissing);
        }
        if let Some(until) = direct.memory.scaled_out_until(&group.name, now) {
            return Some(HeldBack::ScaledOut { until });
        }
        if plan.hosts.is_empty() {
            return Some(HeldBack::NothingRemovable);
        }
        if let Some(service) = self.waits_for(number) {
            return Some(HeldBack::TasksWait { service: service.to_owned() });
        }
        let there = self.units.get(number).copied().unwrap_or(0);
        let is_coming = group.instances.iter().any(|it| it.lifecycle_state.starts_with("Pending"));
        if is_coming || there < u64::from(group.desired) {
            return Some(HeldBack::HostsComing);
        }
        // A group with weights has more than its desired capacity where it could lose no instance
        // without having less.
        let lightest =
            group.instances.iter().filter(|it| it.is_to_serve()).map(|it| u64::from(it.weight).max(1));
        let spare = there - u64::from(group.desired);
        lightest.min().filter(|lightest| spare >= *lightest).map(|_| HeldBack::GroupShrinks)
    }

    fn removal(&self, number: usize, host: usize, direct: &Direct<'_>) -> Option<Removal> {
        let group = self.snapshot.groups.get(number)?;
        let instance = self.ec2_instance(host)?.clone();
        let now = self.snapshot.began;
        let since = direct.memory.removable_since(&group.name, &instance, now).unwrap_or(now);
        let tasks = self.moved_from(host).iter().map(|(_, tasks)| tasks).sum();
        Some(Removal { instance, tasks, removable_since: since })
    }

    /// The hosts that the proof for these removals relies on, all of them together. None where
    /// there is no proof.
    fn relies_on(&self, removed: &BTreeSet<usize>) -> Option<BTreeMap<ContainerInstanceArn, u64>> {
        if removed.is_empty() {
            return Some(BTreeMap::new());
        }
        let mut moving: Moving = must_move(self).ok()?;
        let mut rooms = Rooms::default();
        rooms.without.grow(self.hosts.len());
        for host in removed {
            moving.add_all(&self.moved_from(*host));
            rooms.without.insert(*host);
        }
        let relied_on = hosts_of_proof(self, &rooms, &moving, &self.one_more)?;
        let hosts = relied_on.ones().chain(removed.iter().copied());
        let hosts = hosts.filter_map(|host| self.hosts.get(host));
        Some(hosts.map(|host| (host.instance.arn.clone(), host.instance.version)).collect())
    }
}
