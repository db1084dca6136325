//! EC2 Auto Scaling lifecycle hooks and the actions that wait on them.

use std::time::Duration;

/// One instance's wait at one lifecycle hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleAction {
    /// The Auto Scaling group's name.
    pub group: String,
    /// The hook's name.
    pub hook: String,
    /// The token that pins this very action: an instance id would match a later one, too.
    pub token: String,
}

/// What a hook allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleHook {
    /// An action ends when this long has passed since its start or its last heartbeat: 30 s to 7,200 s.
    pub heartbeat_timeout: Duration,
    /// An action ends when this long has passed since its start, whatever its heartbeats: 100 heartbeat timeouts or
    /// 48 hours, whichever is less.
    pub global_timeout: Duration,
}

/// How an action is completed. On termination both end the instance; ABANDON also skips the group's other hooks, and
/// Fleetkeeper's own end is always CONTINUE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleActionResult {
    /// Let the group go on.
    Continue,
}

/// What a call on an action came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleActionState {
    /// The action was there, and the call took effect.
    Active,
    /// "No active Lifecycle Action found": completed by somebody else, timed out, or its instance is gone.
    Gone,
}
