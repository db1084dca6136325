//! Which hosts of each group can be removed one after another, those that are cheapest to drain
//! first.
//!
//! A plan is a concrete choice, unlike the figure of `scale_in`: it skips hosts that are held and
//! takes others. Each host of it is certified together with those before it and with the hosts that
//! leave already. It is also certified with the plans of the groups that come after its own in the
//! order of preference.

use std::collections::BTreeSet;

use fixedbitset::FixedBitSet;

use super::Fleet;
use super::amounts::Amounts;
use super::certificate::{Asked, Moving, Rooms, all_are_placed};
use super::decision::{Held, HeldReason};
use super::drain_cost::Cost;
use super::hosts::{Host, Standing};
use super::scale_in::{HELD_MAX, must_move, reason_to_keep};
use super::waiting_tasks::wanted_tasks;
use super::zones::Zones;
use crate::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use crate::lifecycle::GroupInstance;

/// Certificates of one group's plan that may fail before the plan ends. The cheapest hosts come
/// first: where these cannot go, few others can.
const FAILURES_MAX: usize = 32;

/// Hosts with tasks whose tasks are read for the plan of one group.
const READ_MAX: usize = 200;

/// The bounds of one group's plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    /// Hosts at most: none for a group that is left alone.
    pub(super) hosts: usize,
    /// Hosts that were removable before: they are asked first, so that a plan lasts from one
    /// decision to the next.
    pub(super) before: BTreeSet<usize>,
}

/// The hosts of one group that can be removed in this order.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) hosts: Vec<usize>,
    /// The reasons that hold other hosts: of some of them, where they are many.
    pub(super) held_by: Vec<Held>,
}

/// A host that may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    is_new: bool,
    cost: Cost,
}

/// The plans of all groups, in the groups' order. The group that is preferred for new hosts shrinks
/// last.
pub(super) fn plans(fleet: &Fleet<'_>, allowed: &[Allowed]) -> Vec<Plan> {
    let must_move = must_move(fleet);
    let mut removal = Removal::new(fleet);
    match must_move {
        Ok(moving) => removal.moving = moving,
        Err(held) => {
            let held = Plan { hosts: Vec::new(), held_by: vec![held] };
            return vec![held; fleet.snapshot.groups.len()];
        }
    }
    let mut plans: Vec<_> = (0..fleet.snapshot.groups.len())
        .rev()
        .map(|number| match allowed.get(number).filter(|allowed| allowed.hosts > 0) {
            Some(allowed) => removal.plan(number, allowed),
            None => Plan::default(),
        })
        .collect();
    plans.reverse();
    plans
}

/// The container instances whose tasks must be read for the plans: those of the hosts that are
/// cheapest by their counts.
pub(super) fn tasks_needed(fleet: &Fleet<'_>, allowed: &[Allowed]) -> BTreeSet<ContainerInstanceArn> {
    let free = fleet.free();
    let mut needed = BTreeSet::new();
    for (number, allowed) in allowed.iter().enumerate().filter(|(_, allowed)| allowed.hosts > 0) {
        let of_group = fleet.hosts.iter().enumerate().filter(|(_, host)| host.group == Some(number));
        let mut with_tasks: Vec<_> = of_group
            .filter(|(_, host)| is_candidate(host).is_ok() && host.instance.tasks() > 0)
            .filter(|(_, host)| has_room_elsewhere(host, &free))
            .map(|(host, it)| (!allowed.before.contains(&host), it.instance.tasks(), host))
            .collect();
        with_tasks.sort_unstable();
        let most = allowed.hosts.saturating_add(FAILURES_MAX).min(READ_MAX);
        needed.extend(with_tasks.into_iter().take(most).map(|(.., host)| host));
    }
    // Where the tasks of a service are kept apart, it must be known on which hosts it has some.
    if allowed.iter().any(|allowed| allowed.hosts > 0) {
        let apart = fleet.kinds.all.iter().filter(|kind| kind.distinct && kind.not_understood.is_none());
        let domains = apart.flat_map(|kind| kind.domains.iter());
        needed.extend(domains.flat_map(FixedBitSet::ones).filter(|host| fleet.has_rooms(*host)));
    }
    needed.into_iter().filter_map(|host| fleet.unread(host)).collect()
}

/// A glance at sums, before tasks are read: whether all other hosts have what the tasks on a host
/// take.
fn has_room_elsewhere(host: &Host<'_>, free: &Amounts) -> bool {
    // Network interfaces and ports are freed otherwise than they are counted here.
    let taken = host.empty.minus(&host.free);
    taken.0.iter().zip(free.minus(&host.free).0).take(3).all(|(taken, left)| *taken <= left)
}

/// Returns whether Auto Scaling can terminate a host as one in service, and why it is held where it
/// is.
fn is_candidate(host: &Host<'_>) -> Result<(), Option<HeldReason>> {
    let Some(member) = host.of_group.filter(|it| it.lifecycle_state == "InService") else { return Err(None) };
    match host.standing {
        Standing::TakesTasks if member.protected => Err(Some(HeldReason::ProtectedFromScaleIn)),
        Standing::TakesTasks => Ok(()),
        Standing::Disconnected => Err(Some(HeldReason::AgentDisconnected)),
        _ => Err(None),
    }
}

/// Hosts that are removed, one more at a time.
struct Removal<'a> {
    fleet: &'a Fleet<'a>,
    moving: Moving,
    without: FixedBitSet,
    /// The task that was left over last: it is likely to be so again.
    doubtful: Option<Asked>,
}

impl<'a> Removal<'a> {
    fn new(fleet: &'a Fleet<'a>) -> Self {
        let without = FixedBitSet::with_capacity(fleet.hosts.len());
        Self { fleet, moving: Moving::default(), without, doubtful: None }
    }

    fn plan(&mut self, number: usize, allowed: &Allowed) -> Plan {
        let fleet = self.fleet;
        let mut plan = Plan::default();
        let mut candidates = self.candidates(number, allowed, &mut plan.held_by);
        let (mut zones, mut units) = (Zones::of(fleet, number), fleet.units_to_spare(number));
        let (mut step, mut failures) = (1, 0);
        while plan.hosts.len() < allowed.hosts && failures < FAILURES_MAX {
            let most = step.min(allowed.hosts - plan.hosts.len());
            let next = self.next(&candidates, &zones, units, most, &mut plan.held_by);
            if next.is_empty() {
                break;
            }
            if self.remove(&next) {
                for host in next.iter().filter_map(|host| fleet.hosts.get(*host)) {
                    zones.remove(host);
                    units -= weight(host);
                }
                candidates.retain(|candidate| !next.contains(&candidate.cost.host));
                plan.hosts.extend(next);
                step *= 2;
            } else if let [only] = next.as_slice() {
                plan.held_by.push(self.without_room_for(*only));
                candidates.retain(|candidate| candidate.cost.host != *only);
                failures += 1;
            } else {
                step = next.len() / 2;
                failures += 1;
            }
        }
        plan.held_by.truncate(HELD_MAX);
        plan
    }

    /// The hosts that may be removed, the cheapest first.
    fn candidates(&self, number: usize, allowed: &Allowed, held_by: &mut Vec<Held>) -> Vec<Candidate> {
        let (fleet, free) = (self.fleet, self.fleet.free());
        let mut candidates = Vec::new();
        for (host, it) in fleet.hosts.iter().enumerate().filter(|(_, host)| host.group == Some(number)) {
            let held = match is_candidate(it) {
                Ok(()) => match reason_to_keep(fleet, it).or_else(|| being_deployed(fleet, it)) {
                    Some(HeldReason::TasksNotRead) if !has_room_elsewhere(it, &free) => {
                        Some(HeldReason::NoRoom)
                    }
                    held => held,
                },
                Err(None) => continue,
                Err(held) => held,
            };
            match held {
                Some(reason) => held_by.push(held_host(it, reason)),
                None => candidates
                    .push(Candidate { is_new: !allowed.before.contains(&host), cost: fleet.cost(host, it) }),
            }
        }
        candidates.sort_unstable();
        candidates
    }

    /// The next hosts to remove, as many as `most`, each from the zone that then has most hosts.
    fn next(
        &self,
        candidates: &[Candidate],
        zones: &Zones<'a>,
        mut units: u64,
        most: usize,
        held_by: &mut Vec<Held>,
    ) -> Vec<usize> {
        let (mut next, mut zones) = (Vec::new(), zones.clone());
        while next.len() < most {
            let hosts = candidates.iter().map(|candidate| candidate.cost.host);
            let found = hosts.filter(|host| !next.contains(host)).find_map(|host| {
                let it = self.fleet.hosts.get(host).filter(|it| zones.has_most(it))?;
                if weight(it) > units {
                    return None;
                }
                let Some(service) = zones.spread_until(it) else { return Some((host, it)) };
                let held = held_host(it, HeldReason::LastInZone { service });
                if !held_by.contains(&held) {
                    held_by.push(held);
                }
                None
            });
            let Some((host, it)) = found else { break };
            zones.remove(it);
            units -= weight(it);
            next.push(host);
        }
        if next.is_empty() && units == 0 && held_by.is_empty() {
            held_by.push(Held { instance: None, reason: HeldReason::AtMinimum });
        }
        next
    }

    /// Removes hosts, if their tasks and all others that must move are placed without them.
    fn remove(&mut self, hosts: &[usize]) -> bool {
        let (mut moving, mut without) = (self.moving.clone(), self.without.clone());
        for host in hosts {
            moving.add_all(&self.fleet.moved_from(*host));
            without.insert(*host);
        }
        let rooms = Rooms { without, fewer: Vec::new() };
        if !all_are_placed(self.fleet, &rooms, &moving, &self.fleet.one_more, &mut self.doubtful) {
            return false;
        }
        (self.moving, self.without) = (moving, rooms.without);
        true
    }

    fn without_room_for(&self, host: usize) -> Held {
        let kind = self.doubtful.and_then(|asked| self.fleet.kinds.all.get(asked.kind()));
        let service = kind.map(|it| it.service.clone()).unwrap_or_default();
        let instance = self.fleet.hosts.get(host).map(|it| it.instance.ec2_instance_id.clone());
        Held { instance, reason: HeldReason::Unplaced { service } }
    }
}

fn held_host(host: &Host<'_>, reason: HeldReason) -> Held {
    Held { instance: Some(host.instance.ec2_instance_id.clone()), reason }
}

fn weight(host: &Host<'_>) -> u64 {
    host.of_group.map_or(1, |it| u64::from(it.weight).max(1))
}

/// A service with a task on a host that is being deployed: its tasks are about to be replaced where
/// they are. A daemon's tasks go with their host in any case.
fn being_deployed(fleet: &Fleet<'_>, host: &Host<'_>) -> Option<HeldReason> {
    let mut services = host.tasks.unwrap_or_default().iter().filter_map(|task| task.service.as_deref());
    let found = services.find(|service| fleet.being_deployed.contains(service))?;
    Some(HeldReason::ServiceBeingDeployed { service: found.to_owned() })
}

impl<'a> Fleet<'a> {
    /// The EC2 instance of a host of a group.
    pub(super) fn ec2_instance(&self, host: usize) -> Option<&'a Ec2InstanceId> {
        Some(&self.hosts.get(host)?.of_group?.ec2_instance_id)
    }

    /// The room of all hosts together.
    fn free(&self) -> Amounts {
        let rooms = self.rooms.iter().filter_map(|host| self.hosts.get(*host));
        rooms.fold(Amounts::default(), |free, host| free.plus(&host.free))
    }

    /// The capacity units that a group can lose: down to its minimum, as if hosts whose termination
    /// was asked for were gone.
    fn units_to_spare(&self, number: usize) -> u64 {
        let Some(group) = self.snapshot.groups.get(number) else { return 0 };
        let asked = group
            .instances
            .iter()
            .filter(|it| it.is_to_serve() && self.memory.is_terminating(it, self.snapshot.began));
        let asked: u64 = asked.map(|it| u64::from(it.weight).max(1)).sum();
        u64::from(group.desired.saturating_sub(group.minimum)).saturating_sub(asked)
    }

    /// A service with a task that waits, other than for a host that leaves, and that a host of the
    /// group could take.
    pub(super) fn waits_for(&self, number: usize) -> Option<&str> {
        let waiting = wanted_tasks(self.snapshot.services.iter(), &self.kinds);
        let sizes = self.by_size.get(number)?;
        let mut waiting = waiting.iter().enumerate().filter(|(_, tasks)| **tasks > 0);
        let (kind, _) =
            waiting.find(|(kind, _)| sizes.iter().any(|host| self.fits_when_empty(*kind, *host)))?;
        self.kinds.all.get(kind).map(|kind| kind.service.as_str())
    }

    /// The hosts of a group that drain or are terminated.
    pub(super) fn leaving_hosts(&self, number: usize) -> usize {
        let Some(group) = self.snapshot.groups.get(number) else { return 0 };
        let draining: BTreeSet<_> = self
            .hosts
            .iter()
            .filter(|host| host.group == Some(number) && host.standing == Standing::Leaving)
            .map(|host| host.instance.ec2_instance_id.as_str())
            .collect();
        let leaves = |it: &&GroupInstance| {
            let state = it.lifecycle_state.as_str();
            // A retained instance is not on its way out any more.
            state != "Terminating:Retained"
                && (state.starts_with("Terminating")
                    || draining.contains(it.ec2_instance_id.as_str())
                    || self.memory.is_terminating(it, self.snapshot.began))
        };
        group.instances.iter().filter(leaves).count()
    }
}
