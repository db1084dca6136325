//! How many hosts each Auto Scaling group of a cluster is missing and can lose, computed from the
//! tasks' own needs.
//!
//! | module | purpose |
//! | --- | --- |
//! | `snapshot` | the cluster and its groups as they were read |
//! | `memory` | what is kept of the groups from one snapshot to the next |
//! | `headroom` | the room that is kept free beyond the waiting tasks |
//! | `amounts` | what a task takes of a host, and what a host has of it |
//! | `eligibility` | which hosts a task may be placed on, were they empty |
//! | `task_kind` | the kinds of tasks that services start |
//! | `hosts` | the hosts, each with its group and its room |
//! | `waiting_tasks` | how many tasks of each kind wait |
//! | `scale_out` | how many hosts each group is missing |
//! | `certificate` | whether tasks that must move are all placed, wherever ECS places them |
//! | `scale_in` | how many hosts each group can lose, whichever they are |
//! | `decision` | what is decided, with the reasons |
//! | `direct` | what direct scaling does to each group |
//! | `direct_decision` | the decisions of direct scaling, with the reasons for no more |
//! | `scale_out_target` | the desired capacity that a group is raised to |
//! | `removal_plan` | which hosts can be removed one after another |
//! | `drain_cost` | what it costs to drain a host |
//! | `zones` | the hosts of a group by Availability Zone |
//! | `max_draining` | how many hosts of a group may drain at once |
//! | `scaling_memory` | what direct scaling keeps from one decision to the next |

mod amounts;
mod certificate;
mod decision;
mod direct;
mod direct_decision;
mod drain_cost;
mod eligibility;
mod headroom;
mod hosts;
mod max_draining;
mod memory;
mod removal_plan;
mod scale_in;
mod scale_out;
mod scale_out_target;
mod scaling_memory;
mod snapshot;
mod task_kind;
mod waiting_tasks;
mod zones;

#[cfg(test)]
mod adversary;
#[cfg(test)]
mod drawn;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod packer;
#[cfg(test)]
mod planned;
#[cfg(test)]
mod rounds;
#[cfg(test)]
mod scaled;
#[cfg(test)]
mod situations;

use std::collections::BTreeSet;

pub use decision::{
    Decision, GroupDecision, GroupHosts, Held, HeldReason, Missing, MissingReason, NotUnderstood, Removable,
    Unplaceable,
};
pub use direct::{Direct, DirectSettings, suspended};
pub use direct_decision::{DirectDecision, GroupScalingDecision, HeldBack, Removal};
use fixedbitset::FixedBitSet;
pub use headroom::{Headroom, NotAHeadroom};
pub use max_draining::{MaxDraining, NotAMaxDraining};
pub use memory::{Memory, UNJOINED_MAX};
pub use scale_out_target::CapacityTarget;
pub use scaling_memory::{AFTER_SCALE_OUT, ScalingMemory};
pub use snapshot::{Members, PlacedTask, Snapshot, not_understood};

use self::amounts::{Amounts, count};
use self::eligibility::Eligibility;
use self::hosts::{Host, Standing};
use self::memory::unjoined;
use self::task_kind::{TaskKind, TaskKinds};
use self::waiting_tasks::WaitingTasks;
use crate::capacity::Demanded;
use crate::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use crate::service::SchedulingStrategy;

/// A host with room for a task.
#[derive(Debug, Clone, Copy)]
struct Room {
    host: usize,
    /// True if no task of its service is there, as far as it is known.
    apart: bool,
}

/// A cluster and its groups, ready to be decided upon.
#[derive(Debug)]
pub struct Fleet<'a> {
    snapshot: &'a Snapshot,
    memory: &'a Memory,
    headroom: Headroom,
    hosts: Vec<Host<'a>>,
    kinds: TaskKinds,
    waiting: WaitingTasks,
    /// Of each kind, the tasks that its service has beyond those that it wants.
    surplus: Vec<u64>,
    /// The EC2 instances that have a container instance.
    joined: BTreeSet<&'a str>,
    /// The hosts that tasks may move to, those with most room first.
    rooms: Vec<usize>,
    /// For each kind, and each of its domains, those of these hosts with room for one of its tasks.
    rooms_of: Vec<Vec<Vec<Room>>>,
    /// The hosts of each group that show what a new one is like, the smallest first.
    by_size: Vec<Vec<usize>>,
    /// The hosts of each group that joined last, the last one first: at most two.
    newest: Vec<Vec<usize>>,
    /// The capacity units of each group's instances that are there to take tasks.
    units: Vec<u64>,
    /// The most that a host has of each resource.
    largest: Amounts,
    /// For each kind the kinds that may take room from it.
    blocking: Vec<FixedBitSet>,
    /// The kinds of which the headroom is one more task.
    one_more: Vec<usize>,
    /// The services whose tasks a deployment or a further task set replaces.
    being_deployed: BTreeSet<&'a str>,
}

impl<'a> Fleet<'a> {
    /// Works out which tasks may be placed on which hosts.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, memory: &'a Memory, headroom: Headroom) -> Self {
        let candidates = hosts::candidates(snapshot, memory);
        let mut kinds = TaskKinds::of(snapshot, &mut Eligibility::new(snapshot, &candidates));
        if let Headroom::Percent(_) = headroom {
            kinds.add_unapart();
        }
        let hosts = hosts::hosts(snapshot, memory, &candidates, &kinds.daemons);
        let largest = hosts.iter().fold(Amounts::default(), |most, host| most.at_least(&host.empty));
        let joined = snapshot.container_instances.iter().map(|it| it.ec2_instance_id.as_str()).collect();
        let groups = 0..snapshot.groups.len();
        let units = snapshot.groups.iter().map(|group| {
            let there = group.instances.iter().filter(|instance| instance.is_to_serve());
            there.map(|instance| u64::from(instance.weight)).sum()
        });
        let rooms = rooms(&hosts, &largest);
        let mut fleet = Self {
            rooms_of: rooms_of(&hosts, &rooms, &kinds.all),
            waiting: WaitingTasks::default(),
            surplus: Vec::new(),
            rooms,
            by_size: groups.clone().map(|group| by_size(&hosts, &kinds.all, group)).collect(),
            newest: groups.map(|group| newest(&hosts, group)).collect(),
            units: units.collect(),
            blocking: blocking(&kinds.all),
            snapshot,
            memory,
            headroom,
            hosts,
            kinds,
            joined,
            largest,
            one_more: Vec::new(),
            being_deployed: being_deployed(snapshot),
        };
        fleet.waiting = WaitingTasks::of(&fleet);
        fleet.surplus = fleet.surplus_tasks();
        fleet.one_more = fleet.kinds_of_one_more();
        fleet
    }

    /// The container instances whose tasks must be read before [`decide`](Self::decide) can decide
    /// all that it could. Those that the snapshot has already are not among them.
    #[must_use]
    pub fn tasks_needed(&self) -> BTreeSet<ContainerInstanceArn> {
        let mut needed = scale_in::tasks_needed(self);
        needed.extend(self.leaving());
        // A task that is kept apart from the others of its service may wait while there is room.
        for (kind, tasks) in self.kinds.all.iter().zip(&self.waiting.at_least) {
            if kind.distinct && *tasks > 0 {
                let hosts = kind.domains.iter().flat_map(FixedBitSet::ones);
                needed.extend(hosts.filter_map(|host| self.unread(host)));
            }
        }
        needed
    }

    /// The container instances with tasks that must be placed elsewhere, or may need that, and
    /// that were not read.
    #[must_use]
    pub fn leaving(&self) -> BTreeSet<ContainerInstanceArn> {
        let leaving = self.hosts.iter().enumerate().filter(|(_, host)| host.leaves());
        leaving.filter_map(|(host, _)| self.unread(host)).collect()
    }

    /// Decides the hosts that each group is missing and can lose.
    #[must_use]
    pub fn decide(&self) -> Decision {
        let (missing, removable) = (scale_out::missing(self), scale_in::removable(self));
        let groups = self.snapshot.groups.iter().enumerate().zip(missing.into_iter().zip(removable));
        let groups = groups.map(|((number, group), (missing, removable))| GroupDecision {
            group: group.name.clone(),
            hosts: self.count_hosts(number),
            missing,
            removable,
        });
        let not_understood = self.kinds.all.iter().chain(&self.kinds.daemons);
        let mut not_understood: Vec<_> =
            not_understood.filter_map(|kind| kind.not_understood.clone()).collect();
        not_understood.dedup();
        Decision {
            waiting_tasks: self.waiting.at_least.iter().sum(),
            unplaceable: self.unplaceable(),
            not_understood,
            groups: groups.collect(),
        }
    }

    /// What the services may start that may be placed on hosts of a group, or on any host: what the
    /// book's figures are about.
    #[must_use]
    pub fn demanded(&self, group: Option<&str>) -> Vec<Demanded> {
        let number = group.and_then(|group| self.snapshot.groups.iter().position(|it| it.name == group));
        let of_group = |host: usize| self.hosts.get(host).is_some_and(|it| it.group == number);
        let may_run = |kind: &&TaskKind| {
            let mut hosts = kind.domains.iter().flat_map(FixedBitSet::ones);
            kind.not_understood.is_none() && (group.is_none() || hosts.any(of_group))
        };
        let own = self.kinds.all.iter().filter(|kind| self.kinds.is_of_deployment(kind));
        own.filter(may_run)
            .map(|kind| Demanded {
                service: kind.service.clone(),
                definition: kind.definition.clone(),
                needs: kind.described.clone(),
            })
            .collect()
    }

    fn count_hosts(&self, number: usize) -> GroupHosts {
        let Some(group) = self.snapshot.groups.get(number) else { return GroupHosts::default() };
        let mut hosts = GroupHosts {
            unjoined_hosts: count(unjoined(group, &self.joined).count()),
            ..GroupHosts::default()
        };
        for host in
            self.hosts.iter().filter(|it| it.group == Some(number) && it.standing != Standing::Remembered)
        {
            match host.instance.status {
                ContainerInstanceStatus::Active if host.instance.agent_connected => hosts.active_hosts += 1,
                ContainerInstanceStatus::Active => hosts.disconnected_hosts += 1,
                ContainerInstanceStatus::Draining => hosts.draining_hosts += 1,
                _ => {}
            }
        }
        hosts
    }

    /// The tasks that fit on no host, however empty except for its daemons. Where nobody knows what
    /// a group's hosts are like, they may fit there.
    fn unplaceable(&self) -> Vec<Unplaceable> {
        let groups = self.snapshot.groups.iter().enumerate();
        let unknown: Vec<&str> = groups
            .filter(|(number, _)| self.by_size.get(*number).is_none_or(Vec::is_empty))
            .map(|(_, group)| group.name.as_str())
            .collect();
        let kinds = self.kinds.all.iter().enumerate().filter(|(number, kind)| {
            let wanted = kind.desired > 0 && kind.not_understood.is_none() && !kind.domains.is_empty();
            wanted
                && !unknown.iter().any(|group| kind.may_be_of_group(group))
                && !(0..self.hosts.len()).any(|host| self.fits_when_empty(*number, host))
        });
        let unplaceable = kinds.filter(|_| !self.hosts.is_empty()).map(|(_, kind)| Unplaceable {
            service: kind.service.clone(),
            task_definition: kind.definition.clone(),
            lacks: self.lacking(kind),
        });
        unplaceable.collect()
    }

    /// The resources that the largest eligible host lacks for a task.
    fn lacking(&self, kind: &TaskKind) -> String {
        let hosts = kind.domains.iter().flat_map(FixedBitSet::ones).filter_map(|host| self.hosts.get(host));
        let largest = hosts.max_by_key(|host| (host.empty.0[1], host.empty.0[0]));
        let lacking = largest.map(|host| kind.needs.lacking_in(&host.empty).unwrap_or("PORTS"));
        lacking.unwrap_or("a host that meets its constraints").to_owned()
    }

    /// The tasks to place, by kind: the `waiting` ones, and the share of the headroom, less as many
    /// of its tasks as are `placed` already.
    fn to_place(&self, waiting: &[u64], placed: &[u64]) -> Vec<u64> {
        let mut tasks = waiting.to_vec();
        if let Headroom::Percent(percent) = self.headroom {
            for (number, kind) in self.kinds.all.iter().enumerate() {
                let share = (kind.desired * u64::from(percent)).div_ceil(100);
                let share = share.saturating_sub(placed.get(number).copied().unwrap_or(0));
                let kind = self.kinds.headroom_of(number);
                if let Some(tasks) = tasks.get_mut(kind) {
                    *tasks += share;
                }
            }
        }
        tasks
    }

    /// The kinds that the headroom must have room for one more task of: those of services that want
    /// at least one.
    fn kinds_of_one_more(&self) -> Vec<usize> {
        if self.headroom != Headroom::One {
            return Vec::new();
        }
        let wanted = self.kinds.all.iter().enumerate();
        let wanted = wanted.filter(|(number, kind)| {
            kind.desired > 0 && kind.not_understood.is_none() && self.fits_some_group(*number)
        });
        wanted.map(|(number, _)| number).collect()
    }

    /// Returns whether a host of some group has room for a task of a kind, were none there. A task
    /// that no group can ever take neither waits nor gets headroom.
    fn fits_some_group(&self, kind: usize) -> bool {
        let fits = |kind| self.by_size.iter().flatten().any(|host| self.fits_when_empty(kind, *host));
        self.kinds.turn_out(kind).any(fits)
    }

    /// How many groups can take tasks of a kind, then how many hosts: the fewer, the more
    /// constrained.
    fn choices(&self, kind: usize) -> (usize, usize) {
        let Some(it) = self.kinds.all.get(kind) else { return (0, 0) };
        let groups = self.by_size.iter();
        let groups =
            groups.filter(|hosts| hosts.iter().any(|host| self.fits_when_empty(kind, *host))).count();
        let hosts = it.domains.iter().cloned().reduce(|one, other| &one | &other);
        (groups, hosts.map_or(0, |hosts| hosts.count_ones(..)))
    }

    /// Returns whether tasks of `other` may take room from those of `kind`.
    fn may_block(&self, other: usize, kind: usize) -> bool {
        self.blocking.get(kind).is_some_and(|blocking| blocking.contains(other))
    }
}

fn being_deployed(snapshot: &Snapshot) -> BTreeSet<&str> {
    let services = snapshot
        .services
        .iter()
        .filter(|service| service.strategy == SchedulingStrategy::Replica && service.deployments.len() > 1);
    services.map(|service| service.name.as_str()).collect()
}

/// Those with most room first, by the resource that is scarcest there: proofs are short where there
/// is much.
fn rooms(hosts: &[Host<'_>], largest: &Amounts) -> Vec<usize> {
    let rooms = hosts.iter().enumerate();
    let rooms = rooms.filter(|(_, host)| host.standing == Standing::TakesTasks);
    let mut rooms: Vec<_> = rooms
        .map(|(number, host)| {
            let shares = host.free.0.iter().zip(largest.0).take(2);
            let least = shares.map(|(free, most)| free.saturating_mul(1_000_000) / most.max(1)).min();
            (std::cmp::Reverse(least.unwrap_or(0)), number)
        })
        .collect();
    rooms.sort_unstable();
    rooms.into_iter().map(|(_, number)| number).collect()
}

fn rooms_of(hosts: &[Host<'_>], rooms: &[usize], kinds: &[TaskKind]) -> Vec<Vec<Vec<Room>>> {
    let of_domain = |kind: &TaskKind, domain: &FixedBitSet| {
        let rooms = rooms.iter().copied().filter(|host| domain.contains(*host));
        let rooms = rooms.filter_map(|host| Some((host, hosts.get(host)?)));
        let rooms = rooms.filter(|(_, it)| it.has_room_for(kind));
        rooms
            .map(|(host, it)| Room {
                host,
                apart: kind.distinct && it.has_task_of(&kind.service) == Some(false),
            })
            .collect()
    };
    kinds.iter().map(|kind| kind.domains.iter().map(|domain| of_domain(kind, domain)).collect()).collect()
}

/// One of those hosts of a group that are alike: in size, ports, and what may be placed there.
fn by_size(hosts: &[Host<'_>], kinds: &[TaskKind], group: usize) -> Vec<usize> {
    let of_group = hosts.iter().enumerate().filter(|(_, host)| host.group == Some(group));
    let mut seen = BTreeSet::new();
    let mut of_group: Vec<_> = of_group
        .filter(|(number, host)| {
            let mut may_run = FixedBitSet::with_capacity(kinds.len());
            may_run
                .extend((0..).zip(kinds).filter(|(_, kind)| kind.may_be_on(*number)).map(|(kind, _)| kind));
            let registered = &host.instance.registered;
            let ports = (&registered.tcp_ports_taken, &registered.udp_ports_taken, &host.daemon_ports);
            seen.insert((host.empty, ports, may_run))
        })
        .map(|(number, host)| (host.empty.0[1], host.empty, number))
        .collect();
    of_group.sort_unstable();
    of_group.into_iter().map(|(.., number)| number).collect()
}

fn newest(hosts: &[Host<'_>], group: usize) -> Vec<usize> {
    let of_group = hosts.iter().enumerate();
    let mut of_group: Vec<_> = of_group
        .filter(|(_, host)| host.group == Some(group) && host.standing == Standing::TakesTasks)
        .map(|(number, host)| (std::cmp::Reverse(host.instance.registered_at), number))
        .collect();
    of_group.sort_unstable();
    of_group.into_iter().take(2).map(|(_, number)| number).collect()
}

/// For each kind those that may be on one of its hosts.
fn blocking(kinds: &[TaskKind]) -> Vec<FixedBitSet> {
    kinds
        .iter()
        .map(|kind| {
            let overlaps = |other: &TaskKind| kind.domains.iter().any(|it| !it.is_disjoint(&other.may_block));
            let mut blocking = FixedBitSet::with_capacity(kinds.len());
            blocking.extend((0..).zip(kinds).filter(|(_, other)| overlaps(other)).map(|(number, _)| number));
            blocking
        })
        .collect()
}
