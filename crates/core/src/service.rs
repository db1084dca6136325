//! ECS services: their tasks, their deployments, and their schedulers' events.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::task::TaskDefinitionArn;

/// A service's ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceArn(pub String);

/// A service, from `DescribeServices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// True if it is ACTIVE: one that is DRAINING or INACTIVE starts no task any more.
    pub active: bool,
    /// Its deployments and task sets, those in progress included.
    pub deployments: Vec<Deployment>,
    /// The constraints that it places its tasks under, beside those of their task definition.
    pub constraints: Vec<PlacementConstraint>,
    /// The fields that its `placementStrategy` names to spread tasks over, such as
    /// `attribute:ecs.availability-zone`. The default strategy of services is not among them.
    pub spreads_over: Vec<String>,
    /// How it spreads its tasks.
    pub strategy: SchedulingStrategy,
    /// Its desired count.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are in PENDING.
    pub pending: u32,
    /// The percentage of the desired count that must stay healthy while tasks are replaced; rounded
    /// up.
    pub minimum_healthy_percent: u32,
    /// The percentage of the desired count that may run while tasks are replaced; rounded down.
    pub maximum_percent: u32,
    /// The scheduler's events, newest first. ECS gives the latest 100.
    pub events: Vec<ServiceEvent>,
}

/// A deployment or a task set of a service: tasks of one task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// True if it is a task set, which a service has by the deployment controllers `CODE_DEPLOY`
    /// and `EXTERNAL`. `maximumPercent` sets no limit to one.
    pub task_set: bool,
    /// The task definition of its tasks.
    pub definition: TaskDefinitionArn,
    /// Where its tasks run.
    pub launch: Launch,
    /// How many tasks it wants.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are in PENDING.
    pub pending: u32,
}

impl Deployment {
    /// Its tasks that run or start.
    #[must_use]
    pub fn has(&self) -> u64 {
        u64::from(self.running) + u64::from(self.pending)
    }
}

/// Where tasks run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Launch {
    /// On the cluster's EC2 instances, whichever capacity provider these belong to.
    Ec2,
    /// On the container instances of these capacity providers, all of them other than Fargate's.
    CapacityProviders(Vec<String>),
    /// On Fargate, or outside AWS.
    Elsewhere,
}

/// A constraint on where a service's task may be placed (API reference, `PlacementConstraint`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementConstraint {
    /// No two tasks of the service on one instance.
    DistinctInstance,
    /// Only on instances that match an expression of the cluster query language.
    MemberOf(String),
    /// A type that AWS added since.
    Other(String),
}

impl Service {
    /// The task definitions that it may start tasks of.
    #[must_use]
    pub fn definitions(&self) -> BTreeSet<&TaskDefinitionArn> {
        self.deployments.iter().map(|deployment| &deployment.definition).collect()
    }

    /// Returns whether it has tasks on the cluster's EC2 instances, and not on Fargate or outside
    /// AWS alone.
    #[must_use]
    pub fn is_on_ec2(&self) -> bool {
        self.on_ec2().next().is_some()
    }

    /// Returns whether a deployment or task set of it has fewer tasks than it wants.
    #[must_use]
    pub fn lacks_tasks(&self) -> bool {
        let starts_tasks = self.active && self.strategy == SchedulingStrategy::Replica;
        starts_tasks && self.on_ec2().any(|deployment| deployment.has() < deployment.desired.into())
    }

    /// The deployments and task sets whose tasks run on the cluster's EC2 instances.
    pub fn on_ec2(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments.iter().filter(|deployment| deployment.launch != Launch::Elsewhere)
    }

    /// The expressions that an instance must match for its tasks, beside those of their task
    /// definition.
    pub fn member_of(&self) -> impl Iterator<Item = &String> {
        self.constraints.iter().filter_map(|constraint| match constraint {
            PlacementConstraint::MemberOf(expression) => Some(expression),
            PlacementConstraint::DistinctInstance | PlacementConstraint::Other(_) => None,
        })
    }
}

/// How a service spreads its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedulingStrategy {
    /// The desired count of tasks, wherever they fit.
    Replica,
    /// One on each instance.
    Daemon,
}

/// An event of a service's scheduler: text for people, such as "(service web) was unable to place a
/// task because no container instance met all of its requirements. ..."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// In ECS's words.
    pub message: String,
}
