//! `DescribeServices`.

use std::cmp::Reverse;
use std::sync::Arc;

use fleetkeeper_core::ports::{Answer, SERVICES_MAX};
use fleetkeeper_core::service::ServiceEvent;

use super::constraint::PlacementConstraint;
use super::container_instance::count;
use super::describe::{at_most, each, missing};
use super::rollout::{LaunchType, Rollout, TaskSet};
use super::service::{PlacementStrategy, SchedulingStrategy, Service};
use super::strategy::StrategyItem;
use super::task::Task;
use super::task_definition::TaskDefinition;
use super::{Cluster, daemon_plan};
use crate::world::{ApiError, World};

/// A service as `DescribeServices` shows it.
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
    /// The task definition of its tasks; none where its deployment controller is EXTERNAL.
    pub task_definition: Option<String>,
    /// Where it runs; none with a capacity provider strategy.
    pub launch_type: Option<LaunchType>,
    /// Its capacity provider strategy.
    pub capacity_provider_strategy: Vec<StrategyItem>,
    /// Its placement constraints, without those of its task definition.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Its placement strategy.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Its task sets, if its deployment controller is EXTERNAL.
    pub task_sets: Vec<DescribedTaskSet>,
    /// The deployments in progress: the last one, and former ones that still have tasks, newest
    /// first.
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
    /// PRIMARY for the last deployment.
    pub status: DeploymentStatus,
    /// The task definition of its tasks.
    pub task_definition: String,
    /// How many tasks it wants.
    pub desired: u32,
    /// Its tasks desired RUNNING and running.
    pub running: u32,
    /// Its tasks in PENDING.
    pub pending: u32,
    /// Where it runs; none with a capacity provider strategy.
    pub launch_type: Option<LaunchType>,
    /// Its capacity provider strategy.
    pub capacity_provider_strategy: Vec<StrategyItem>,
}

/// A task set of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedTaskSet {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The task definition of its tasks.
    pub task_definition: String,
    /// Its share of the service's desired count, in percent.
    pub scale_percent: u32,
    /// `computedDesiredCount`.
    pub computed_desired: u32,
    /// Its tasks desired RUNNING and running.
    pub running: u32,
    /// Its tasks in PENDING.
    pub pending: u32,
    /// Where it runs; none with a capacity provider strategy.
    pub launch_type: Option<LaunchType>,
    /// Its capacity provider strategy.
    pub capacity_provider_strategy: Vec<StrategyItem>,
}

/// The status of a deployment: the last one is PRIMARY.
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
    /// With this many tasks wanted or, where it only goes on until its tasks are replaced, with
    /// those that still are.
    fn of(
        service: &Service,
        status: DeploymentStatus,
        definition: &Arc<TaskDefinition>,
        desired: Option<u32>,
        of_service: &[&Task],
    ) -> Self {
        let (running, pending) = counts(definition, of_service);
        let desired = desired.unwrap_or(running + pending);
        let strategy = service.strategy_of(definition);
        Self {
            status,
            task_definition: definition.arn(),
            desired,
            running,
            pending,
            launch_type: launch_type(service.launch_type, strategy),
            capacity_provider_strategy: strategy.to_vec(),
        }
    }
}

/// The running and pending tasks of a task definition.
fn counts(definition: &Arc<TaskDefinition>, of_service: &[&Task]) -> (u32, u32) {
    let own = || of_service.iter().filter(|task| Arc::ptr_eq(&task.definition, definition));
    let running = count(own().filter(|task| task.counts_as_running()));
    (running, count(own().filter(|task| task.counts_as_pending())))
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

impl World {
    /// Sets whether a former deployment shows the service's desired count, as it may in AWS. The
    /// reference says no more than "the most recent desired count of tasks that was specified".
    /// Otherwise it shows the tasks that are left of it.
    pub fn show_former_deployments_in_full(&mut self, cluster: &str, shown: bool) -> Result<(), ApiError> {
        self.cluster_mut(cluster)?.former_deployments_in_full = shown;
        Ok(())
    }
}

impl Cluster {
    fn describe_service(&self, service: &Service) -> DescribedService {
        let tasks = self.tasks_of_service(&service.name);
        let task_sets: Vec<_> =
            service.task_sets().iter().map(|set| self.task_set(service, set, &tasks)).collect();
        let external = matches!(service.rollout, Rollout::External { .. });
        let desired = match service.scheduling_strategy {
            SchedulingStrategy::Replica => service.desired_count,
            SchedulingStrategy::Daemon => count(daemon_plan::eligible(self, service)),
        };
        let elsewhere = match service.launch_type {
            LaunchType::Fargate => (desired, 0),
            LaunchType::Ec2 => {
                let fargate = task_sets.iter().filter(|set| set.launch_type == Some(LaunchType::Fargate));
                fargate.fold((0, 0), |(running, pending), set| (running + set.running, pending + set.pending))
            }
        };
        let counted = |counts: fn(&Task) -> bool| count(tasks.iter().filter(|task| counts(task)));
        DescribedService {
            arn: self.full_arn("service", &service.name),
            cluster_arn: self.arn(),
            name: service.name.clone(),
            scheduling_strategy: service.scheduling_strategy,
            task_definition: (!external).then(|| service.task_definition.arn()),
            launch_type: launch_type(service.launch_type, &service.capacity_provider_strategy),
            capacity_provider_strategy: service.capacity_provider_strategy.clone(),
            placement_constraints: service.placement_constraints.clone(),
            placement_strategy: service.placement_strategy.clone(),
            deployments: if external { Vec::new() } else { self.deployments(service, desired, &tasks) },
            task_sets,
            desired,
            running: counted(Task::counts_as_running) + elsewhere.0,
            pending: counted(Task::counts_as_pending) + elsewhere.1,
            minimum_healthy_percent: service.minimum_healthy_percent,
            maximum_percent: service.maximum_percent,
            events: service.events.newest_first(),
        }
    }

    /// A former deployment is in progress as long as one of its tasks has not STOPPED.
    fn deployments(&self, service: &Service, desired: u32, tasks: &[&Task]) -> Vec<Deployment> {
        let (primary, active) = (DeploymentStatus::Primary, DeploymentStatus::Active);
        let mut newest = Deployment::of(service, primary, &service.task_definition, Some(desired), tasks);
        if service.launch_type == LaunchType::Fargate {
            newest.running = desired;
        }
        let mut all = vec![newest];
        if let Rollout::BlueGreen { blue } = &service.rollout {
            all.push(Deployment::of(service, active, blue, Some(desired), tasks));
        }
        let mut outgrown: Vec<&Task> =
            tasks.iter().copied().filter(|task| service.has_outgrown(task)).collect();
        outgrown.sort_by_key(|task| Reverse(task.created_at));
        let mut former: Vec<&Arc<TaskDefinition>> = Vec::new();
        for task in outgrown {
            if !former.iter().any(|known| Arc::ptr_eq(known, &task.definition)) {
                former.push(&task.definition);
            }
        }
        let shown = self.former_deployments_in_full.then_some(desired);
        all.extend(former.into_iter().map(|it| Deployment::of(service, active, it, shown, tasks)));
        all
    }

    fn task_set(&self, service: &Service, set: &TaskSet, tasks: &[&Task]) -> DescribedTaskSet {
        let computed_desired = set.computed_desired(service.desired_count);
        let (running, pending) = match set.launch_type {
            LaunchType::Ec2 => counts(&set.task_definition, tasks),
            LaunchType::Fargate => {
                let running = set.running_on_fargate.min(computed_desired);
                (running, computed_desired - running)
            }
        };
        DescribedTaskSet {
            id: set.id.clone(),
            arn: self.full_arn("task-set", &format!("{}/{}", service.name, set.id)),
            task_definition: set.task_definition.arn(),
            scale_percent: set.scale_percent,
            computed_desired,
            running,
            pending,
            launch_type: launch_type(set.launch_type, &set.capacity_provider_strategy),
            capacity_provider_strategy: set.capacity_provider_strategy.clone(),
        }
    }
}

/// A service or task with a strategy shows no launch type.
fn launch_type(launch_type: LaunchType, strategy: &[StrategyItem]) -> Option<LaunchType> {
    Some(launch_type).filter(|_| strategy.is_empty())
}
