//! What the function is wired to.

use fleetkeeper_core::ports::{
    AutoScalingGroups, ContainerInstanceDraining, ContainerInstances, LifecycleActions, Services,
    TaskDefinitions, TaskProtections, TaskStopping, Tasks,
};

/// What the drainer asks of the world.
#[derive(Debug)]
pub struct Ports<Ecs, AutoScaling, Sns, Log, C> {
    /// Reads container instances, tasks and services, sets instances DRAINING, and stops tasks.
    pub ecs: Ecs,
    /// Heartbeats and completes lifecycle actions, and tells which instances wait.
    pub auto_scaling: AutoScaling,
    /// Republishes messages.
    pub sns: Sns,
    /// Takes metrics.
    pub log: Log,
    /// Tells the time and waits.
    pub clock: C,
}

/// All that the drainer asks of ECS.
pub trait EcsCalls:
    ContainerInstances
    + ContainerInstanceDraining
    + Tasks
    + TaskStopping
    + TaskDefinitions
    + Services
    + TaskProtections
{
}

impl<Ecs> EcsCalls for Ecs where
    Ecs: ContainerInstances
        + ContainerInstanceDraining
        + Tasks
        + TaskStopping
        + TaskDefinitions
        + Services
        + TaskProtections
{
}

/// All that the drainer asks of EC2 Auto Scaling.
pub trait AutoScalingCalls: LifecycleActions + AutoScalingGroups {}

impl<AutoScaling: LifecycleActions + AutoScalingGroups> AutoScalingCalls for AutoScaling {}
