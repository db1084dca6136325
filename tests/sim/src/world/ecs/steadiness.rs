//! The steady state of services.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::task::DesiredStatus;

use super::service::{SchedulingStrategy, Service};
use super::task::Task;
use super::{Cluster, daemon_plan};
use crate::world::World;

impl World {
    /// A service's tasks that have not STOPPED.
    #[must_use]
    pub fn tasks_of_service(&self, cluster: &str, service: &str) -> Vec<&Task> {
        self.clusters.get(cluster).map(|cluster| cluster.tasks_of_service(service)).unwrap_or_default()
    }

    /// Returns whether a service is steady: it has as many healthy tasks as it wants. None of them
    /// is stopping, on a DRAINING instance or of an earlier deployment.
    #[must_use]
    pub fn is_steady(&self, cluster: &str, service: &str) -> bool {
        let Some(cluster) = self.clusters.get(cluster) else { return false };
        cluster.services.get(service).is_some_and(|service| cluster.is_steady(service, self.now))
    }
}

impl Cluster {
    /// A service's tasks that have not STOPPED.
    pub(crate) fn tasks_of_service(&self, service: &str) -> Vec<&Task> {
        let arns = self.service_tasks.get(service).into_iter().flatten();
        arns.filter_map(|arn| self.tasks.get(arn)).collect()
    }

    /// The instances that services' tasks must leave.
    pub(crate) fn draining(&self) -> BTreeSet<&ContainerInstanceArn> {
        let instances = self.container_instances.values();
        let draining = instances.filter(|instance| instance.status == ContainerInstanceStatus::Draining);
        draining.map(|instance| &instance.arn).collect()
    }

    pub(crate) fn is_steady(&self, service: &Service, now: DateTime<Utc>) -> bool {
        if !self.has_all(service) {
            return false;
        }
        let draining = self.draining();
        self.tasks_of_service(&service.name).iter().all(|task| {
            task.desired_status == DesiredStatus::Running
                && task.is_healthy(now)
                && !service.has_outgrown(task)
                && !draining.contains(&task.container_instance)
        })
    }

    /// Returns whether a service has as many tasks that have not STOPPED as it wants. A DAEMON
    /// service's task whose agent is disconnected for now is still one.
    fn has_all(&self, service: &Service) -> bool {
        match service.scheduling_strategy {
            SchedulingStrategy::Replica => {
                let unstopped = self.service_tasks.get(&service.name).map_or(0, BTreeSet::len);
                let wanted = service.revisions().iter().map(|revision| revision.desired).sum();
                u32::try_from(unstopped) == Ok(wanted)
            }
            SchedulingStrategy::Daemon => {
                let tasks = self.tasks_of_service(&service.name);
                let hosts: BTreeSet<_> = tasks.iter().map(|task| &task.container_instance).collect();
                daemon_plan::eligible(self, service).all(|instance| hosts.contains(&instance.arn))
            }
        }
    }
}
