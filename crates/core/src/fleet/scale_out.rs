//! How many hosts each group is missing: the waiting tasks, most constrained and largest first,
//! onto the first room that they fit into.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Fleet;
use super::amounts::{Amounts, HostPort, count};
use super::decision::{Missing, MissingReason};
use super::hosts::{Host, Standing};
use super::memory::{UNJOINED_MAX, unjoined};
use super::task_kind::TaskKind;
use crate::container_instance::ContainerInstance;
use crate::service::Deployment;

/// Room on one host: one that is there, one that is coming, or one to add.
#[derive(Debug, Clone)]
struct Bin {
    /// The host that it is, or is like.
    host: usize,
    group: Option<usize>,
    /// True if the host is there, with tasks on it.
    there: bool,
    /// True if nothing was placed there yet: a host that is coming may be of any of its group's
    /// sizes until then.
    open: bool,
    free: Amounts,
    ports: Vec<HostPort>,
    /// The services with a task of `distinctInstance` that were placed there.
    distinct: Vec<String>,
}

/// The groups that get no further host, each with the reason.
type Refusals = Vec<(usize, MissingReason)>;

/// The result of placing the waiting tasks.
#[derive(Debug, Clone, Default)]
struct Packing {
    bins: Vec<Bin>,
    /// New hosts, in capacity units, by group.
    new_units: BTreeMap<usize, u64>,
    new_hosts: u64,
    /// For each group the service of the first task that a new host is for, and how many tasks
    /// found room on new hosts.
    placed_on_new: BTreeMap<usize, (String, u64)>,
    /// Why a group got no further host.
    refused: BTreeMap<usize, MissingReason>,
    /// Groups of which one host is launched to learn what they are like.
    to_learn: BTreeMap<usize, u64>,
}

/// The hosts that each group is missing, in the groups' order.
pub(super) fn missing(fleet: &Fleet<'_>) -> Vec<Missing> {
    let packing = best_packing(fleet);
    let with_headroom = add_headroom(fleet, &packing);
    let groups = fleet.snapshot.groups.iter().enumerate();
    groups.map(|(number, _)| missing_of_group(fleet, &packing, &with_headroom, number)).collect()
}

fn missing_of_group(
    fleet: &Fleet<'_>,
    packing: &Packing,
    headroom: &BTreeMap<usize, (String, u64)>,
    number: usize,
) -> Missing {
    let Some(group) = fleet.snapshot.groups.get(number) else {
        return Missing { units: None, reason: MissingReason::HasRoom };
    };
    if let Some(provider) = fleet.snapshot.scaled_by_ecs.get(&group.name) {
        let reason = MissingReason::ScaledByEcs { capacity_provider: provider.clone() };
        return Missing { units: None, reason };
    }
    if let Some(instance) = fleet.overdue(number).first() {
        let reason = MissingReason::HostsDoNotJoin { instance: (*instance).to_owned() };
        return Missing { units: None, reason };
    }
    let units = packing.new_units.get(&number).copied().unwrap_or(0);
    let more = headroom.get(&number).map_or(0, |(_, units)| *units);
    let reason = if let Some((service, waiting_tasks)) = packing.placed_on_new.get(&number) {
        MissingReason::NoRoom { service: service.clone(), waiting_tasks: *waiting_tasks }
    } else if packing.to_learn.contains_key(&number) {
        MissingReason::FromZero
    } else if let Some((service, _)) = headroom.get(&number) {
        MissingReason::NoRoom { service: service.clone(), waiting_tasks: 0 }
    } else {
        packing.refused.get(&number).cloned().unwrap_or(MissingReason::HasRoom)
    };
    let learn = packing.to_learn.get(&number).copied().unwrap_or(0);
    Missing { units: Some(units + more + learn), reason }
}

/// First fit in a few orders: the one that needs the fewest hosts.
fn best_packing(fleet: &Fleet<'_>) -> Packing {
    let bins = bins(fleet);
    let waiting = fleet.to_place(&fleet.waiting.at_least, &fleet.surplus);
    let kinds = waiting.iter().enumerate().filter(|(_, tasks)| **tasks > 0);
    let kinds: Vec<_> = kinds.map(|(kind, _)| (fleet.choices(kind), kind)).collect();
    let by = |first: &dyn Fn(usize) -> u64, size: fn(&Fleet<'_>, usize) -> u64| {
        let mut order = kinds.clone();
        order.sort_by_key(|(choices, kind)| (Reverse(first(*kind)), *choices, Reverse(size(fleet, *kind))));
        pack(fleet, bins.clone(), &waiting, order.iter().map(|(_, kind)| *kind))
    };
    let none = |_| 0;
    let best = by(&none, largest_share);
    if best.new_hosts == 0 {
        return best;
    }
    // Where a host takes one task of a kind, others fill up the hosts that these need anyhow.
    let apart = |kind| if is_one_a_host(fleet, kind) { waiting.get(kind).copied().unwrap_or(0) } else { 0 };
    [by(&none, cpu), by(&none, memory), by(&apart, largest_share)]
        .into_iter()
        .fold(best, |best, other| if other.new_hosts < best.new_hosts { other } else { best })
}

/// Returns whether a host takes no more than one task of a kind.
fn is_one_a_host(fleet: &Fleet<'_>, kind: usize) -> bool {
    fleet.kinds.all.get(kind).is_some_and(|kind| kind.distinct || !kind.ports.is_empty())
}

fn cpu(fleet: &Fleet<'_>, kind: usize) -> u64 {
    fleet.kinds.all.get(kind).map_or(0, |kind| kind.needs.0[0])
}

fn memory(fleet: &Fleet<'_>, kind: usize) -> u64 {
    fleet.kinds.all.get(kind).map_or(0, |kind| kind.needs.0[1])
}

/// The largest share of the largest host that a task takes, in millionths.
fn largest_share(fleet: &Fleet<'_>, kind: usize) -> u64 {
    let Some(kind) = fleet.kinds.all.get(kind) else { return 0 };
    let shares = kind.needs.0.iter().zip(fleet.largest.0);
    shares.map(|(needed, most)| needed.saturating_mul(1_000_000) / most.max(1)).max().unwrap_or(0)
}

/// The room that there is, and that is coming: hosts that are disconnected keep theirs, as their
/// agents come back.
fn bins(fleet: &Fleet<'_>) -> Vec<Bin> {
    let there = fleet.hosts.iter().enumerate().filter(|(_, host)| host.serves());
    let there = there.map(|(host, it)| Bin {
        host,
        group: it.group,
        there: true,
        open: false,
        free: it.free,
        ports: Vec::new(),
        distinct: Vec::new(),
    });
    let coming = (0..fleet.snapshot.groups.len()).flat_map(|group| {
        let like = fleet.smallest_of(group, |_| true);
        let bin = like.and_then(|host| new_bin(fleet, group, host));
        let hosts = usize::try_from(coming(fleet, group)).unwrap_or(usize::MAX);
        std::iter::repeat_n(bin, hosts).flatten()
    });
    there.chain(coming).collect()
}

/// The hosts of a group that are launched and have not joined, and those that its desired capacity
/// asks for.
fn coming(fleet: &Fleet<'_>, number: usize) -> u64 {
    let Some(group) = fleet.snapshot.groups.get(number) else { return 0 };
    let launched = count(unjoined(group, &fleet.joined).count());
    let units = fleet.units.get(number).copied().unwrap_or(0);
    let asked_for = u64::from(group.desired).saturating_sub(units);
    (launched + asked_for.div_ceil(fleet.weight_of_new(number)))
        .saturating_sub(count(fleet.overdue(number).len()))
}

fn new_bin(fleet: &Fleet<'_>, group: usize, host: usize) -> Option<Bin> {
    let free = fleet.hosts.get(host)?.empty;
    Some(Bin {
        host,
        group: Some(group),
        there: false,
        open: true,
        free,
        ports: Vec::new(),
        distinct: Vec::new(),
    })
}

fn pack(fleet: &Fleet<'_>, bins: Vec<Bin>, waiting: &[u64], order: impl Iterator<Item = usize>) -> Packing {
    let mut packing = Packing { bins, ..Packing::default() };
    for kind in order {
        let (Some(it), Some(tasks)) = (fleet.kinds.all.get(kind), waiting.get(kind)) else { continue };
        if it.not_understood.is_none() && *tasks > 0 {
            packing.place(fleet, kind, it, *tasks);
        }
    }
    packing
}

impl Packing {
    fn place(&mut self, fleet: &Fleet<'_>, kind: usize, it: &TaskKind, mut tasks: u64) {
        let mut without = if it.distinct { fleet.unread_hosts_without(&it.service) } else { 0 };
        // A bin that has no room for one task of a kind has none for the next.
        for bin in &mut self.bins {
            bin.become_what_takes(fleet, kind);
            if it.distinct && bin.is_unread_for(fleet, it) {
                if without == 0 {
                    continue;
                }
                without -= u64::from(bin.takes(fleet, it, true));
            }
            while tasks > 0 && bin.takes(fleet, it, it.distinct) {
                bin.add(it);
                tasks -= 1;
            }
        }
        while tasks > 0 {
            let (new_host, refused) = self.new_host(fleet, kind, it);
            for (number, reason) in refused {
                self.refused.entry(number).or_insert(reason);
            }
            let Some((group, mut bin)) = new_host else { break };
            let before = tasks;
            while tasks > 0 && bin.takes(fleet, it, it.distinct) {
                bin.add(it);
                tasks -= 1;
            }
            if tasks == before {
                break;
            }
            let placed = self.placed_on_new.entry(group).or_insert_with(|| (it.service.clone(), 0));
            placed.1 += before - tasks;
            *self.new_units.entry(group).or_default() += fleet.weight_of_new(group);
            self.new_hosts += 1;
            self.bins.push(bin);
        }
        if tasks > 0 {
            self.learn(fleet, it);
        }
    }

    /// A new host of the first group that can take the task and may grow, with why each group
    /// before it does not.
    fn new_host(&self, fleet: &Fleet<'_>, kind: usize, it: &TaskKind) -> (Option<(usize, Bin)>, Refusals) {
        let mut refused = Vec::new();
        for number in 0..fleet.snapshot.groups.len() {
            let like = fleet.smallest_of(number, |host| fleet.fits_when_empty(kind, host));
            let Some(bin) = like.and_then(|host| new_bin(fleet, number, host)) else { continue };
            if !fleet.grows_for(number, it) {
                continue;
            }
            if fleet.newest_are_too_small(number, kind) {
                refused.push((number, MissingReason::NewHostsTooSmall { service: it.service.clone() }));
            } else if fleet.may_grow(number, self.new_units.get(&number).copied().unwrap_or(0)) {
                return (Some((number, bin)), refused);
            } else {
                refused.push((number, MissingReason::AtMaximum { service: it.service.clone() }));
            }
        }
        (None, refused)
    }

    /// A group whose hosts nobody has seen may be right for the task: one host will show it.
    fn learn(&mut self, fleet: &Fleet<'_>, it: &TaskKind) {
        let unknown = fleet.snapshot.groups.iter().enumerate().find(|(number, group)| {
            it.may_be_of_group(&group.name) && fleet.smallest_of(*number, |_| true).is_none()
        });
        if let Some((number, _)) = unknown {
            let units = fleet.weight_of_new(number);
            if coming(fleet, number) == 0 && fleet.may_grow(number, 0) {
                self.to_learn.insert(number, units);
            }
        }
    }
}

impl Bin {
    /// A host that is coming, and that nothing was placed on, is taken to be the smallest one that
    /// the kind fits on.
    fn become_what_takes(&mut self, fleet: &Fleet<'_>, kind: usize) {
        if !self.open || fleet.fits_when_empty(kind, self.host) {
            return;
        }
        let larger =
            self.group.and_then(|group| fleet.smallest_of(group, |host| fleet.fits_when_empty(kind, host)));
        if let Some(bin) = larger.and_then(|host| new_bin(fleet, self.group?, host)) {
            *self = bin;
        }
    }

    /// Returns whether a task of the kind's service may be there already.
    fn is_unread_for(&self, fleet: &Fleet<'_>, kind: &TaskKind) -> bool {
        let host = fleet.hosts.get(self.host).filter(|_| self.there);
        host.is_some_and(|host| host.has_task_of(&kind.service).is_none())
    }

    fn takes(&self, fleet: &Fleet<'_>, kind: &TaskKind, distinct: bool) -> bool {
        let Some(host) = fleet.hosts.get(self.host) else { return false };
        let room = kind.needs.fit_in(&self.free)
            && !kind.ports.iter().any(|port| self.ports.contains(port))
            && kind.may_be_on(self.host)
            && if self.there { host.has_room_for(kind) } else { host.has_room_when_empty_for(kind) };
        let apart = || {
            // What may be there already may suffice: it is ECS that knows.
            let there = self.there && host.has_task_of(&kind.service) == Some(true);
            !there && !self.distinct.contains(&kind.service)
        };
        room && (!distinct || apart())
    }

    fn add(&mut self, kind: &TaskKind) {
        self.open = false;
        self.free = self.free.minus(&kind.needs);
        self.ports.extend(&kind.ports);
        if kind.distinct {
            self.distinct.push(kind.service.clone());
        }
    }
}

/// One more host of a group, where one more task of some kind has no room: in units, with the
/// kind's service. Each kind is tried on its own. It is room for what might come, so
/// `distinctInstance` does not ask for a host more than there are tasks.
fn add_headroom(fleet: &Fleet<'_>, packing: &Packing) -> BTreeMap<usize, (String, u64)> {
    let mut more: BTreeMap<usize, (String, u64)> = BTreeMap::new();
    let mut added: Vec<Bin> = Vec::new();
    // A host for a kind that few groups can take may be room for the others, too.
    let kinds = fleet.one_more.iter().filter(|kind| fleet.surplus.get(**kind) == Some(&0));
    let mut kinds: Vec<_> = kinds.map(|kind| (fleet.choices(*kind), *kind)).collect();
    kinds.sort_unstable();
    for (_, kind) in kinds {
        let Some(it) = fleet.kinds.all.get(kind) else { continue };
        let takes = |bin: &Bin| {
            let mut bin = bin.clone();
            bin.become_what_takes(fleet, kind);
            bin.takes(fleet, it, false)
        };
        let mut there = packing.bins.iter().chain(&added);
        if there.any(|bin| if bin.open { takes(bin) } else { bin.takes(fleet, it, false) }) {
            continue;
        }
        if let (Some((number, bin)), _) = packing.new_host(fleet, kind, it) {
            more.insert(number, (it.service.clone(), fleet.weight_of_new(number)));
            added.push(bin);
        }
    }
    more
}

impl Fleet<'_> {
    /// The most hosts, of those whose tasks were not read, that have no task of a service of
    /// `distinctInstance`: its tasks that were seen nowhere else are on as many of them.
    fn unread_hosts_without(&self, service: &str) -> u64 {
        let there = self.hosts.iter().filter(|host| host.standing != Standing::Remembered);
        let (mut unread, mut seen, mut on_hosts): (u64, u64, u64) = (0, 0, 0);
        for host in there {
            on_hosts += host.instance.tasks();
            match host.has_task_of(service) {
                None => unread += 1,
                Some(has) => seen += u64::from(has),
            }
        }
        if unread == 0 {
            return 0;
        }
        let all: u64 = self.snapshot.container_instances.iter().map(ContainerInstance::tasks).sum();
        let elsewhere = all.saturating_sub(on_hosts);
        let service = self.snapshot.services.iter().find(|it| it.name == service);
        let has = service.map_or(0, |service| service.on_ec2().map(Deployment::has).sum::<u64>());
        unread.saturating_sub(has.saturating_sub(seen + elsewhere))
    }

    /// The hosts of a group that have not joined the cluster for too long.
    pub(super) fn overdue(&self, number: usize) -> Vec<&str> {
        let Some(group) = self.snapshot.groups.get(number) else { return Vec::new() };
        let overdue = unjoined(group, &self.joined).filter(|id| {
            let since = self.memory.unjoined_since(id);
            since.is_some_and(|since| self.snapshot.began - since >= UNJOINED_MAX)
        });
        overdue.map(crate::container_instance::Ec2InstanceId::as_str).collect()
    }

    /// The smallest host of a group among those that are asked for: what a new one is assumed to be
    /// like.
    pub(super) fn smallest_of(&self, group: usize, asked_for: impl Fn(usize) -> bool) -> Option<usize> {
        let of_group = self.by_size.get(group)?;
        of_group.iter().copied().find(|host| asked_for(*host))
    }

    /// Returns whether a task of a kind may be placed on a host, were no service's task there.
    pub(super) fn fits_when_empty(&self, kind: usize, host: usize) -> bool {
        let (Some(kind), Some(it)) = (self.kinds.all.get(kind), self.hosts.get(host)) else { return false };
        kind.may_be_on(host) && it.has_room_when_empty_for(kind)
    }

    /// Returns whether the two hosts that joined a group last stand idle and are too small for a
    /// task of a kind: the next one would be no better.
    fn newest_are_too_small(&self, group: usize, kind: usize) -> bool {
        let Some([last, before]) = self.newest.get(group).map(Vec::as_slice) else { return false };
        let too_small = |host: usize| {
            self.hosts.get(host).is_some_and(Host::seems_idle) && !self.fits_when_empty(kind, host)
        };
        too_small(*last) && too_small(*before)
    }

    /// Returns whether a group is scaled for tasks of a kind: new hosts of it are of the kind's
    /// capacity provider, and where ECS scales it itself, it does so for tasks of that provider
    /// alone.
    fn grows_for(&self, number: usize, kind: &TaskKind) -> bool {
        let Some(group) = self.snapshot.groups.get(number) else { return false };
        let by_ecs = self.snapshot.scaled_by_ecs.contains_key(&group.name);
        kind.may_be_of_group(&group.name) && (kind.groups.is_some() || !by_ecs)
    }

    /// Returns whether a group may have a host more than the units that were added.
    fn may_grow(&self, number: usize, added: u64) -> bool {
        let Some(group) = self.snapshot.groups.get(number) else { return false };
        let there = self.units.get(number).copied().unwrap_or(0);
        there.max(group.desired.into()) + added < u64::from(group.maximum)
    }

    /// The capacity units that a new host of a group counts for: those of its smallest host.
    pub(super) fn weight_of_new(&self, number: usize) -> u64 {
        let like = self.smallest_of(number, |_| true).and_then(|host| self.hosts.get(host)?.of_group);
        let any = || self.snapshot.groups.get(number)?.instances.first();
        like.or_else(any).map_or(1, |instance| u64::from(instance.weight).max(1))
    }
}
