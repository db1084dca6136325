//! Managed scaling of a capacity provider, with or without managed termination protection.
//!
//! ECS publishes `CapacityProviderReservation` once a minute: 100 * M / N, where N instances are
//! there and M are needed. Target tracking adds instances after one data point above the target,
//! and removes some after 15 below it. The sources are the developer guide
//! ("managed-scaling-behavior") and two AWS blogs. These are "Deep dive on Amazon ECS cluster auto
//! scaling" and "Faster scaling-in for Amazon ECS cluster auto scaling". The world simplifies it as
//! follows:
//!
//! - A service with a provider has a strategy of that provider alone.
//! - With several instance types, the largest of each resource counts.
//! - Termination protection is lifted from empty instances once a minute.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use super::capacity_provider::{CapacityProvider, ManagedScaling};
use super::placement_mode::PlacementMode;
use super::plan::Start;
use super::service::SchedulingStrategy;
use super::submission::PROVISIONING_MAX;
use super::task_definition::TaskDefinition;
use super::{Cluster, replica_plan};
use crate::world::World;
use crate::world::agenda::Transition;
use crate::world::auto_scaling::group::{Group, LifecycleState};
use crate::world::ecs::instance_type::InstanceType;
use crate::world::history::Occurrence;

/// Data points below the target before a scale-in.
const POINTS_IN: usize = 15;

/// The latest data points of a provider, oldest first: whether each is below the target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reservations(VecDeque<bool>);

impl Reservations {
    /// Adds a point. Returns whether the alarm for scale-in is on.
    fn add(&mut self, below: bool) -> bool {
        self.0.push_back(below);
        if self.0.len() > POINTS_IN {
            self.0.pop_front();
        }
        self.0.len() == POINTS_IN && self.0.iter().all(|below| *below)
    }
}

/// The instances that are there, and those that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reservation {
    needed: u64,
    there: u64,
}

impl Reservation {
    /// `CapacityProviderReservation` in percent, times the instances that are there.
    fn scaled(self) -> u64 {
        self.needed * 100
    }

    fn is_above(self, target: u64) -> bool {
        match self.there {
            // 100 where nothing is needed, 200 where something is.
            0 => self.needed > 0 || target < 100,
            there => self.scaled() > target * there,
        }
    }

    fn is_below(self, target: u64) -> bool {
        self.there > 0 && self.scaled() < target * self.there
    }

    /// What target tracking wants: the first scale-out from zero is always two instances.
    fn wanted(self, target: u64) -> u64 {
        if self.there == 0 { 2 } else { self.scaled().div_ceil(target.max(1)) }
    }
}

impl World {
    /// ECS begins to manage a provider's group.
    pub(super) fn begin_managed_scaling(&mut self, provider: &CapacityProvider) {
        let Some(scaling) = provider.scaling else { return };
        if let Some(group) = self.groups.get_mut(&provider.group) {
            group.settings.new_instances_protected = scaling.protects;
        }
        let tick = Transition::ManagedScaling { provider: provider.name.clone() };
        self.agenda.enter(self.after(60), tick);
    }

    /// Once a minute: the metric, and what target tracking makes of it.
    pub(crate) fn scale_by_reservation(&mut self, name: &str) {
        let Some(provider) = self.capacity_providers.get(name).cloned() else { return };
        let Some(scaling) = provider.scaling else { return };
        self.agenda.enter(self.after(60), Transition::ManagedScaling { provider: name.to_owned() });
        let empty = self.protect_busy_instances(&provider.group, scaling);
        let Some(group) = self.groups.get(&provider.group) else { return };
        let there = group.units(|instance| instance.state.counts());
        let needed = self.instances_for_waiting_tasks(group, &provider, scaling);
        let needed = if needed > 0 { there + needed } else { there.saturating_sub(empty) };
        let (reservation, target) = (Reservation { needed, there }, u64::from(scaling.target_capacity));
        let points = self.reservations.entry(name.to_owned()).or_default();
        let scales_in = points.add(reservation.is_below(target));
        if group.warms_up(scaling.instance_warmup_seconds, self.now) {
            return;
        }
        let (min, max) = (u64::from(group.settings.min_size), u64::from(group.settings.max_size));
        let from = group.desired_capacity;
        let to = if reservation.is_above(target) {
            reservation.wanted(target).min(max).max(from.into())
        } else if scales_in {
            // At most half of the instances at once.
            reservation.wanted(target).max(there - (there / 2).max(1)).max(min).min(from.into())
        } else {
            return;
        };
        let to = u32::try_from(to).unwrap_or(from);
        if to == from {
            return;
        }
        self.record(Occurrence::PolicyExecuted {
            group: provider.group.clone(),
            policy: name.to_owned(),
            alarm: "CapacityProviderReservation".to_owned(),
            from,
            to,
        });
        self.change_desired_capacity(&provider.group, to);
    }

    /// With termination protection, protects the instances that run tasks and no others. How many
    /// run none.
    fn protect_busy_instances(&mut self, name: &str, scaling: ManagedScaling) -> u64 {
        let Some(group) = self.groups.get_mut(name) else { return 0 };
        let cluster = group.settings.cluster.as_ref().and_then(|cluster| self.clusters.get(cluster));
        let Some(cluster) = cluster else { return 0 };
        let mut empty = 0;
        let registered: BTreeMap<_, _> =
            cluster.container_instances.values().map(|it| (&it.ec2_instance_id, it)).collect();
        for (id, instance) in &mut group.instances {
            let idle = registered.get(id).is_some_and(|it| cluster.runs_daemons_alone(&it.tasks));
            let idle = idle && instance.state == LifecycleState::InService;
            instance.protected_from_scale_in = scaling.protects && !idle;
            empty += u64::from(idle);
        }
        empty
    }

    /// The instances to launch for the waiting tasks: those for the kind that needs the most.
    fn instances_for_waiting_tasks(
        &self,
        group: &Group,
        provider: &CapacityProvider,
        scaling: ManagedScaling,
    ) -> u64 {
        let cluster = group.settings.cluster.as_ref().and_then(|cluster| self.clusters.get(cluster));
        let Some(cluster) = cluster else { return 0 };
        let types = group.types();
        let mut left = PROVISIONING_MAX;
        let mut most = 0;
        for (definition, count) in cluster.waiting_on(&provider.name, self.placement.mode, self.now) {
            let count = count.min(left);
            left -= count;
            // A kind that does not fit on the smallest type is left out, silently.
            if types.iter().all(|of_type| held_by(of_type, definition) > 0) {
                let each = types.iter().map(|of_type| held_by(of_type, definition)).max().unwrap_or(1);
                most = most.max(count.div_ceil(each));
            }
        }
        if most == 0 { 0 } else { most.min(scaling.maximum_step).max(scaling.minimum_step) }
    }
}

/// How many tasks of a kind an empty instance holds.
fn held_by(of_type: &InstanceType, definition: &TaskDefinition) -> u64 {
    let parts = [
        of_type.cpu.0.checked_div(definition.cpu.0),
        of_type.memory.0.checked_div(definition.memory.0),
        u64::from(of_type.gpus).checked_div(definition.gpus.into()),
        definition.awsvpc.then_some(of_type.awsvpc_task_limit.into()),
        (definition.host_ports() > 0).then_some(1),
    ];
    parts.into_iter().flatten().min().unwrap_or(1)
}

impl Cluster {
    /// The kinds of tasks that wait for a provider's capacity, and how many of each.
    fn waiting_on<'a>(
        &'a self,
        provider: &str,
        mode: PlacementMode,
        now: DateTime<Utc>,
    ) -> Vec<(&'a TaskDefinition, u64)> {
        let mut kinds: Vec<(&TaskDefinition, u64)> = Vec::new();
        let mut add = |definition: &'a TaskDefinition, count: u64| match kinds
            .iter_mut()
            .find(|(known, _)| needs(known) == needs(definition))
        {
            Some((_, known)) => *known += count,
            None => kinds.push((definition, count)),
        };
        let unplaced = |it: &&super::service::Service| {
            it.scheduling_strategy == SchedulingStrategy::Replica
                && it.capacity_provider_strategy.iter().any(|item| item.provider == provider)
        };
        for service in self.services.values().filter(|service| !service.settled).filter(unplaced) {
            if let Start::Anywhere(all) = replica_plan::plan(self, service, mode, now).start {
                let count = all.iter().map(|starting| starting.count).sum();
                if count > 0 {
                    add(&service.task_definition, count);
                }
            }
        }
        let of_provider = self
            .submissions
            .values()
            .filter(|it| it.provisioning && it.capacity_provider.as_deref() == Some(provider));
        for submission in of_provider {
            add(&submission.definition, 1);
        }
        kinds
    }

    fn runs_daemons_alone(&self, tasks: &[fleetkeeper_core::task::TaskArn]) -> bool {
        let daemons = |task: &super::task::Task| {
            let service = task.service.as_ref().and_then(|name| self.services.get(name));
            service.is_some_and(|it| it.scheduling_strategy == SchedulingStrategy::Daemon)
        };
        tasks.iter().filter_map(|arn| self.tasks.get(arn)).all(daemons)
    }
}

/// The key by which ECS treats kinds of tasks as the same.
fn needs(definition: &TaskDefinition) -> (u64, u64, u32, bool, u32) {
    let TaskDefinition { cpu, memory, gpus, awsvpc, .. } = definition;
    (cpu.0, memory.0, *gpus, *awsvpc, definition.host_ports())
}

impl Group {
    fn warms_up(&self, seconds: u32, now: DateTime<Utc>) -> bool {
        let warm_up = TimeDelta::seconds(i64::from(seconds));
        self.instances.values().any(|instance| match instance.state {
            LifecycleState::Pending | LifecycleState::PendingWait => true,
            LifecycleState::InService => instance.in_service_at.is_some_and(|since| now < since + warm_up),
            _ => false,
        })
    }

    fn types(&self) -> Vec<InstanceType> {
        match &self.settings.mixed_instances {
            Some(mixed) => mixed.of_all_types(),
            None => vec![self.settings.instance_type.clone()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metric_is_what_is_needed_of_what_is_there() {
        let of = |needed, there| Reservation { needed, there };
        assert!(of(6, 5).is_above(100) && !of(5, 5).is_above(100) && of(4, 5).is_below(100));
        assert_eq!((of(6, 5).wanted(100), of(9, 10).wanted(90), of(10, 10).wanted(90)), (6, 10, 12));
    }

    #[test]
    fn from_zero_there_are_two_and_a_target_below_100_keeps_adding_them() {
        let of = |needed, there| Reservation { needed, there };
        assert_eq!(of(40, 0).wanted(100), 2);
        assert!(!of(0, 0).is_above(100) && of(0, 0).is_above(90));
    }

    #[test]
    fn a_scale_in_takes_fifteen_points_below_the_target_in_a_row() {
        let mut points = Reservations::default();
        assert!(!(0..14).any(|_| points.add(true)));
        assert!(points.add(true) && points.add(true));
        assert!(!points.add(false));
        assert!(!(0..14).any(|_| points.add(true)));
        assert!(points.add(true));
    }
}
