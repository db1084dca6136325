//! EC2 Auto Scaling lifecycle hooks and the actions that wait on them.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::container_instance::Ec2InstanceId;

/// The transition that the drainer drains for.
pub const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// One instance's wait at one lifecycle hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleAction {
    /// The Auto Scaling group's name.
    pub group: String,
    /// The hook's name.
    pub hook: String,
    /// Which of the actions there.
    pub id: LifecycleActionId,
}

/// The identity of an action among the others at its hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleActionId {
    /// The token that its notice gave: it pins this very action, an instance id would match a later
    /// one, too.
    Token(String),
    /// The waiting instance, where only the group showed it.
    Instance(Ec2InstanceId),
}

impl fmt::Display for LifecycleActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(token) => write!(f, "token {token}"),
            Self::Instance(id) => write!(f, "instance {id}"),
        }
    }
}

/// An Auto Scaling group (API reference, `DescribeAutoScalingGroups`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoScalingGroup {
    /// Its name.
    pub name: String,
    /// Its minimum size, in capacity units.
    pub minimum: u32,
    /// Its maximum size, in capacity units.
    pub maximum: u32,
    /// Its desired capacity, in capacity units.
    pub desired: u32,
    /// True if it has a mixed instances policy: several types, or Spot instances beside others.
    pub mixed: bool,
    /// The scaling processes that are suspended: `Launch`, `Terminate`, ...
    pub suspended: BTreeSet<String>,
    /// Its instances. Those of its warm pool are not among them.
    pub instances: Vec<GroupInstance>,
    /// True if a load balancer or another traffic source is attached. Its connection draining then
    /// comes before the hook: a termination's activity starts earlier than its lifecycle action.
    pub has_load_balancer: bool,
    /// True if it has a warm pool. An instance on its way there is not among its instances, whether
    /// or not tasks still run on it.
    pub has_warm_pool: bool,
}

impl AutoScalingGroup {
    /// The ids of its instances.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.instances.iter().map(|instance| instance.ec2_instance_id.as_str())
    }
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInstance {
    /// Its id.
    pub ec2_instance_id: Ec2InstanceId,
    /// Its `LifecycleState` as AWS writes it: `InService`, `Terminating:Wait`, ...
    pub lifecycle_state: String,
    /// Its Availability Zone.
    pub availability_zone: String,
    /// Its instance type.
    pub instance_type: String,
    /// The capacity units that it counts for: 1 in a group without weights.
    pub weight: u32,
    /// True if it is protected from scale-in.
    pub protected: bool,
    /// The version of the launch template that it was launched from; none for a launch
    /// configuration.
    pub launch_template_version: Option<u64>,
}

/// The `LifecycleState` of an instance whose termination a hook holds.
pub const WAITS_TO_TERMINATE: &str = "Terminating:Wait";

/// The `LifecycleState` of an instance that gets a new root volume, which a hook holds.
pub const REPLACING_ROOT_VOLUME: &str = "ReplacingRootVolume:Wait";

impl GroupInstance {
    /// Returns whether it is launched, or being launched, to take tasks.
    #[must_use]
    pub fn is_to_serve(&self) -> bool {
        self.lifecycle_state == "InService" || self.lifecycle_state.starts_with("Pending")
    }

    /// Returns whether a termination hook, ours or another, holds it. An instance refresh that
    /// replaces root volumes runs the same hooks (API reference, `LifecycleState`). On its way to a
    /// warm pool an instance is in `Warmed:Pending:Wait` instead, like one that was launched there.
    #[must_use]
    pub fn waits_to_terminate(&self) -> bool {
        matches!(self.lifecycle_state.as_str(), WAITS_TO_TERMINATE | REPLACING_ROOT_VOLUME)
    }
}

/// The status of an instance refresh as AWS writes it (API reference, `InstanceRefresh`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRefreshStatus(pub String);

impl InstanceRefreshStatus {
    /// Returns whether the refresh may still replace instances. A status that AWS added since
    /// counts as under way: nobody knows that it ended.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        let ended = ["Successful", "Failed", "Cancelled", "RollbackFailed", "RollbackSuccessful"];
        !ended.contains(&self.0.as_str())
    }
}

impl fmt::Display for InstanceRefreshStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One activity of a group (API reference, `DescribeScalingActivities`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingActivity {
    /// In Auto Scaling's words: "Terminating EC2 instance: i-01234567890abcdef", at times followed
    /// by a status reason.
    pub description: String,
    /// When it began. Connection draining of the group's load balancer is part of the activity.
    pub began: DateTime<Utc>,
    /// When it ended; none while it is in progress.
    pub ended: Option<DateTime<Utc>>,
}

/// A hook on the transition [`TERMINATING`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleHook {
    /// Its name.
    pub name: String,
    /// An action ends when this long has passed since its start or its last heartbeat: 30 s to
    /// 7,200 s.
    pub heartbeat_timeout: Duration,
    /// An action ends when this long has passed since its start, whatever its heartbeats: 100
    /// heartbeat timeouts or 48 hours, whichever is less.
    pub global_timeout: Duration,
    /// The longest drain that its `NotificationMetadata` asks for, where that says so.
    pub drain_timeout: Option<Duration>,
}

/// How an action is completed. On termination both end the instance; ABANDON also skips the group's
/// other hooks, and where the group's `InstanceLifecyclePolicy` has `TerminateHookAbandon: retain`,
/// it keeps the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleActionResult {
    /// Let the group go on.
    Continue,
    /// Give up, as far as the group's lifecycle policy has something to say on that.
    Abandon,
}

/// The state of an action, as a call on it found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleActionState {
    /// The action was there, and the call took effect.
    Active,
    /// "No active Lifecycle Action found": completed by somebody else, timed out, or its instance
    /// is gone.
    Gone,
}

#[cfg(test)]
impl AutoScalingGroup {
    /// A group of this name without an instance, of 0 to 100 instances.
    pub(crate) fn fixture(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            minimum: 0,
            maximum: 100,
            desired: 0,
            mixed: false,
            suspended: BTreeSet::new(),
            instances: Vec::new(),
            has_load_balancer: false,
            has_warm_pool: false,
        }
    }
}

#[cfg(test)]
impl GroupInstance {
    /// An instance in service.
    pub(crate) fn fixture() -> Self {
        Self {
            ec2_instance_id: "i-00000001".parse().expect("an EC2 instance id"),
            lifecycle_state: "InService".to_owned(),
            availability_zone: "us-east-1a".to_owned(),
            instance_type: "c5.large".to_owned(),
            weight: 1,
            protected: false,
            launch_template_version: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_under_way_until_its_status_says_that_it_ended() {
        let cases = [
            ("Pending", true),
            ("InProgress", true),
            ("Baking", true),
            ("Cancelling", true),
            ("RollbackInProgress", true),
            ("Paused, say", true),
            ("Successful", false),
            ("Failed", false),
            ("Cancelled", false),
            ("RollbackFailed", false),
            ("RollbackSuccessful", false),
        ];
        for (status, under_way) in cases {
            assert_eq!(InstanceRefreshStatus(status.to_owned()).is_under_way(), under_way, "{status}");
        }
    }
}
