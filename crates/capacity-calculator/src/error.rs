//! Errors, each with a stable name.

use std::fmt;

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
        /// The kind of read.
        of: Read,
        /// The cluster's name.
        cluster: String,
        /// The call.
        #[source]
        source: CallError,
    },
    /// ECS answered, and did not describe some container instances that it lists.
    #[error(
        "ecs:DescribeContainerInstances on cluster {cluster} could not describe {} of {listed} container instances, first {}",
        failures.len(),
        failures.first().map(ToString::to_string).unwrap_or_default()
    )]
    NotDescribed {
        /// The cluster's name.
        cluster: String,
        /// The instances that it did not describe.
        failures: Vec<Failure>,
        /// How many there are.
        listed: usize,
    },
    /// The metrics, or some of them, could not be put.
    #[error("the capacity of cluster {cluster} could not be published: {put} of {of} metrics were put")]
    NotPut {
        /// The cluster's name.
        cluster: String,
        /// How many metrics were put before.
        put: usize,
        /// How many there are.
        of: usize,
        /// The call.
        #[source]
        source: CallError,
    },
}

/// The kinds of reads of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Its container instances.
    ContainerInstances,
    /// Its services.
    Services,
    /// The task definitions that its services may start tasks of.
    TaskDefinitions,
    /// Its tasks, for the network interfaces that they hold.
    Tasks,
    /// Its Auto Scaling groups.
    Groups,
    /// The capacity providers that its hosts and services name.
    CapacityProviders,
    /// The hosts that match its placement constraints.
    PlacementConstraints,
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContainerInstances => "container instances",
            Self::Services => "services",
            Self::TaskDefinitions => "services' task definitions",
            Self::Tasks => "tasks",
            Self::Groups => "Auto Scaling groups",
            Self::CapacityProviders => "capacity providers",
            Self::PlacementConstraints => "hosts that match placement constraints",
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
            Self::NotRead { of: Read::Groups, .. } => "GroupsNotRead",
            Self::NotRead { of: Read::CapacityProviders, .. } => "CapacityProvidersNotRead",
            Self::NotRead { of: Read::PlacementConstraints, .. } => "PlacementConstraintsNotRead",
            Self::NotDescribed { .. } => "ContainerInstancesNotDescribed",
            Self::NotPut { .. } => "MetricsNotPut",
        }
    }
}
