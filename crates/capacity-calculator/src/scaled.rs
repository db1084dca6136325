//! The part of direct scaling in the answer: the changes of a group, and the reasons for no more.

use std::fmt;

use fleetkeeper_core::fleet::{CapacityTarget, GroupScalingDecision, Held, HeldBack, Removal};
use serde::Serialize;

/// Removable hosts that the answer names.
const REMOVABLE_MAX: usize = 10;

/// The changes of a group by direct scaling.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaled {
    /// Set if nothing was changed: `desiredCapacity` and `removed` are what would have been.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The desired capacity that was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_capacity: Option<DesiredCapacity>,
    /// The hosts that were terminated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removal>,
    /// Decided changes that were not made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_done: Vec<NotDone>,
    /// Hosts that are removable, and that were not removed now: the first ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removable: Vec<Removal>,
    /// Why nothing more is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBack>,
    /// The reasons that hold single hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<Held>,
}

/// A desired capacity, in capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DesiredCapacity {
    /// The one before.
    pub from: u32,
    /// The one that was set.
    pub to: u32,
}

impl From<CapacityTarget> for DesiredCapacity {
    fn from(target: CapacityTarget) -> Self {
        Self { from: target.from, to: target.to }
    }
}

/// A decided change that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotDone {
    /// The EC2 instance of a removal; none for all of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Why.
    pub reason: NotDoneReason,
}

/// The reason why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum NotDoneReason {
    /// Hosts are removed by the schedule alone. Events of a change may be handled at the same time,
    /// and none knows of what another removes.
    WaitsForSchedule,
    /// A host that the removal relies on has changed since the snapshot: the next one decides anew.
    ClusterChanged,
    /// The group has changed since the snapshot: the next one decides anew.
    GroupChanged,
    /// AWS refused it: a termination below the group's minimum, or a permission that is missing.
    Refused {
        /// The call, and AWS's answer.
        error: String,
    },
    /// A call failed, or its answer was lost.
    CallFailed {
        /// The call, and the cause.
        error: String,
    },
}

impl NotDoneReason {
    /// Returns whether the next snapshot decides anew, without an error.
    #[must_use]
    pub fn is_put_off(&self) -> bool {
        matches!(self, Self::WaitsForSchedule | Self::ClusterChanged | Self::GroupChanged)
    }
}

impl fmt::Display for NotDoneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitsForSchedule => f.write_str("waits-for-schedule"),
            Self::ClusterChanged => f.write_str("cluster-changed"),
            Self::GroupChanged => f.write_str("group-changed"),
            Self::Refused { error } => write!(f, "refused: {error}"),
            Self::CallFailed { error } => write!(f, "call-failed: {error}"),
        }
    }
}

impl Scaled {
    /// The changes, with the reasons for no more.
    pub(crate) fn of(decided: &GroupScalingDecision, done: Self, dry_run: bool) -> Self {
        Self {
            dry_run,
            removable: decided.removable.iter().take(REMOVABLE_MAX).cloned().collect(),
            held_back: decided.held_back.clone(),
            held_by: decided.held_by.clone(),
            ..done
        }
    }
}
