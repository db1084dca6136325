//! A cluster's container instances as they really are, as a history goes on, and the room on them for the worst case.
//!
//! The reckoning is the book's and AWS's, and none of the calculator's code: what one instance has room for, summed up.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Port};
use fleetkeeper_sim::world::ecs::container_instance::DescribedContainerInstance;

use crate::scenario::CalculatorPlan;

/// What one container instance, or all of them together, come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// ACTIVE, with the agent connected.
    pub(super) active: u64,
    pub(super) draining: u64,
    /// ACTIVE, with the agent away.
    pub(super) disconnected: u64,
    /// How often what is free meets the worst case, resource by resource.
    pub(super) by_cpu: u64,
    pub(super) by_memory: u64,
    pub(super) by_port: u64,
    /// How many really fit.
    pub(super) placeable: u64,
    /// Those on which the worst case would fit while nothing runs there.
    pub(super) large_enough: u64,
}

/// How many of the worst case an empty instance has room for, resource by resource.
#[derive(Debug, Clone, Copy, Default)]
struct PerHost {
    cpu: u64,
    memory: u64,
}

/// A cluster as it is now, and how it came to be.
#[derive(Debug, Default)]
pub(super) struct Fleet<'a> {
    each: BTreeMap<&'a ContainerInstanceArn, Figures>,
    per_host: BTreeMap<&'a ContainerInstanceArn, PerHost>,
    pub(super) all: Figures,
    /// Every change of an instance, oldest first.
    changes: Vec<Change<'a>>,
    /// The instances that take tasks, and since when.
    take_tasks: BTreeSet<(DateTime<Utc>, &'a ContainerInstanceArn)>,
    take_tasks_since: BTreeMap<&'a ContainerInstanceArn, DateTime<Utc>>,
    /// When the worst case last stopped fitting on any instance that takes tasks; none while it fits on one, and while
    /// there is none.
    pub(super) too_small_since: Option<DateTime<Utc>>,
}

/// A change of an instance.
#[derive(Debug)]
struct Change<'a> {
    at: DateTime<Utc>,
    of: &'a ContainerInstanceArn,
    before: u64,
    after: u64,
}

impl<'a> Fleet<'a> {
    pub(super) fn change(
        &mut self,
        to: &'a DescribedContainerInstance,
        worst: &CalculatorPlan,
        at: DateTime<Utc>,
    ) {
        let of = &to.arn;
        let after = figures(to, worst);
        let before = self.each.insert(of, after).unwrap_or_default();
        self.all = self.all.less(before).plus(after);
        if after.active == 1 {
            let fit = |has: u64, takes: u64| has.checked_div(takes).unwrap_or(0);
            let (cpu, memory) = (to.registered.cpu.0, to.registered.memory.0);
            self.per_host.insert(of, PerHost { cpu: fit(cpu, worst.cpu), memory: fit(memory, worst.memory) });
        } else {
            self.per_host.remove(of);
        }
        self.changes.push(Change { at, of, before: before.placeable, after: after.placeable });
        match (before.active, after.active) {
            (0, 1) => {
                self.take_tasks_since.insert(of, at);
                self.take_tasks.insert((at, of));
            }
            (1, 0) => {
                if let Some(since) = self.take_tasks_since.remove(of) {
                    self.take_tasks.remove(&(since, of));
                }
            }
            _ => {}
        }
        let too_small = self.all.active > 0 && self.all.large_enough == 0;
        self.too_small_since = too_small.then(|| self.too_small_since.unwrap_or(at));
    }

    /// Whether more than so many hosts' worth is free, in each resource that the worst case uses: more than
    /// `IdleHostCapacity` says. The largest host is what each resource is measured by.
    pub(super) fn idles_more_than(&self, hosts: u64, worst: &CalculatorPlan) -> bool {
        let largest = |of: fn(&PerHost) -> u64| self.per_host.values().map(of).max().unwrap_or(0);
        let idles = |uses: bool, free: u64, a_host: u64| !uses || (a_host > 0 && free > a_host * hosts);
        idles(worst.cpu > 0, self.all.by_cpu, largest(|per| per.cpu))
            && idles(worst.memory > 0, self.all.by_memory, largest(|per| per.memory))
            && idles(worst.tcp_port.is_some(), self.all.by_port, 1)
    }

    /// Whether nothing changed since a time.
    pub(super) fn is_still_since(&self, time: DateTime<Utc>) -> bool {
        self.changes.last().is_none_or(|last| last.at < time)
    }

    /// Whether one instance has taken tasks all the time since.
    pub(super) fn has_host_since(&self, time: DateTime<Utc>) -> bool {
        self.take_tasks.first().is_some_and(|(since, _)| *since < time)
    }

    /// The sum, over the instances, of the most that each had room for at any time since.
    pub(super) fn most_placeable_since(&self, time: DateTime<Utc>) -> u64 {
        let from = self.changes.partition_point(|change| change.at < time);
        let mut most: BTreeMap<&ContainerInstanceArn, u64> = BTreeMap::new();
        for change in self.changes.iter().skip(from) {
            let most = most.entry(change.of).or_default();
            *most = change.before.max(change.after).max(*most);
        }
        let now = |of: &ContainerInstanceArn| self.each.get(of).map_or(0, |figures| figures.placeable);
        most.into_iter().fold(self.all.placeable, |all, (of, most)| all - now(of) + most)
    }
}

impl Figures {
    /// `ContainerCapacity`: the least over the resources that the worst case uses.
    pub(super) fn container_capacity(&self, worst: &CalculatorPlan) -> u64 {
        let by_cpu = (worst.cpu > 0).then_some(self.by_cpu);
        let by_memory = (worst.memory > 0).then_some(self.by_memory);
        let by_port = worst.tcp_port.map(|_| self.by_port);
        [by_cpu, by_memory, by_port].into_iter().flatten().min().unwrap_or(0)
    }

    fn plus(self, other: Self) -> Self {
        self.with(other, |one, other| one + other)
    }

    fn less(self, other: Self) -> Self {
        self.with(other, |one, other| one - other)
    }

    fn with(self, other: Self, of: fn(u64, u64) -> u64) -> Self {
        Self {
            active: of(self.active, other.active),
            draining: of(self.draining, other.draining),
            disconnected: of(self.disconnected, other.disconnected),
            by_cpu: of(self.by_cpu, other.by_cpu),
            by_memory: of(self.by_memory, other.by_memory),
            by_port: of(self.by_port, other.by_port),
            placeable: of(self.placeable, other.placeable),
            large_enough: of(self.large_enough, other.large_enough),
        }
    }
}

fn figures(instance: &DescribedContainerInstance, worst: &CalculatorPlan) -> Figures {
    let one = u64::from;
    let active = instance.status == ContainerInstanceStatus::Active;
    if !(active && instance.agent_connected) {
        let draining = one(instance.status == ContainerInstanceStatus::Draining);
        return Figures { draining, disconnected: one(active), ..Figures::default() };
    }
    let (all, free) = (&instance.registered, &instance.remaining);
    let by_cpu = free.cpu.0.checked_div(worst.cpu);
    let by_memory = free.memory.0.checked_div(worst.memory);
    let kept = |port: u16| all.tcp_ports_taken.contains(&Port(port));
    let by_port = worst.tcp_port.map(|port| one(!kept(port) && !free.tcp_ports_taken.contains(&Port(port))));
    let large_enough =
        all.cpu.0 >= worst.cpu && all.memory.0 >= worst.memory && !worst.tcp_port.is_some_and(kept);
    Figures {
        active: 1,
        by_cpu: by_cpu.unwrap_or(0),
        by_memory: by_memory.unwrap_or(0),
        by_port: by_port.unwrap_or(0),
        placeable: [by_cpu, by_memory, by_port].into_iter().flatten().min().unwrap_or(0),
        large_enough: one(large_enough),
        ..Figures::default()
    }
}
