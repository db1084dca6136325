//! ECS tasks, as far as a drain needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};

use crate::container_instance::{ContainerInstanceArn, CpuUnits, Mib, Port};
use crate::task_needs::TaskNeeds;

/// A task's ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskArn(pub String);

impl AsRef<str> for TaskArn {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The desired statuses that `ListTasks` filters by. Without a filter it lists RUNNING. A task that
/// is being stopped is desired STOPPED long before its containers are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DesiredStatus {
    /// To run: pending and running tasks.
    Running,
    /// To stop: tasks that are stopping, and those that have stopped within the last hour or more.
    Stopped,
}

/// A task definition's ARN: family and revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskDefinitionArn(pub String);

impl fmt::Display for TaskDefinitionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A task, from `DescribeTasks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: TaskArn,
    /// Where it is in its life, as AWS wrote it: RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING,
    /// STOPPED, ...
    pub last_status: String,
    /// Its desired status.
    pub desired_status: DesiredStatus,
    /// `service:NAME` for a service's task; `family:NAME`, or what its starter chose, for a
    /// standalone one.
    pub group: String,
    /// The container instance that it is on.
    pub container_instance: ContainerInstanceArn,
    /// Its task definition.
    pub definition: TaskDefinitionArn,
    /// What it reserves of its host's CPU: the task's own figure, or where it has none, its
    /// containers' sum.
    pub cpu: CpuUnits,
    /// What it reserves of its host's memory: the task's own figure, or where it has none, its
    /// containers' sum of reservations, or limits where there is no reservation.
    pub memory: Mib,
    /// The static TCP host ports that it has bound: those below the dynamic range, which begins at
    /// 32768.
    pub tcp_ports: BTreeSet<Port>,
    /// The static UDP host ports that it has bound.
    pub udp_ports: BTreeSet<Port>,
    /// True if it holds a network interface of its own (network mode `awsvpc`).
    pub network_interface: bool,
    /// When ECS began to stop it.
    pub stopping_at: Option<DateTime<Utc>>,
    /// When it stopped.
    pub stopped_at: Option<DateTime<Utc>>,
    /// Why it stopped or stops, as a code: `UserInitiated`, `ServiceSchedulerInitiated`,
    /// `TerminationNotice`, ...
    pub stop_code: Option<String>,
    /// Why it stopped or stops, in words.
    pub stopped_reason: Option<String>,
}

impl Task {
    /// Returns whether its containers are gone. Any status except STOPPED and DELETED may still
    /// serve a connection, as may one that is unknown here.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.last_status.as_str(), "STOPPED" | "DELETED")
    }

    /// Returns whether it stopped because its host was gone: its containers were killed (API
    /// reference, `Task`, `stopCode`; ECS says "Host EC2 (instance i-01234567890abcdef)
    /// terminated." as the reason).
    #[must_use]
    pub fn was_killed_with_its_host(&self) -> bool {
        let reason = self.stopped_reason.as_deref().unwrap_or_default();
        self.stop_code.as_deref() == Some("TerminationNotice") || reason.starts_with("Host EC2")
    }

    /// The service that it is of; a task of none is standalone, and ECS never drains it.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.group.strip_prefix("service:")
    }
}

#[cfg(test)]
impl Task {
    /// A task of service `web` that is desired RUNNING.
    pub(crate) fn seen(arn: &str, last_status: &str) -> Self {
        Self {
            arn: TaskArn(arn.to_owned()),
            last_status: last_status.to_owned(),
            desired_status: DesiredStatus::Running,
            group: "service:web".to_owned(),
            container_instance: ContainerInstanceArn("instance".to_owned()),
            definition: TaskDefinitionArn("web:1".to_owned()),
            cpu: CpuUnits(256),
            memory: Mib(512),
            tcp_ports: BTreeSet::new(),
            udp_ports: BTreeSet::new(),
            network_interface: false,
            stopping_at: None,
            stopped_at: None,
            stop_code: None,
            stopped_reason: None,
        }
    }
}

/// A task that is protected from being scaled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskProtection {
    /// The task.
    pub task: TaskArn,
    /// True if it is protected now.
    pub protected: bool,
    /// Until when.
    pub until: Option<DateTime<Utc>>,
}

/// A task definition (API reference, `DescribeTaskDefinition`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDefinition {
    /// Its ARN.
    pub arn: TaskDefinitionArn,
    /// The needs of one task.
    pub needs: TaskNeeds,
    /// The requirements on the host.
    pub host: HostRequirements,
}

/// Requirements on a host for tasks of a task definition, whatever room it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostRequirements {
    /// Attributes that it must have, with this value where there is one. ECS derives them when the
    /// task definition is registered (API reference, `TaskDefinition.requiresAttributes`).
    pub attributes: BTreeMap<String, Option<String>>,
    /// The operating system family, such as `LINUX` or `WINDOWS_SERVER_2022_CORE`.
    pub operating_system: Option<String>,
    /// The CPU architecture: `X86_64` or `ARM64`.
    pub cpu_architecture: Option<String>,
    /// Expressions of the cluster query language that it must match (`memberOf`).
    pub member_of: Vec<String>,
}
