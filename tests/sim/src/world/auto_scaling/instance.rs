//! The instances of a group, and where each is in its life.

use chrono::{DateTime, Utc};

use super::notice::Place;
use crate::world::ecs::container_instance::InstanceType;

/// An instance of a group.
#[derive(Debug, Clone)]
pub(crate) struct GroupInstance {
    pub(crate) state: LifecycleState,
    pub(crate) instance_type: InstanceType,
    pub(crate) zone: String,
    /// Its capacity units, in a group that has weights.
    pub(crate) weighted_capacity: Option<u32>,
    pub(crate) protected_from_scale_in: bool,
    /// The version of the launch template that it was launched from.
    pub(crate) launch_template_version: u64,
    /// True if it joins its group's cluster.
    pub(crate) joins: bool,
    /// When it was launched or, back from a warm pool, started.
    pub(crate) launched_at: DateTime<Utc>,
    /// Where its last launch took it from.
    pub(crate) origin: Place,
    /// Since when it is in service; none for one that the world was given in service.
    pub(crate) in_service_at: Option<DateTime<Utc>>,
    /// The warm-up of one that a scaling policy added.
    pub(crate) scale_out_warmup_seconds: Option<u32>,
}

impl GroupInstance {
    /// Its units of the capacity.
    pub(crate) fn units(&self) -> u32 {
        self.weighted_capacity.unwrap_or(1)
    }
}

/// Where an instance is in its group's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleState {
    /// Launching.
    Pending,
    /// Up, and held back by at least one launch hook.
    PendingWait,
    /// In use.
    InService,
    /// Out of service and in the group, without being part of its capacity.
    Standby,
    /// To get a new root volume, held back by at least one hook.
    ReplacingRootVolumeWait,
    /// Getting a new root volume, past its hooks.
    ReplacingRootVolumeProceed,
    /// To be terminated: its connections to the load balancer drain, and no hook has run yet.
    Terminating,
    /// Past its hooks; EC2 terminates it, and the group still lists it.
    TerminatingProceed,
    /// Held back by at least one hook.
    TerminatingWait,
    /// Its termination was abandoned, and the group keeps what is abandoned.
    TerminatingRetained,
    /// On its way to the warm pool, held back by at least one hook.
    WarmedPendingWait,
    /// Its way to the warm pool was abandoned, and the group keeps what is abandoned.
    WarmedPendingRetained,
    /// Stopped, in the warm pool.
    WarmedStopped,
    /// To be terminated out of the warm pool, held back by at least one hook.
    WarmedTerminatingWait,
    /// Its termination out of the warm pool was abandoned, and the group keeps what is abandoned.
    WarmedTerminatingRetained,
}

impl LifecycleState {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::InService => "InService",
            Self::Standby => "Standby",
            Self::ReplacingRootVolumeWait => "ReplacingRootVolume:Wait",
            Self::ReplacingRootVolumeProceed => "ReplacingRootVolume:Proceed",
            Self::Terminating => "Terminating",
            Self::TerminatingProceed => "Terminating:Proceed",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingRetained => "Terminating:Retained",
            Self::WarmedPendingWait => "Warmed:Pending:Wait",
            Self::WarmedPendingRetained => "Warmed:Pending:Retained",
            Self::WarmedStopped => "Warmed:Stopped",
            Self::WarmedTerminatingWait => "Warmed:Terminating:Wait",
            Self::WarmedTerminatingRetained => "Warmed:Terminating:Retained",
        }
    }

    /// Returns whether such an instance counts towards the desired capacity: one that is on its way
    /// out no longer does.
    #[must_use]
    pub const fn counts(self) -> bool {
        matches!(
            self,
            Self::Pending
                | Self::PendingWait
                | Self::InService
                | Self::ReplacingRootVolumeWait
                | Self::ReplacingRootVolumeProceed
        )
    }

    /// Returns whether it is on its way out of service: held back by a hook, before it or right
    /// after it.
    #[must_use]
    pub const fn is_leaving(self) -> bool {
        matches!(
            self,
            Self::Terminating | Self::TerminatingWait | Self::TerminatingProceed | Self::WarmedPendingWait
        )
    }

    /// Returns whether it is in the warm pool, or on its way in or out. `DescribeWarmPool` shows it
    /// then, and `DescribeAutoScalingGroups` does not.
    #[must_use]
    pub const fn is_of_warm_pool(self) -> bool {
        matches!(
            self,
            Self::WarmedPendingWait
                | Self::WarmedPendingRetained
                | Self::WarmedStopped
                | Self::WarmedTerminatingWait
                | Self::WarmedTerminatingRetained
        )
    }

    /// Returns whether it was parked when its way out was abandoned.
    #[must_use]
    pub const fn is_retained(self) -> bool {
        matches!(
            self,
            Self::TerminatingRetained | Self::WarmedPendingRetained | Self::WarmedTerminatingRetained
        )
    }

    /// Where an abandoned action parks an instance that waited in this state; none where it waits
    /// for nothing that could be abandoned so.
    pub(crate) const fn retained(self) -> Option<Self> {
        match self {
            Self::TerminatingWait => Some(Self::TerminatingRetained),
            Self::WarmedPendingWait => Some(Self::WarmedPendingRetained),
            Self::WarmedTerminatingWait => Some(Self::WarmedTerminatingRetained),
            _ => None,
        }
    }
}
