//! What went wrong, by a stable name.

use std::fmt;

use fleetkeeper_core::capacity::FitsNoHost;
use fleetkeeper_core::ports::{CallError, Failure};

use crate::trigger::UnreadableEvent;

/// Why no capacity was published. Print its chain, not this alone.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    /// The event cannot be read.
    #[error(transparent)]
    UnreadableEvent(#[from] UnreadableEvent),
    /// Neither the event nor the variable names a cluster.
    #[error(
        "no cluster is named: the event ({trigger}) has no detail.clusterArn (a cluster's ARN), and ECS_CLUSTER (a \
         cluster's name or ARN) is not set; either is accepted"
    )]
    NoCluster {
        /// The kind of event.
        trigger: String,
    },
    /// A read of the cluster failed.
    #[error("the {of} of cluster {cluster} could not be read")]
    NotRead {
        /// What was read.
        of: Read,
        /// The cluster's name.
        cluster: String,
        /// The call.
        #[source]
        source: CallError,
    },
    /// ECS answered, but could not tell of some container instances that it lists.
    #[error(
        "ecs:DescribeContainerInstances on cluster {cluster} could not tell of {} of {listed} container instances, first {}",
        failures.len(),
        failures.first().map(ToString::to_string).unwrap_or_default()
    )]
    Untold {
        /// The cluster's name.
        cluster: String,
        /// Those that it could not tell of.
        failures: Vec<Failure>,
        /// How many there are.
        listed: usize,
    },
    /// The worst-case container fits on no host.
    #[error(
        "no capacity of cluster {cluster} can be told{}",
        if *discovered { " (what the variables do not say of the container was discovered, and they win)" } else { "" }
    )]
    FitsNoHost {
        /// Whether not all of it was given by the variables.
        discovered: bool,
        /// The cluster's name.
        cluster: String,
        /// Why.
        #[source]
        source: FitsNoHost,
    },
    /// The metrics could not be put.
    #[error("the capacity of cluster {cluster} could not be published")]
    NotPut {
        /// The cluster's name.
        cluster: String,
        /// The call.
        #[source]
        source: CallError,
    },
}

/// What is read of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Its container instances.
    ContainerInstances,
    /// Its services.
    Services,
    /// The task definitions that its services may start tasks of.
    TaskDefinitions,
    /// Its tasks.
    Tasks,
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContainerInstances => "container instances",
            Self::Services => "services",
            Self::TaskDefinitions => "services' task definitions",
            Self::Tasks => "tasks",
        })
    }
}

impl CapacityError {
    /// The name that alarms and log queries can rely on: Lambda's `errorType`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnreadableEvent(_) => "UnreadableEvent",
            Self::NoCluster { .. } => "NoCluster",
            Self::NotRead { of: Read::ContainerInstances, .. } => "ContainerInstancesNotRead",
            Self::NotRead { of: Read::Services, .. } => "ServicesNotRead",
            Self::NotRead { of: Read::TaskDefinitions, .. } => "TaskDefinitionsNotRead",
            Self::NotRead { of: Read::Tasks, .. } => "TasksNotRead",
            Self::Untold { .. } => "ContainerInstancesUntold",
            Self::FitsNoHost { .. } => "ContainerFitsNoHost",
            Self::NotPut { .. } => "MetricsNotPut",
        }
    }
}
