//! How many hosts each group can lose, whichever of them Auto Scaling picks.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use super::Fleet;
use super::amounts::{Amounts, count};
use super::certificate::{Asked, Certificate, Moving, Rooms, all_are_placed};
use super::decision::{Held, HeldReason, Removable};
use super::hosts::{Host, Standing};
use super::task_kind::Replacement;
use super::zones::Zones;
use crate::container_instance::ContainerInstanceArn;
use crate::lifecycle::AutoScalingGroup;

/// Some of what holds a group back is enough for people to see why.
pub(super) const HELD_MAX: usize = 5;

/// The attribute that keeps a host from being removed.
const KEEP: &str = "fleetkeeper.keep";

/// The hosts that each group can lose, in the groups' order. All groups may shrink at the same
/// time. The one that is preferred for new hosts shrinks last, without the room of the hosts that
/// the others may lose.
pub(super) fn removable(fleet: &Fleet<'_>) -> Vec<Removable> {
    let fewer = vec![0; fleet.snapshot.groups.len()];
    let mut losses = Losses { moving: Moving::default(), fewer, doubtful: None };
    let must_move = must_move(fleet);
    if let Ok(must_move) = &must_move {
        losses.moving = must_move.clone();
    }
    let mut of_groups: Vec<Removable> = Vec::new();
    for number in (0..fleet.snapshot.groups.len()).rev() {
        of_groups.push(match &must_move {
            Ok(_) => of_group(fleet, number, &mut losses),
            Err(held) => Removable { held_by: vec![held.clone()], ..Removable::default() },
        });
    }
    of_groups.reverse();
    of_groups
}

/// The container instances whose tasks must be known before a group can be said to shrink.
pub(super) fn tasks_needed(fleet: &Fleet<'_>) -> BTreeSet<ContainerInstanceArn> {
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    for number in 0..fleet.snapshot.groups.len() {
        let candidates: Vec<usize> = fleet.candidates(number).collect();
        if most_by_size(fleet, number, candidates.len()) > 0 && any_may_be_removable(fleet, &candidates) {
            needed.extend(candidates);
        }
    }
    // Where the tasks of a service are kept apart, it must be known on which hosts it has some.
    if !needed.is_empty() {
        let apart = fleet.kinds.all.iter().filter(|kind| kind.distinct && kind.not_understood.is_none());
        let domains = apart.flat_map(|kind| kind.domains.iter());
        needed.extend(domains.flat_map(FixedBitSet::ones).filter(|host| fleet.has_rooms(*host)));
    }
    let unread = needed.into_iter().filter_map(|host| fleet.unread(host));
    unread.collect()
}

/// A glance at sums, before tasks are read: what runs on each host is no more than what all the
/// others have left.
fn any_may_be_removable(fleet: &Fleet<'_>, candidates: &[usize]) -> bool {
    let rooms = fleet.rooms.iter().filter_map(|host| fleet.hosts.get(*host));
    let free = rooms.fold(Amounts::default(), |free, host| free.plus(&host.free));
    candidates.iter().filter_map(|host| Some((host, fleet.hosts.get(*host)?))).all(|(host, it)| {
        let own = if fleet.has_rooms(*host) { it.free } else { Amounts::default() };
        // Network interfaces and ports are freed otherwise than they are counted here.
        let needed = it.empty.minus(&it.free);
        let left = free.minus(&own);
        needed.0.iter().zip(left.0).take(3).all(|(needed, left)| *needed <= left)
    })
}

/// The hosts that groups may lose, as far as they are decided.
struct Losses {
    moving: Moving,
    /// Of each group.
    fewer: Vec<u64>,
    /// The task that was left over last: it is likely to be so again.
    doubtful: Option<Asked>,
}

impl Losses {
    fn with(&self, number: usize, hosts: u64) -> Vec<u64> {
        let mut fewer = self.fewer.clone();
        if let Some(fewer) = fewer.get_mut(number) {
            *fewer = hosts;
        }
        fewer
    }

    fn add(&mut self, number: usize, hosts: u64) {
        self.fewer = self.with(number, hosts);
    }
}

/// The tasks that must move whichever hosts are removed: the tasks that wait, and those of hosts
/// that leave.
pub(super) fn must_move(fleet: &Fleet<'_>) -> Result<Moving, Held> {
    let mut moving = Moving::default();
    for (kind, tasks) in (0..).zip(fleet.to_place(&fleet.waiting.at_most, &[])) {
        let Some(it) = fleet.kinds.all.get(kind).filter(|_| tasks > 0) else { continue };
        if it.not_understood.is_some() {
            let reason = HeldReason::ConstraintNotUnderstood { service: it.service.clone() };
            return Err(Held { instance: None, reason });
        }
        // A task that no group's hosts can ever take is unplaced whether or not a host leaves.
        if fleet.fits_some_group(kind) {
            moving.add(kind, tasks);
        }
    }
    for (number, host) in fleet.hosts.iter().enumerate() {
        if !host.leaves() || host.instance.tasks() == 0 {
            continue;
        }
        let held = |reason| Held { instance: Some(host.instance.ec2_instance_id.clone()), reason };
        if host.tasks.is_none() {
            return Err(held(HeldReason::TasksNotRead));
        }
        if let Some(service) = fleet.unknown_on(host) {
            return Err(held(HeldReason::ConstraintNotUnderstood { service }));
        }
        // Those on hosts that leave for certain are among the waiting ones.
        if host.standing == Standing::LeftGroup {
            moving.add_all(&fleet.moved_from(number));
        }
    }
    Ok(moving)
}

fn of_group(fleet: &Fleet<'_>, number: usize, losses: &mut Losses) -> Removable {
    let Some(group) = fleet.snapshot.groups.get(number) else { return Removable::default() };
    let nothing = |held_by| Removable { held_by, ..Removable::default() };
    let because = |reason| nothing(vec![Held { instance: None, reason }]);
    if fleet.snapshot.scaled_by_ecs.contains_key(&group.name) {
        return because(HeldReason::ScaledByEcs);
    }
    let candidates: Vec<usize> = fleet.candidates(number).collect();
    let most = most_by_size(fleet, number, candidates.len());
    if most == 0 {
        return because(HeldReason::AtMinimum);
    }
    let held = held(fleet, &candidates);
    if !held.is_empty() {
        return nothing(held);
    }
    let most = match most_by_zone(fleet, number, &candidates) {
        Ok(zones) => most.min(zones),
        Err(held) => return nothing(vec![held]),
    };
    let moved: Vec<Moving> = candidates.iter().map(|host| fleet.moved_from(*host)).collect();
    let (hosts, held_by) = match largest_choice(fleet, number, &moved, losses, most) {
        0 => match each_alone(fleet, number, &candidates, &moved, losses) {
            Ok(()) => (1, Vec::new()),
            Err(held) => (0, held),
        },
        hosts => (hosts, Vec::new()),
    };
    if hosts > 0 {
        losses.moving.add_all(&largest_of(&moved, hosts));
        losses.add(number, hosts);
    }
    Removable { hosts, units: hosts * least_weight(group), held_by }
}

/// The most hosts that may be removed before the group is at its minimum.
fn most_by_size(fleet: &Fleet<'_>, number: usize, candidates: usize) -> u64 {
    let Some(group) = fleet.snapshot.groups.get(number) else { return 0 };
    let units = u64::from(group.desired.saturating_sub(group.minimum));
    (units / least_weight(group)).min(count(candidates))
}

/// The capacity units of the lightest host of a group.
pub(super) fn least_weight(group: &AutoScalingGroup) -> u64 {
    let weights = group.instances.iter().filter(|it| it.is_to_serve()).map(|it| u64::from(it.weight).max(1));
    weights.min().unwrap_or(1)
}

/// The reasons that keep single hosts.
fn held(fleet: &Fleet<'_>, candidates: &[usize]) -> Vec<Held> {
    let hosts = candidates.iter().filter_map(|host| fleet.hosts.get(*host));
    let held = hosts.filter_map(|host| {
        let reason = reason_to_keep(fleet, host)?;
        Some(Held { instance: Some(host.instance.ec2_instance_id.clone()), reason })
    });
    held.take(HELD_MAX).collect()
}

pub(super) fn reason_to_keep(fleet: &Fleet<'_>, host: &Host<'_>) -> Option<HeldReason> {
    if host.instance.attributes.has(KEEP) {
        return Some(HeldReason::Kept);
    }
    if host.instance.tasks() == 0 {
        return None;
    }
    let Some(tasks) = host.tasks else { return Some(HeldReason::TasksNotRead) };
    if count(tasks.len()) < host.instance.tasks() {
        return Some(HeldReason::TasksNotRead);
    }
    if tasks.iter().any(|task| task.service.is_none()) {
        return Some(HeldReason::StandaloneTasks);
    }
    if tasks.iter().any(|task| task.protected) {
        return Some(HeldReason::ProtectedTask);
    }
    fleet.unknown_on(host).map(|service| HeldReason::ConstraintNotUnderstood { service })
}

/// The most hosts that may leave before the last one of an Availability Zone might. It counts where
/// a service of two tasks or more names the zones in its strategy.
fn most_by_zone(fleet: &Fleet<'_>, number: usize, candidates: &[usize]) -> Result<u64, Held> {
    let Some(group) = fleet.snapshot.groups.get(number) else { return Ok(0) };
    let zones = Zones::of(fleet, number);
    let mut most = u64::MAX;
    for host in candidates.iter().filter_map(|host| fleet.hosts.get(*host)) {
        let Some(service) = zones.spread_service_on(host) else { continue };
        most = most.min(zones.others_before_the_last(host, group.mixed));
        if most == 0 {
            let reason = HeldReason::LastInZone { service };
            return Err(Held { instance: Some(host.instance.ec2_instance_id.clone()), reason });
        }
    }
    Ok(most)
}

/// The most hosts of which any choice can be removed at once: a superset of what each choice moves,
/// without the room of any.
fn largest_choice(fleet: &Fleet<'_>, number: usize, moved: &[Moving], losses: &mut Losses, most: u64) -> u64 {
    let mut can_lose = |hosts: u64| {
        let mut moving = losses.moving.clone();
        moving.add_all(&largest_of(moved, hosts));
        let rooms = Rooms { fewer: losses.with(number, hosts), ..Rooms::default() };
        all_are_placed(fleet, &rooms, &moving, &fleet.one_more, &mut losses.doubtful)
    };
    // Any larger choice moves more tasks, and leaves less room.
    let (mut can, mut cannot) = (0, most + 1);
    while can + 1 < cannot {
        let middle = if can == 0 { 1 } else { (can * 2).min(can + (cannot - can) / 2).max(can + 1) };
        if can_lose(middle) { can = middle } else { cannot = middle }
    }
    can
}

/// For each kind the most tasks that this many hosts hold together.
fn largest_of(moved: &[Moving], hosts: u64) -> Moving {
    let mut by_kind: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (kind, tasks) in moved.iter().flat_map(Moving::iter) {
        by_kind.entry(kind).or_default().push(tasks);
    }
    let mut largest = Moving::default();
    for (kind, mut tasks) in by_kind {
        tasks.sort_unstable_by_key(|tasks| std::cmp::Reverse(*tasks));
        largest.add(kind, tasks.into_iter().take(usize::try_from(hosts).unwrap_or(usize::MAX)).sum());
    }
    largest
}

/// Returns whether each host can leave where no other one of its group does.
fn each_alone(
    fleet: &Fleet<'_>,
    number: usize,
    candidates: &[usize],
    moved: &[Moving],
    losses: &mut Losses,
) -> Result<(), Vec<Held>> {
    // A task that is placed where the most moves that any one host holds, without the largest room,
    // is so with each host.
    let mut most = losses.moving.clone();
    most.add_all(&largest_of(moved, 1));
    let any = Rooms { fewer: losses.with(number, 1), ..Rooms::default() };
    let whichever = Certificate::new(fleet, &any, &most);
    let mut known: BTreeMap<Asked, bool> = BTreeMap::new();
    let mut rooms =
        Rooms { without: FixedBitSet::with_capacity(fleet.hosts.len()), fewer: losses.fewer.clone() };
    for (host, moved) in candidates.iter().zip(moved) {
        let mut moving = losses.moving.clone();
        moving.add_all(moved);
        rooms.without.clear();
        rooms.without.insert(*host);
        let certificate = Certificate::new(fleet, &rooms, &moving);
        for asked in Asked::all(&moving, &fleet.one_more, losses.doubtful) {
            if known.get(&asked) == Some(&true) {
                continue;
            }
            if !certificate.places(asked, &fleet.one_more) {
                losses.doubtful = Some(asked);
                let instance = fleet.hosts.get(*host).map(|it| it.instance.ec2_instance_id.clone());
                let kind = fleet.kinds.all.get(asked.kind());
                let service = kind.map(|it| it.service.clone()).unwrap_or_default();
                return Err(vec![Held { instance, reason: HeldReason::Unplaced { service } }]);
            }
            known.entry(asked).or_insert_with(|| whichever.places(asked, &fleet.one_more));
        }
    }
    Ok(())
}

impl Fleet<'_> {
    /// The hosts of a group that Auto Scaling may pick: it never picks one that is protected from
    /// scale-in.
    fn candidates(&self, number: usize) -> impl Iterator<Item = usize> {
        let hosts = self.hosts.iter().enumerate().filter(move |(_, host)| {
            host.group == Some(number) && host.serves() && host.of_group.is_some_and(|it| !it.protected)
        });
        hosts.map(|(host, _)| host)
    }

    /// Returns whether a host has room that tasks may move to.
    pub(super) fn has_rooms(&self, host: usize) -> bool {
        self.hosts.get(host).is_some_and(|it| it.standing == Standing::TakesTasks)
    }

    /// A host that has tasks which were not read.
    pub(super) fn unread(&self, host: usize) -> Option<ContainerInstanceArn> {
        let host = self.hosts.get(host).filter(|host| host.tasks.is_none() && host.instance.tasks() > 0)?;
        Some(host.instance.arn.clone())
    }

    /// The tasks that must be placed elsewhere when a host is removed.
    pub(super) fn moved_from(&self, host: usize) -> Moving {
        let mut moving = Moving::default();
        let tasks = self.hosts.get(host).and_then(|host| host.tasks).unwrap_or_default();
        for task in tasks {
            let Some(service) = &task.service else { continue };
            if let Replacement::Kind(kind) = self.kinds.replacement(service, &task.definition) {
                moving.add(kind, 1);
            }
        }
        moving
    }

    /// The service of a task on a host that nothing is known of.
    fn unknown_on(&self, host: &Host<'_>) -> Option<String> {
        let tasks = host.tasks.unwrap_or_default().iter();
        let mut services = tasks.filter_map(|task| Some((task.service.as_ref()?, &task.definition)));
        let unknown = services.find(|(service, definition)| {
            self.kinds.replacement(service, definition) == Replacement::Unknown
        });
        unknown.map(|(service, _)| service.clone())
    }
}
