//! The scheduler's plan for a DAEMON service.
//!
//! Each ACTIVE instance with its agent connected that meets the constraint gets one task. On a
//! DRAINING instance that task stops last, once the REPLICA services' tasks there have STOPPED;
//! standalone tasks, which nobody stops, are not waited for. The percentages govern deployments,
//! not draining.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::DesiredStatus;

use super::Cluster;
use super::container_instance::ContainerInstance;
use super::placement::{Placing, takes_tasks};
use super::plan::{Plan, Start};
use super::replica_plan::count;
use super::service::{SchedulingStrategy, Service};
use super::task::Task;

pub(crate) fn plan(cluster: &Cluster, service: &Service, now: DateTime<Utc>) -> Plan {
    let all = cluster.tasks_of_service(&service.name);
    let taken: BTreeSet<&ContainerInstanceArn> = all.iter().map(|task| &task.container_instance).collect();
    let wanted: Vec<&Task> =
        all.iter().copied().filter(|task| task.desired_status == DesiredStatus::Running).collect();
    let eligible: Vec<&ContainerInstanceArn> =
        eligible(cluster, service).map(|instance| &instance.arn).collect();
    let draining = cluster.draining();

    let mut healthy = count(wanted.iter().filter(|task| task.is_healthy(now)));
    let minimum = service.minimum_healthy_of(count(eligible.iter()));
    let mut stop = Vec::new();
    for task in wanted {
        let leaves = if draining.contains(&task.container_instance) {
            may_leave(cluster, task)
        } else {
            service.has_outgrown(task) && (!task.is_healthy(now) || healthy > minimum)
        };
        if leaves && !task.is_protected(now) {
            healthy -= u64::from(task.is_healthy(now));
            stop.push(task.arn.clone());
        }
    }

    let free = eligible.into_iter().filter(|arn| !taken.contains(arn));
    Plan { stop, start: Start::OnEach(free.cloned().collect()) }
}

/// The instances that get a task each.
pub(crate) fn eligible<'a>(
    cluster: &'a Cluster,
    service: &'a Service,
) -> impl Iterator<Item = &'a ContainerInstance> {
    let instances = cluster.container_instances.values();
    let placing =
        Placing { definition: &service.task_definition, service: Some(service), capacity_provider: None };
    instances.filter(move |instance| takes_tasks(instance) && placing.may_go_to(cluster, instance).is_ok())
}

/// Returns whether nothing on a task's DRAINING instance needs it any more.
fn may_leave(cluster: &Cluster, daemon: &Task) -> bool {
    let instance = cluster.container_instances.get(&daemon.container_instance);
    instance.is_some_and(|instance| !cluster.tasks_on(instance).any(|task| cluster.is_replica(task)))
}

impl Cluster {
    /// Returns whether a task belongs to a REPLICA service.
    pub(crate) fn is_replica(&self, task: &Task) -> bool {
        let service = task.service.as_ref().and_then(|name| self.services.get(name));
        service.is_some_and(|service| service.scheduling_strategy == SchedulingStrategy::Replica)
    }
}
