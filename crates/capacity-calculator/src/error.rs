//! What went wrong, by a stable name.

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
    #[error("the container instances of cluster {cluster} could not be read")]
    NotRead {
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
    #[error("no capacity of cluster {cluster} can be told")]
    FitsNoHost {
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

impl CapacityError {
    /// The name that alarms and log queries can rely on: Lambda's `errorType`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnreadableEvent(_) => "UnreadableEvent",
            Self::NoCluster { .. } => "NoCluster",
            Self::NotRead { .. } => "ContainerInstancesNotRead",
            Self::Untold { .. } => "ContainerInstancesUntold",
            Self::FitsNoHost { .. } => "ContainerFitsNoHost",
            Self::NotPut { .. } => "MetricsNotPut",
        }
    }
}
