//! A cluster's container instances as they really are, as a history goes on, and their room for the
//! worst-case container.
//!
//! The reckoning is the book's and AWS's, and none of the calculator's code: what one instance has
//! room for, summed up.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_sim::world::ecs::container_instance::DescribedContainerInstance;

use super::worst_case::{WorstCase, WorstCases};

/// The figures of one container instance, or of all of them together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// ACTIVE, with the agent connected.
    pub(super) active: u64,
    /// Of these, those without tasks.
    pub(super) idle: u64,
    pub(super) draining: u64,
    /// ACTIVE, with the agent away.
    pub(super) disconnected: u64,
    /// How often the free resources meet the worst-case container, for each thing that it needs.
    fit: Vec<u64>,
    /// How many really fit.
    pub(super) placeable: u64,
    /// Those on which the worst-case container would fit while nothing runs there.
    pub(super) large_enough: u64,
}

/// A cluster as it is now, and how it came to be.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    worst_cases: WorstCases,
    /// The worst-case container by the hosts that take tasks now.
    pub(super) worst: Option<WorstCase>,
    each: BTreeMap<&'a ContainerInstanceArn, Host<'a>>,
    pub(super) all: Figures,
    /// Every change of an instance, oldest first.
    changes: Vec<Change<'a>>,
    /// The kinds of hosts that take tasks: how many there are, and one of each.
    kinds: BTreeMap<Kind, (u64, &'a DescribedContainerInstance)>,
    /// The instances that take tasks, and since when.
    take_tasks: BTreeSet<(DateTime<Utc>, &'a ContainerInstanceArn)>,
    take_tasks_since: BTreeMap<&'a ContainerInstanceArn, DateTime<Utc>>,
    /// When an instance last began or ceased to take tasks.
    took_turns: Option<DateTime<Utc>>,
    /// When the worst-case container last stopped fitting on any instance that takes tasks. None
    /// while it fits on one, and while there is no instance or no such container.
    pub(super) too_small_since: Option<DateTime<Utc>>,
}

/// What decides what fits on a host while it is empty: CPU, memory, network interfaces.
type Kind = (u64, u64, u32);

#[derive(Debug)]
struct Host<'a> {
    described: &'a DescribedContainerInstance,
    figures: Figures,
    room: Room,
}

/// The room on an instance that takes tasks.
#[derive(Debug, Clone, Copy, Default)]
struct Room {
    takes_tasks: bool,
    /// For the worst-case container, except its network interface.
    places: u64,
    /// For its network interface. They are read of the tasks, and so at another time than the rest.
    network_interfaces: u64,
    /// The tasks on it that are desired RUNNING.
    tasks: u64,
}

/// A change of an instance.
#[derive(Debug)]
struct Change<'a> {
    at: DateTime<Utc>,
    of: &'a ContainerInstanceArn,
    before: Room,
    after: Room,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(worst_cases: WorstCases) -> Self {
        Self {
            worst: worst_cases.among(&[]),
            worst_cases,
            each: BTreeMap::new(),
            all: Figures::default(),
            changes: Vec::new(),
            kinds: BTreeMap::new(),
            take_tasks: BTreeSet::new(),
            take_tasks_since: BTreeMap::new(),
            took_turns: None,
            too_small_since: None,
        }
    }

    pub(super) fn change(&mut self, to: &'a DescribedContainerInstance, at: DateTime<Utc>) {
        let of = &to.arn;
        let before = self.each.remove(of);
        if let Some(before) = &before {
            self.all.subtract(&before.figures);
        }
        let before = before.map(|before| before.room).unwrap_or_default();
        self.note_turns(before.takes_tasks, to, at);
        let host = Host::of(to, self.worst.as_ref());
        self.all.add(&host.figures);
        self.changes.push(Change { at, of, before, after: host.room });
        if to.status != ContainerInstanceStatus::Inactive {
            self.each.insert(of, host);
        }
        let too_small = self.worst.is_some() && self.all.active > 0 && self.all.large_enough == 0;
        self.too_small_since = too_small.then(|| self.too_small_since.unwrap_or(at));
    }

    /// Records that an instance begins or ceases to take tasks. The worst-case container may be
    /// another one then.
    fn note_turns(&mut self, took_tasks: bool, to: &'a DescribedContainerInstance, at: DateTime<Utc>) {
        let of = &to.arn;
        let kind = (to.registered.cpu.0, to.registered.memory.0, to.awsvpc_task_limit);
        match (took_tasks, takes_tasks(to)) {
            (false, true) => {
                self.take_tasks_since.insert(of, at);
                self.take_tasks.insert((at, of));
                self.kinds.entry(kind).or_insert((0, to)).0 += 1;
            }
            (true, false) => {
                if let Some(since) = self.take_tasks_since.remove(of) {
                    self.take_tasks.remove(&(since, of));
                }
                if let Some((count, _)) = self.kinds.get_mut(&kind) {
                    *count -= 1;
                }
                self.kinds.retain(|_, (count, _)| *count > 0);
            }
            _ => return,
        }
        self.took_turns = Some(at);
        if !self.worst_cases.depends_on_hosts() {
            return;
        }
        let worst = self.worst_cases.among(&self.one_of_each_kind());
        if worst != self.worst {
            self.worst = worst;
            self.all = Figures::default();
            for host in self.each.values_mut() {
                *host = Host::of(host.described, self.worst.as_ref());
                self.all.add(&host.figures);
            }
        }
    }

    fn one_of_each_kind(&self) -> Vec<&'a DescribedContainerInstance> {
        self.kinds.values().map(|(_, one)| *one).collect()
    }

    /// Returns whether there was only one worst-case container since, whichever of the hosts
    /// somebody saw.
    pub(super) fn has_one_worst_case_container_since(&self, time: DateTime<Utc>) -> bool {
        !self.worst_cases.depends_on_hosts() || self.took_turns.is_none_or(|last| last < time)
    }

    /// Returns whether the calculator discovers the worst-case container.
    pub(super) fn discovers(&self) -> bool {
        self.worst_cases.is_discovered()
    }

    /// `ContainerCapacity`: the least over everything that the worst-case container needs. None
    /// without such a container, and where it fits on no host.
    pub(super) fn container_capacity(&self) -> Option<u64> {
        let fits_none = self.all.active > 0 && self.all.large_enough == 0;
        let worst = self.worst.as_ref().filter(|_| !fits_none);
        worst.map(|_| self.all.fit.iter().copied().min().unwrap_or(0))
    }

    /// Returns whether nothing changed since a time.
    pub(super) fn is_still_since(&self, time: DateTime<Utc>) -> bool {
        self.changes.last().is_none_or(|last| last.at < time)
    }

    /// Returns whether one instance has taken tasks all the time since.
    pub(super) fn has_host_since(&self, time: DateTime<Utc>) -> bool {
        self.take_tasks.first().is_some_and(|(since, _)| *since < time)
    }

    /// The sum, over the instances, of the most that each had room for at any time since. Where
    /// reads may miss tasks that began to stop since, these count as holding no network interface.
    pub(super) fn most_placeable_since(&self, time: DateTime<Utc>, misses_stopping: bool) -> u64 {
        let mut most: BTreeMap<&ContainerInstanceArn, Room> = BTreeMap::new();
        let mut missed: BTreeMap<&ContainerInstanceArn, u64> = BTreeMap::new();
        for change in self.changes_since(time) {
            let most = most.entry(change.of).or_default();
            *most = most.or_more(change.before).or_more(change.after);
            if misses_stopping && change.after.takes_tasks {
                let stopping = change.before.tasks.saturating_sub(change.after.tasks);
                *missed.entry(change.of).or_default() += stopping;
            }
        }
        for (of, missed) in missed {
            let most = most.entry(of).or_default();
            most.network_interfaces = most.network_interfaces.saturating_add(missed);
        }
        let now = |of: &ContainerInstanceArn| self.each.get(of).map_or(0, |host| host.figures.placeable);
        most.into_iter().fold(self.all.placeable, |all, (of, most)| all - now(of) + most.fits())
    }

    fn changes_since(&self, time: DateTime<Utc>) -> impl Iterator<Item = &Change<'a>> {
        let from = self.changes.partition_point(|change| change.at < time);
        self.changes.iter().skip(from)
    }
}

impl<'a> Host<'a> {
    fn of(described: &'a DescribedContainerInstance, worst: Option<&WorstCase>) -> Self {
        let one = u64::from;
        let active = described.status == ContainerInstanceStatus::Active;
        if !takes_tasks(described) {
            let draining = one(described.status == ContainerInstanceStatus::Draining);
            let figures = Figures { draining, disconnected: one(active), ..Figures::default() };
            return Self { described, figures, room: Room::default() };
        }
        let tasks = described.running_tasks + described.pending_tasks;
        let idle = one(tasks == 0);
        let hosts = Figures { active: 1, idle, ..Figures::default() };
        let takes_tasks = Room { takes_tasks: true, tasks: tasks.into(), ..Room::default() };
        let Some(worst) = worst else { return Self { described, figures: hosts, room: takes_tasks } };
        let fit = worst.fit_now(described);
        let large_enough = one(worst.fit_when_empty(described).into_iter().all(|times| times > 0));
        let placeable = fit.iter().copied().min().unwrap_or(0);
        let room = {
            let network_interfaces = fit.last().copied().filter(|_| worst.network_interface);
            let others = fit.len() - usize::from(worst.network_interface);
            Room {
                places: fit.iter().take(others).copied().min().unwrap_or(u64::MAX),
                network_interfaces: network_interfaces.unwrap_or(u64::MAX),
                ..takes_tasks
            }
        };
        let figures = Figures { fit, placeable, large_enough, ..hosts };
        Self { described, figures, room }
    }
}

impl Room {
    fn or_more(self, other: Self) -> Self {
        Self {
            takes_tasks: self.takes_tasks || other.takes_tasks,
            places: self.places.max(other.places),
            network_interfaces: self.network_interfaces.max(other.network_interfaces),
            tasks: self.tasks.max(other.tasks),
        }
    }

    fn fits(self) -> u64 {
        self.places.min(self.network_interfaces)
    }
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.change(other, |one, other| one + other);
    }

    fn subtract(&mut self, other: &Self) {
        self.change(other, |one, other| one - other);
    }

    fn change(&mut self, other: &Self, of: fn(u64, u64) -> u64) {
        self.active = of(self.active, other.active);
        self.idle = of(self.idle, other.idle);
        self.draining = of(self.draining, other.draining);
        self.disconnected = of(self.disconnected, other.disconnected);
        self.placeable = of(self.placeable, other.placeable);
        self.large_enough = of(self.large_enough, other.large_enough);
        if self.fit.len() < other.fit.len() {
            self.fit.resize(other.fit.len(), 0);
        }
        for (one, other) in self.fit.iter_mut().zip(&other.fit) {
            *one = of(*one, *other);
        }
    }
}

fn takes_tasks(instance: &DescribedContainerInstance) -> bool {
    instance.status == ContainerInstanceStatus::Active && instance.agent_connected
}
