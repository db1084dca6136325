//! The wiring of the function.

use fleetkeeper_core::ports::{
    AutoScalingGroups, Clock, ContainerInstanceDraining, ContainerInstances, EmbeddedMetrics,
    LifecycleActions, NotificationTopic, Services, TaskProtections, TaskStopping, Tasks,
};

/// Every call of the drainer on ECS.
pub trait EcsCalls:
    ContainerInstances + ContainerInstanceDraining + Tasks + TaskStopping + Services + TaskProtections
{
}

impl<Ecs> EcsCalls for Ecs where
    Ecs: ContainerInstances + ContainerInstanceDraining + Tasks + TaskStopping + Services + TaskProtections
{
}

/// Every call of the drainer on EC2 Auto Scaling.
pub trait AutoScalingCalls: LifecycleActions + AutoScalingGroups {}

impl<AutoScaling: LifecycleActions + AutoScalingGroups> AutoScalingCalls for AutoScaling {}

/// The drainer's ports, one a service. A type that is all of them at once is wired to itself.
pub trait Ports {
    /// Reads container instances, tasks and services, sets instances DRAINING, and stops tasks.
    type Ecs: EcsCalls;
    /// Reads groups and hooks, records heartbeats and completes lifecycle actions.
    type AutoScaling: AutoScalingCalls;
    /// Republishes messages.
    type Sns: NotificationTopic;
    /// Takes metrics.
    type Log: EmbeddedMetrics;
    /// Gives the time and waits.
    type Clock: Clock;

    /// ECS.
    fn ecs(&self) -> &Self::Ecs;
    /// EC2 Auto Scaling.
    fn auto_scaling(&self) -> &Self::AutoScaling;
    /// SNS.
    fn sns(&self) -> &Self::Sns;
    /// The log.
    fn log(&self) -> &Self::Log;
    /// The clock.
    fn clock(&self) -> &Self::Clock;
}

impl<All> Ports for All
where
    All: EcsCalls + AutoScalingCalls + NotificationTopic + EmbeddedMetrics + Clock,
{
    type Ecs = All;
    type AutoScaling = All;
    type Sns = All;
    type Log = All;
    type Clock = All;

    fn ecs(&self) -> &All {
        self
    }

    fn auto_scaling(&self) -> &All {
        self
    }

    fn sns(&self) -> &All {
        self
    }

    fn log(&self) -> &All {
        self
    }

    fn clock(&self) -> &All {
        self
    }
}

/// A port for each service.
#[derive(Debug)]
pub struct Adapters<Ecs, AutoScaling, Sns, Log, C> {
    /// See [`Ports::Ecs`].
    pub ecs: Ecs,
    /// See [`Ports::AutoScaling`].
    pub auto_scaling: AutoScaling,
    /// See [`Ports::Sns`].
    pub sns: Sns,
    /// See [`Ports::Log`].
    pub log: Log,
    /// See [`Ports::Clock`].
    pub clock: C,
}

impl<Ecs, AutoScaling, Sns, Log, C> Ports for Adapters<Ecs, AutoScaling, Sns, Log, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    Log: EmbeddedMetrics,
    C: Clock,
{
    type Ecs = Ecs;
    type AutoScaling = AutoScaling;
    type Sns = Sns;
    type Log = Log;
    type Clock = C;

    fn ecs(&self) -> &Ecs {
        &self.ecs
    }

    fn auto_scaling(&self) -> &AutoScaling {
        &self.auto_scaling
    }

    fn sns(&self) -> &Sns {
        &self.sns
    }

    fn log(&self) -> &Log {
        &self.log
    }

    fn clock(&self) -> &C {
        &self.clock
    }
}
