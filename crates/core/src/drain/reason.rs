//! Why a drain waits, and why its hook is completed.

use std::fmt;

use super::on_drain_timeout::OnDrainTimeout;

/// Why a drain waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// The cluster does not list the instance.
    NotListed,
    /// ECS lists the instance and does not describe it.
    Missing,
    /// It takes tasks, and is not set DRAINING before its lifecycle action is known to be open.
    Unconfirmed,
    /// It takes tasks: it is not set DRAINING yet.
    NotDraining,
    /// It is REGISTERING, and will be ACTIVE soon.
    Registering,
    /// Its status is none that is known here.
    UnknownStatus(String),
    /// Its tasks were not listed yet.
    TasksUnlisted,
    /// Tasks that are desired RUNNING.
    TasksRunning(usize),
    /// Tasks whose containers are not gone yet: they deregister from a load balancer, or have their
    /// stop timeout.
    TasksStopping(usize),
    /// Tasks that ECS listed and does not find.
    TasksMissing(usize),
    /// Every known task has stopped. A confirming round of reads follows.
    Settling,
}

/// Why a hook is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompleteReason {
    /// Every task on the instance has stopped.
    Drained,
    /// The instance is not in its cluster.
    NotInCluster,
    /// The drain timeout has passed, and its policy has run.
    TimeUp(OnDrainTimeout),
}

impl WaitReason {
    /// A word that stays the same, for log queries.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotListed => "instance_not_listed",
            Self::Missing => "instance_missing",
            Self::Unconfirmed => "action_unconfirmed",
            Self::NotDraining => "instance_not_draining",
            Self::Registering => "instance_registering",
            Self::UnknownStatus(_) => "instance_status_unknown",
            Self::TasksUnlisted => "tasks_unlisted",
            Self::TasksRunning(_) => "tasks_running",
            Self::TasksStopping(_) => "tasks_stopping",
            Self::TasksMissing(_) => "tasks_missing",
            Self::Settling => "confirming",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed => f.write_str("the cluster does not list the instance"),
            Self::Missing => f.write_str("ECS lists the instance and does not describe it"),
            Self::Unconfirmed => f.write_str("the lifecycle action is not known to be open"),
            Self::NotDraining => f.write_str("the instance is not DRAINING yet"),
            Self::Registering => f.write_str("the instance is REGISTERING"),
            Self::UnknownStatus(status) => write!(f, "the instance has the unknown status {status}"),
            Self::TasksUnlisted => f.write_str("the instance's tasks are not listed yet"),
            Self::TasksRunning(count) => write!(f, "tasks running: {count}"),
            Self::TasksStopping(count) => write!(f, "tasks stopping: {count}"),
            Self::TasksMissing(count) => write!(f, "tasks listed and not found: {count}"),
            Self::Settling => f.write_str("every known task has stopped: confirming"),
        }
    }
}

impl CompleteReason {
    /// Returns whether the drain timeout passed before the tasks had stopped.
    #[must_use]
    pub fn is_time_up(self) -> bool {
        matches!(self, Self::TimeUp(_))
    }
}

impl fmt::Display for CompleteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drained => "drained: every task on the instance has stopped",
            Self::NotInCluster => "the instance is not in the cluster",
            Self::TimeUp(OnDrainTimeout::StopTasks) => "drain timeout: the remaining tasks were stopped",
            Self::TimeUp(OnDrainTimeout::Continue) => "drain timeout: continued with the remaining tasks",
            Self::TimeUp(OnDrainTimeout::Abandon) => "drain timeout: abandoned",
        })
    }
}
