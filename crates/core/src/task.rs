//! ECS tasks, as far as a drain needs them.

use std::fmt;

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

/// The desired statuses that `ListTasks` filters by. It lists RUNNING unless told otherwise, and a task that is being
/// stopped is desired STOPPED long before its containers are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DesiredStatus {
    /// To run: pending and running tasks.
    Running,
    /// To stop: tasks that are stopping, and those that have stopped within the last hour or more.
    Stopped,
}

/// A task as `DescribeTasks` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: TaskArn,
    /// Where it is in its life, as AWS wrote it: RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED, ...
    pub last_status: String,
}

impl Task {
    /// Whether its containers are gone. Anything but STOPPED and DELETED, a status unknown here included, may still
    /// serve a connection.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.last_status.as_str(), "STOPPED" | "DELETED")
    }
}
