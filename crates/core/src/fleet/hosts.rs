//! The hosts of a cluster, each with its group, its room, and what it is good for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::amounts::{Amounts, HostPort, count, is_taken, known_network_interfaces};
use super::eligibility::Candidate;
use super::memory::Memory;
use super::snapshot::{PlacedTask, Snapshot};
use super::task_kind::TaskKind;
use crate::container_instance::{ContainerInstance, ContainerInstanceStatus};
use crate::lifecycle::GroupInstance;

/// A host's use to its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is in a group, and ECS places tasks there.
    TakesTasks,
    /// It is in a group, and its agent is not connected: its tasks run on, and ECS places none
    /// there until it is back.
    Disconnected,
    /// It is DRAINING, or its group terminates it: its tasks must be placed elsewhere.
    Leaving,
    /// It was in a group, or may be on its way to a warm pool, and is in none now. Its tasks may
    /// need placement elsewhere.
    LeftGroup,
    /// It is in none of the groups, on standby, or in another state that takes no tasks.
    NoRoom,
    /// It is not there any more: only an example of what its group's hosts are like.
    Remembered,
}

/// A host: an EC2 container instance.
#[derive(Debug, Clone)]
pub(super) struct Host<'a> {
    pub(super) instance: &'a ContainerInstance,
    /// The group that it belongs to, and itself as that group's instance.
    pub(super) group: Option<usize>,
    pub(super) of_group: Option<&'a GroupInstance>,
    pub(super) standing: Standing,
    /// What it has for services' tasks, were none there: what is registered, less its daemons.
    pub(super) empty: Amounts,
    /// The amounts that it has for further tasks.
    pub(super) free: Amounts,
    /// The daemons that it runs, or is about to.
    pub(super) daemons: u64,
    /// The static ports of these, which no other task gets.
    pub(super) daemon_ports: Vec<HostPort>,
    /// Its tasks, where they were read.
    pub(super) tasks: Option<&'a [PlacedTask]>,
}

impl Host<'_> {
    /// Returns whether its group keeps it to run tasks, though its agent may be away.
    pub(super) fn serves(&self) -> bool {
        matches!(self.standing, Standing::TakesTasks | Standing::Disconnected)
    }

    /// Returns whether its tasks must be placed elsewhere, or may need that.
    pub(super) fn leaves(&self) -> bool {
        matches!(self.standing, Standing::Leaving | Standing::LeftGroup)
    }

    /// Returns whether there are no more tasks than its daemons': none of a service, unless a
    /// daemon's is missing.
    pub(super) fn seems_idle(&self) -> bool {
        self.instance.tasks() <= self.daemons
    }

    /// Returns whether a task fits, by its needs and static ports, on the host as it is now.
    pub(super) fn has_room_for(&self, kind: &TaskKind) -> bool {
        let taken = |port: &HostPort| is_taken(*port, &self.instance.remaining);
        kind.needs.fit_in(&self.free) && self.has_ports_for(kind) && !kind.ports.iter().any(taken)
    }

    /// Returns whether a task fits on the host were no service's task there.
    pub(super) fn has_room_when_empty_for(&self, kind: &TaskKind) -> bool {
        kind.needs.fit_in(&self.empty) && self.has_ports_for(kind)
    }

    /// Returns whether neither the host itself nor its daemons hold a static port of a task.
    fn has_ports_for(&self, kind: &TaskKind) -> bool {
        let taken =
            |port: &HostPort| is_taken(*port, &self.instance.registered) || self.daemon_ports.contains(port);
        !kind.ports.iter().any(taken)
    }

    /// Returns whether a service has a task there. None where its tasks were not read and there are
    /// some.
    pub(super) fn has_task_of(&self, service: &str) -> Option<bool> {
        match self.tasks {
            Some(tasks) => Some(tasks.iter().any(|task| task.service.as_deref() == Some(service))),
            None => (self.instance.tasks() == 0).then_some(false),
        }
    }
}

/// The cluster's EC2 container instances, and of groups that have none the hosts that are
/// remembered.
pub(super) fn candidates<'a>(snapshot: &'a Snapshot, memory: &'a Memory) -> Vec<Candidate<'a>> {
    let mut members = BTreeMap::new();
    for (group, it) in snapshot.groups.iter().enumerate() {
        members.extend(it.instances.iter().map(|it| (it.ec2_instance_id.as_str(), (group, it))));
    }
    let newest = newest_connected(snapshot);
    let is_ghost = |it: &&ContainerInstance| it.is_ghost(newest.get(it.ec2_instance_id.as_str()).copied());
    let there = snapshot.container_instances.iter().filter(|it| is_ec2(it) && !is_ghost(it));
    let mut all: Vec<_> = there
        .map(|instance| {
            let member = members.get(instance.ec2_instance_id.as_str()).copied();
            let (group, of_group) = member.unzip();
            Candidate { instance, group, of_group, remembered: None }
        })
        .collect();
    let with_hosts: BTreeSet<_> = all.iter().filter_map(|host| host.group).collect();
    for (group, it) in snapshot.groups.iter().enumerate().filter(|(group, _)| !with_hosts.contains(group)) {
        all.extend(memory.last_hosts(&it.name).iter().map(|last| Candidate {
            instance: &last.instance,
            group: Some(group),
            of_group: None,
            remembered: Some(&last.matched),
        }));
    }
    all
}

/// When each EC2 instance whose agent is connected registered last.
fn newest_connected(snapshot: &Snapshot) -> BTreeMap<&str, DateTime<Utc>> {
    let mut newest = BTreeMap::new();
    for instance in snapshot.container_instances.iter().filter(|it| it.agent_connected) {
        let Some(at) = instance.registered_at else { continue };
        let latest = newest.entry(instance.ec2_instance_id.as_str()).or_insert(at);
        *latest = at.max(*latest);
    }
    newest
}

fn is_ec2(instance: &ContainerInstance) -> bool {
    !instance.is_external() && instance.status != ContainerInstanceStatus::Inactive
}

/// The hosts, in the candidates' order.
pub(super) fn hosts<'a>(
    snapshot: &'a Snapshot,
    memory: &Memory,
    candidates: &[Candidate<'a>],
    daemons: &[TaskKind],
) -> Vec<Host<'a>> {
    let observed = observed_network_interfaces(candidates);
    let pools = WarmPools::of(snapshot);
    let host = |(index, candidate): (usize, &Candidate<'a>)| {
        let Candidate { instance, group, of_group, remembered } = *candidate;
        let least = observed.get(&(instance.instance_type(), instance.is_trunked())).copied();
        let network_interfaces = known_network_interfaces(instance).or(least).unwrap_or(0);
        let here: Vec<_> = daemons.iter().filter(|daemon| daemon.may_be_on(index)).collect();
        let needed = here.iter().fold(Amounts::default(), |needed, daemon| needed.plus(&daemon.needs));
        let count = count(here.len());
        let empty = Amounts::registered(instance, network_interfaces).minus(&needed);
        let mut free = Amounts::remaining(instance, network_interfaces);
        if instance.tasks() < count {
            // Its daemons are still to come.
            free = free.at_most(&empty);
        }
        Host {
            instance,
            group,
            of_group,
            standing: if remembered.is_some() {
                Standing::Remembered
            } else {
                standing(instance, of_group, memory, &pools, snapshot.began)
            },
            empty,
            free,
            daemons: count,
            daemon_ports: here.iter().flat_map(|daemon| &daemon.ports).copied().collect(),
            tasks: snapshot.tasks.get(&instance.arn).map(Vec::as_slice),
        }
    };
    candidates.iter().enumerate().map(host).collect()
}

/// The most network interfaces that tasks were seen to hold on a host of each type that is not in
/// the table: it has no fewer.
fn observed_network_interfaces<'a>(candidates: &[Candidate<'a>]) -> BTreeMap<(Option<&'a str>, bool), u64> {
    let mut observed = BTreeMap::new();
    for Candidate { instance, .. } in candidates {
        if known_network_interfaces(instance).is_none() {
            let held = instance.network_interfaces.map_or(0, u64::from).max(1);
            let most = observed.entry((instance.instance_type(), instance.is_trunked())).or_insert(held);
            *most = held.max(*most);
        }
    }
    observed
}

/// The warm pools of the cluster's groups. Their groups do not show the instances on the way there,
/// which a function that has just started has not seen before.
struct WarmPools<'a> {
    /// The types of their groups' instances. None for any type: nothing shows a group's.
    types: BTreeSet<Option<&'a str>>,
}

impl<'a> WarmPools<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let pools = snapshot.groups.iter().filter(|group| group.has_warm_pool);
        let types = pools.flat_map(|group| {
            let of_instances = group.instances.iter().map(|it| Some(it.instance_type.as_str()));
            of_instances.chain(group.instances.is_empty().then_some(None))
        });
        Self { types: types.collect() }
    }

    /// Returns whether an instance that is in no group may be on its way to one of them.
    fn may_take(&self, instance: &ContainerInstance) -> bool {
        self.types.contains(&None) || self.types.contains(&instance.instance_type())
    }
}

fn standing(
    instance: &ContainerInstance,
    member: Option<&GroupInstance>,
    memory: &Memory,
    pools: &WarmPools<'_>,
    now: DateTime<Utc>,
) -> Standing {
    let Some(member) = member else {
        return match instance.status {
            ContainerInstanceStatus::Draining => Standing::Leaving,
            _ if memory.was_member(&instance.ec2_instance_id) => Standing::LeftGroup,
            _ if pools.may_take(instance) => Standing::LeftGroup,
            _ => Standing::NoRoom,
        };
    };
    let state = member.lifecycle_state.as_str();
    let leaves = state.starts_with("Terminating")
        || state.starts_with("ReplacingRootVolume")
        || memory.is_terminating(member, now);
    match instance.status {
        ContainerInstanceStatus::Draining => Standing::Leaving,
        ContainerInstanceStatus::Active if leaves => Standing::Leaving,
        ContainerInstanceStatus::Active if !member.is_to_serve() => Standing::NoRoom,
        ContainerInstanceStatus::Active if !instance.agent_connected => Standing::Disconnected,
        ContainerInstanceStatus::Active => Standing::TakesTasks,
        _ => Standing::NoRoom,
    }
}
