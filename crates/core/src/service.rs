//! ECS services: what they run, what they want to run, and what their schedulers tell.

use chrono::{DateTime, Utc};

use crate::task::TaskDefinitionArn;

/// A service's ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceArn(pub String);

/// A service as `DescribeServices` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Whether it is ACTIVE: one that is DRAINING or INACTIVE starts no task any more.
    pub active: bool,
    /// Whether its tasks run on the cluster's EC2 instances, and not on Fargate or outside AWS.
    pub on_ec2: bool,
    /// What it may start tasks of: the task definitions of all its deployments and task sets, those in progress included.
    pub definitions: Vec<TaskDefinitionArn>,
    /// How it spreads its tasks.
    pub strategy: SchedulingStrategy,
    /// How many tasks it is to run.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are in PENDING.
    pub pending: u32,
    /// The percentage of the desired count that must stay healthy while tasks are replaced; rounded up.
    pub minimum_healthy_percent: u32,
    /// The percentage of the desired count that may run while tasks are replaced; rounded down.
    pub maximum_percent: u32,
    /// What the scheduler told last, newest first; ECS gives the latest 100.
    pub events: Vec<ServiceEvent>,
}

/// How a service spreads its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedulingStrategy {
    /// So many of them, wherever they fit.
    Replica,
    /// One on each instance.
    Daemon,
}

/// What a service's scheduler told: text for people, such as "(service web) was unable to place a task because no
/// container instance met all of its requirements. ..."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// In ECS's words.
    pub message: String,
}
