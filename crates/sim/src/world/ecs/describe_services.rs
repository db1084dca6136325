//! `DescribeServices`.

use fleetkeeper_core::ports::{Answer, SERVICES_MAX};
use fleetkeeper_core::service::ServiceEvent;

use super::container_instance::count;
use super::describe::{at_most, each, missing};
use super::service::{SchedulingStrategy, Service};
use super::task::Task;
use super::{Cluster, daemon_plan};
use crate::world::{ApiError, World};

/// A service as `DescribeServices` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedService {
    /// Its ARN.
    pub arn: String,
    /// Its cluster's ARN.
    pub cluster_arn: String,
    /// Its name.
    pub name: String,
    /// How its scheduler counts.
    pub scheduling_strategy: SchedulingStrategy,
    /// What its tasks are made from.
    pub task_definition: String,
    /// How many tasks it wants; a DAEMON service as many as there are instances for it.
    pub desired: u32,
    /// Tasks desired RUNNING and running.
    pub running: u32,
    /// Tasks in PENDING.
    pub pending: u32,
    /// `minimumHealthyPercent`.
    pub minimum_healthy_percent: u32,
    /// `maximumPercent`.
    pub maximum_percent: u32,
    /// The latest events, newest first.
    pub events: Vec<ServiceEvent>,
}

impl World {
    /// `DescribeServices`, by names or ARNs.
    pub fn describe_services(
        &self,
        cluster: Option<&str>,
        named: &[String],
    ) -> Result<Answer<DescribedService>, ApiError> {
        let cluster = self.cluster(&self.cluster_name(cluster)?)?;
        at_most(SERVICES_MAX, named, "Services")?;
        Ok(each(named, |named| {
            let arn = cluster.full_arn("service", named);
            let name = arn.rsplit('/').next().unwrap_or_default();
            let found = cluster.services.get(name).filter(|_| arn == cluster.full_arn("service", name));
            found.map(|service| cluster.describe_service(service)).ok_or_else(|| missing(arn))
        }))
    }
}

impl Cluster {
    fn describe_service(&self, service: &Service) -> DescribedService {
        let tasks = self.tasks_of_service(&service.name);
        let counted = |counts: fn(&Task) -> bool| count(tasks.iter().filter(|task| counts(task)));
        DescribedService {
            arn: self.full_arn("service", &service.name),
            cluster_arn: self.arn(),
            name: service.name.clone(),
            scheduling_strategy: service.scheduling_strategy,
            task_definition: service.task_definition.arn(),
            desired: match service.scheduling_strategy {
                SchedulingStrategy::Replica => service.desired_count,
                SchedulingStrategy::Daemon => count(daemon_plan::eligible(self, service)),
            },
            running: counted(Task::counts_as_running),
            pending: counted(Task::counts_as_pending),
            minimum_healthy_percent: service.minimum_healthy_percent,
            maximum_percent: service.maximum_percent,
            events: service.events.newest_first(),
        }
    }
}
