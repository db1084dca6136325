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

/// An instance of a group as `DescribeAutoScalingGroups` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInstance {
    /// Its id.
    pub ec2_instance_id: Ec2InstanceId,
    /// Where it is in its life, as AWS wrote it: `InService`, `Terminating:Wait`, ...
    pub lifecycle_state: String,
}

impl GroupInstance {
    /// Whether it is held back from its termination by a hook, ours or another. On its way to a warm pool it is in
    /// `Warmed:Pending:Wait` instead, as an instance is that was launched there.
    #[must_use]
    pub fn waits_to_terminate(&self) -> bool {
        self.lifecycle_state == "Terminating:Wait"
    }
}

/// What a group did or is doing, as `DescribeScalingActivities` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingActivity {
    /// In Auto Scaling's words: "Terminating EC2 instance: i-01234567890abcdef".
    pub description: String,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When it ended; none while it is in progress.
    pub ended: Option<DateTime<Utc>>,
}

/// What a hook allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleHook {
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
