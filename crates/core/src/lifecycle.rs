//! EC2 Auto Scaling lifecycle hooks and the actions that wait on them.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::container_instance::Ec2InstanceId;

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

/// What tells an action from the others at its hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleActionId {
    /// The token that its notice gave: it pins this very action, an instance id would match a later one, too.
    Token(String),
    /// The instance that waits, where only the group told of it.
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

/// An Auto Scaling group, as far as a drain needs it (API reference, `DescribeAutoScalingGroups`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoScalingGroup {
    /// Its instances. Those of its warm pool are not among them.
    pub instances: Vec<GroupInstance>,
    /// Whether a load balancer or another traffic source is attached. Its connection draining then
    /// comes before the hook: a termination's activity starts earlier than its lifecycle action.
    pub has_load_balancer: bool,
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInstance {
    /// Its id.
    pub ec2_instance_id: Ec2InstanceId,
    /// Its `LifecycleState` as AWS writes it: `InService`, `Terminating:Wait`, ...
    pub lifecycle_state: String,
}

impl GroupInstance {
    /// Whether a termination hook, ours or another, holds it. An instance refresh that replaces root
    /// volumes runs the same hooks (API reference, `LifecycleState`). On its way to a warm pool an
    /// instance is in `Warmed:Pending:Wait` instead, like one that was launched there.
    #[must_use]
    pub fn waits_to_terminate(&self) -> bool {
        matches!(self.lifecycle_state.as_str(), "Terminating:Wait" | "ReplacingRootVolume:Wait")
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

/// A hook on the transition `autoscaling:EC2_INSTANCE_TERMINATING`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleHook {
    /// Its name.
    pub name: String,
    /// An action ends when this long has passed since its start or its last heartbeat: 30 s to 7,200 s.
    pub heartbeat_timeout: Duration,
    /// An action ends when this long has passed since its start, whatever its heartbeats: 100 heartbeat timeouts or
    /// 48 hours, whichever is less.
    pub global_timeout: Duration,
    /// The longest drain that its `NotificationMetadata` asks for, where that says so.
    pub drain_timeout: Option<Duration>,
}

/// How an action is completed. On termination both end the instance; ABANDON also skips the group's other hooks, and
/// where the group's `InstanceLifecyclePolicy` has `TerminateHookAbandon: retain`, it keeps the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleActionResult {
    /// Let the group go on.
    Continue,
    /// Give up, as far as the group's lifecycle policy has something to say on that.
    Abandon,
}

/// What a call on an action came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleActionState {
    /// The action was there, and the call took effect.
    Active,
    /// "No active Lifecycle Action found": completed by somebody else, timed out, or its instance is gone.
    Gone,
}
