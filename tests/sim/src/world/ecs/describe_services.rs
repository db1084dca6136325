//! `DescribeServices`.

use std::cmp::Reverse;
use std::sync::Arc;

use fleetkeeper_core::ports::{Answer, SERVICES_MAX};
use fleetkeeper_core::service::ServiceEvent;

use super::container_instance::count;
use super::describe::{at_most, each, missing};
use super::service::{SchedulingStrategy, Service};
use super::task::Task;
use super::task_definition::TaskDefinition;
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
    /// The deployments in progress: the last one, and former ones that still have tasks, newest first.
    pub deployments: Vec<Deployment>,
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

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Whether it is the last one.
    pub status: DeploymentStatus,
    /// What its tasks are made from.
    pub task_definition: String,
    /// Its tasks desired RUNNING and running.
    pub running: u32,
    /// Its tasks in PENDING.
    pub pending: u32,
}

/// Whether a deployment is the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// It is.
    Primary,
    /// It is a former one, whose tasks are being replaced.
    Active,
}

impl DeploymentStatus {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Active => "ACTIVE",
        }
    }
}

impl Deployment {
    fn of(status: DeploymentStatus, definition: &Arc<TaskDefinition>, of_service: &[&Task]) -> Self {
        let own = || of_service.iter().filter(|task| Arc::ptr_eq(&task.definition, definition));
        Self {
            status,
            task_definition: definition.arn(),
            running: count(own().filter(|task| task.counts_as_running())),
            pending: count(own().filter(|task| task.counts_as_pending())),
        }
    }
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
            deployments: deployments(service, &tasks),
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

/// A former deployment is in progress as long as one of its tasks has not STOPPED.
fn deployments(service: &Service, tasks: &[&Task]) -> Vec<Deployment> {
    let mut outgrown: Vec<&Task> = tasks.iter().copied().filter(|task| service.has_outgrown(task)).collect();
    outgrown.sort_by_key(|task| Reverse(task.created_at));
    let mut former: Vec<&Arc<TaskDefinition>> = Vec::new();
    for task in outgrown {
        if !former.iter().any(|known| Arc::ptr_eq(known, &task.definition)) {
            former.push(&task.definition);
        }
    }
    let primary = Deployment::of(DeploymentStatus::Primary, &service.task_definition, tasks);
    let former = former.into_iter().map(|it| Deployment::of(DeploymentStatus::Active, it, tasks));
    [primary].into_iter().chain(former).collect()
}
