//! Tasks. The status that ECS wants (desired status) and the one that it has seen (last status) are
//! two things.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::task_definition::TaskDefinition;
use crate::world::agenda::Ticket;

/// Where a task is in its life, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LastStatus {
    /// Placed; its containers are being pulled and started.
    Pending,
    /// Its containers run.
    Running,
    /// ECS takes it out of its load balancer; its containers still run.
    Deactivating,
    /// Its containers were sent SIGTERM and finish what they do.
    Stopping,
    /// Its containers are gone; its network interface is being detached.
    Deprovisioning,
    /// It is over, and its host free of it.
    Stopped,
}

impl LastStatus {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl fmt::Display for LastStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A desired status as AWS writes it.
#[must_use]
pub const fn desired_status_name(desired: DesiredStatus) -> &'static str {
    match desired {
        DesiredStatus::Running => "RUNNING",
        DesiredStatus::Stopped => "STOPPED",
    }
}

/// Why ECS stops a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCode {
    /// Its containers ended on their own.
    EssentialContainerExited,
    /// Somebody called `StopTask`.
    UserInitiated,
    /// Its service wants it elsewhere or not at all.
    ServiceSchedulerInitiated,
    /// Its EC2 instance was terminated.
    TerminationNotice,
}

impl StopCode {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::TerminationNotice => "TerminationNotice",
        }
    }
}

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its ARN.
    pub arn: TaskArn,
    /// Its task definition.
    pub definition: Arc<TaskDefinition>,
    /// The service that it belongs to; a standalone task has none.
    pub service: Option<String>,
    /// The capacity provider that it was given; none with a launch type.
    pub capacity_provider: Option<String>,
    /// Where it was placed.
    pub container_instance: ContainerInstanceArn,
    /// The status that ECS wants.
    pub desired_status: DesiredStatus,
    /// Where it is.
    pub last_status: LastStatus,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When it became RUNNING.
    pub started_at: Option<DateTime<Utc>>,
    /// When ECS set out to stop it.
    pub stopping_at: Option<DateTime<Utc>>,
    /// When it was STOPPED.
    pub stopped_at: Option<DateTime<Utc>>,
    /// Why it was stopped.
    pub stop_code: Option<StopCode>,
    /// The reason that came with the stop.
    pub stopped_reason: Option<String>,
    /// Until when its service's scheduler leaves it alone.
    pub protected_until: Option<DateTime<Utc>>,
    /// Goes up with each change.
    pub version: i64,
    /// The agenda's entry that takes it further.
    pub(crate) timer: Option<Ticket>,
    /// Its next step is due but waits for its instance's agent.
    pub(crate) waits_for_agent: bool,
    /// The agent has set resources of the host aside for it, which it holds until it is STOPPED.
    pub(crate) holds_host_resources: bool,
    /// Its host is gone, whatever ECS knows of that.
    pub(crate) host_gone: bool,
}

impl Task {
    /// `service:NAME` or `family:NAME`.
    #[must_use]
    pub fn group(&self) -> String {
        match &self.service {
            Some(service) => format!("service:{service}"),
            None => format!("family:{}", self.definition.family),
        }
    }

    /// Returns whether its service counts it as healthy.
    #[must_use]
    pub fn is_healthy(&self, now: DateTime<Utc>) -> bool {
        let wait = TimeDelta::seconds(i64::from(self.definition.healthy_seconds));
        self.last_status == LastStatus::Running
            && self.started_at.is_some_and(|started| started + wait <= now)
    }

    /// What `runningTasksCount` counts: *desired* to run and running. A task being stopped is not
    /// among them, long before its containers are gone.
    #[must_use]
    pub fn counts_as_running(&self) -> bool {
        self.desired_status == DesiredStatus::Running && self.last_status == LastStatus::Running
    }

    /// Returns whether `pendingTasksCount` counts it.
    #[must_use]
    pub fn counts_as_pending(&self) -> bool {
        self.desired_status == DesiredStatus::Running && self.last_status == LastStatus::Pending
    }
}
