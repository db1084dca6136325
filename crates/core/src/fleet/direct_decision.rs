//! The decisions of direct scaling on each group, with the reasons for no more.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::decision::Held;
use super::scale_out_target::CapacityTarget;
use crate::container_instance::{ContainerInstanceArn, Ec2InstanceId};

/// The decisions on all groups, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectDecision {
    /// For each group.
    pub groups: Vec<GroupScalingDecision>,
    /// The container instances that the removals rely on: those that are removed, and those whose
    /// room is counted. Each with its version, which changes with every task there.
    pub relies_on: BTreeMap<ContainerInstanceArn, u64>,
}

/// The decision on one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupScalingDecision {
    /// Its name.
    pub group: String,
    /// The desired capacity to set.
    pub raise: Option<CapacityTarget>,
    /// The hosts to remove now, in this order.
    pub remove: Vec<Removal>,
    /// Hosts that are removable, and that are not removed now, in the order of the plan.
    pub removable: Vec<Removal>,
    /// Why nothing more is done; none where everything is.
    pub held_back: Option<HeldBack>,
    /// Reasons that hold single hosts.
    pub held_by: Vec<Held>,
}

/// A host to remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// The EC2 instance.
    #[serde(serialize_with = "as_text")]
    pub instance: Ec2InstanceId,
    /// How many of its tasks are placed elsewhere.
    pub tasks: u64,
    /// Since when it has been removable in every decision.
    pub removable_since: DateTime<Utc>,
}

/// Why a group is not scaled, or loses no more hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum HeldBack {
    /// A process of the group is suspended: the group is left alone.
    ProcessSuspended {
        /// The process.
        process: String,
    },
    /// An instance refresh is under way: the group is left alone.
    InstanceRefresh {
        /// Its status.
        status: String,
    },
    /// The group's instance refreshes could not be read: the group is left alone.
    RefreshesNotRead,
    /// ECS scales the group: it is left alone.
    #[serde(rename_all = "camelCase")]
    ScaledByEcs {
        /// The capacity provider.
        capacity_provider: String,
    },
    /// The group is missing hosts, or nobody can know: none is removed.
    HostsMissing,
    /// A task waits that hosts of the group could take: none is removed.
    TasksWait {
        /// Its service.
        service: String,
    },
    /// The group has grown within ten minutes, or nobody knows: no host is removed.
    ScaledOut {
        /// When hosts may be removed again.
        until: DateTime<Utc>,
    },
    /// Hosts are launched that are not there yet: none is removed.
    HostsComing,
    /// The group has more instances than its desired capacity: Auto Scaling is about to terminate
    /// some.
    GroupShrinks,
    /// As many hosts drain as may at once.
    EnoughDraining {
        /// How many drain.
        draining: u64,
        /// How many may.
        most: u64,
    },
    /// Hosts are removable, but not for long enough.
    NotLongEnough {
        /// When the first of them will be.
        until: DateTime<Utc>,
    },
    /// No host is removable.
    NothingRemovable,
    /// Hosts that are removable are not in the zone with the most hosts any more.
    OtherZone,
}

impl HeldBack {
    /// True if the group is left alone altogether, and not only kept from losing hosts.
    #[must_use]
    pub fn is_hands_off(&self) -> bool {
        matches!(
            self,
            Self::ProcessSuspended { .. }
                | Self::InstanceRefresh { .. }
                | Self::RefreshesNotRead
                | Self::ScaledByEcs { .. }
        )
    }

    /// Its code, as in the answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ProcessSuspended { .. } => "process-suspended",
            Self::InstanceRefresh { .. } => "instance-refresh",
            Self::RefreshesNotRead => "refreshes-not-read",
            Self::ScaledByEcs { .. } => "scaled-by-ecs",
            Self::HostsMissing => "hosts-missing",
            Self::TasksWait { .. } => "tasks-wait",
            Self::ScaledOut { .. } => "scaled-out",
            Self::HostsComing => "hosts-coming",
            Self::GroupShrinks => "group-shrinks",
            Self::EnoughDraining { .. } => "enough-draining",
            Self::NotLongEnough { .. } => "not-long-enough",
            Self::NothingRemovable => "nothing-removable",
            Self::OtherZone => "other-zone",
        }
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code();
        match self {
            Self::ProcessSuspended { process } => write!(f, "{code}: {process}"),
            Self::InstanceRefresh { status } => write!(f, "{code}: {status}"),
            Self::ScaledByEcs { capacity_provider } => write!(f, "{code}: {capacity_provider}"),
            Self::TasksWait { service } => write!(f, "{code}: {service}"),
            Self::ScaledOut { until } | Self::NotLongEnough { until } => write!(f, "{code} until {until}"),
            Self::EnoughDraining { draining, most } => write!(f, "{code}: {draining} of {most}"),
            _ => f.write_str(code),
        }
    }
}

fn as_text<S: serde::Serializer>(id: &Ec2InstanceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}
