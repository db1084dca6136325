//! Lifecycle hooks, and the actions that wait on them.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;

/// How an action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionResult {
    /// The group goes on once its other hooks are done, too.
    Continue,
    /// The group goes on at once: its other hooks are skipped. A termination goes on in either
    /// case, unless the group retains what is abandoned; a launch is taken back.
    Abandon,
}

impl ActionResult {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        }
    }
}

impl fmt::Display for ActionResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The transition that a hook waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleTransition {
    /// An instance is up, but not in service yet.
    InstanceLaunching,
    /// An instance leaves service, for its termination or for the warm pool.
    InstanceTerminating,
}

impl LifecycleTransition {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InstanceLaunching => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Self::InstanceTerminating => "autoscaling:EC2_INSTANCE_TERMINATING",
        }
    }
}

/// A lifecycle hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleHook {
    /// Its name.
    pub name: String,
    /// The transition that it waits for.
    pub transition: LifecycleTransition,
    /// 30 to 7,200 s; 3,600 by default.
    pub heartbeat_timeout_seconds: u32,
    /// The result of an action that runs out; ABANDON by default.
    pub default_result: ActionResult,
    /// The SNS topic that it notifies.
    pub notification_target_arn: Option<String>,
    /// The metadata in its notices.
    pub notification_metadata: Option<String>,
    /// True if its notifications are refused, as with a deleted topic or a role that denies them.
    pub notification_is_refused: bool,
}

impl LifecycleHook {
    /// A hook on `autoscaling:EC2_INSTANCE_TERMINATING` with AWS's defaults that notifies a topic.
    #[must_use]
    pub fn new(name: &str, topic_arn: &str) -> Self {
        Self {
            name: name.to_owned(),
            transition: LifecycleTransition::InstanceTerminating,
            heartbeat_timeout_seconds: 3600,
            default_result: ActionResult::Abandon,
            notification_target_arn: Some(topic_arn.to_owned()),
            notification_metadata: None,
            notification_is_refused: false,
        }
    }

    /// A hook on `autoscaling:EC2_INSTANCE_LAUNCHING` with AWS's defaults that notifies a topic.
    #[must_use]
    pub fn launching(name: &str, topic_arn: &str) -> Self {
        Self { transition: LifecycleTransition::InstanceLaunching, ..Self::new(name, topic_arn) }
    }

    /// Without a topic: only EventBridge reports its actions.
    #[must_use]
    pub fn without_topic(mut self) -> Self {
        self.notification_target_arn = None;
        self
    }

    /// Has its notifications refused: Auto Scaling applies the default result at once. Recorded
    /// 2026 with a deleted topic and with a role or key that denies the call.
    #[must_use]
    pub fn notification_refused(mut self) -> Self {
        self.notification_is_refused = true;
        self
    }

    /// With a heartbeat timeout of its own.
    #[must_use]
    pub fn heartbeat_timeout(mut self, seconds: u32) -> Self {
        self.heartbeat_timeout_seconds = seconds;
        self
    }

    /// With a default result of its own.
    #[must_use]
    pub fn default_result(mut self, result: ActionResult) -> Self {
        self.default_result = result;
        self
    }

    /// With metadata: `{"cluster": "..."}`.
    #[must_use]
    pub fn metadata(mut self, text: &str) -> Self {
        self.notification_metadata = Some(text.to_owned());
        self
    }

    /// An action ends after 100 heartbeat timeouts or 48 hours, whichever is less, however many
    /// heartbeats come.
    #[must_use]
    pub fn global_timeout_seconds(&self) -> u32 {
        self.heartbeat_timeout_seconds.saturating_mul(100).min(172_800)
    }
}

/// One instance's wait at one hook.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) hook: String,
    pub(crate) instance: Ec2InstanceId,
    pub(crate) deadline: DateTime<Utc>,
    pub(crate) global_deadline: DateTime<Utc>,
}

impl Action {
    pub(crate) fn new(hook: &LifecycleHook, instance: &Ec2InstanceId, now: DateTime<Utc>) -> Self {
        let mut action = Self {
            hook: hook.name.clone(),
            instance: instance.clone(),
            deadline: now,
            global_deadline: now + TimeDelta::seconds(i64::from(hook.global_timeout_seconds())),
        };
        action.restart_timer(hook, now);
        action
    }

    /// A heartbeat starts the heartbeat timeout anew, within the global one.
    pub(crate) fn restart_timer(&mut self, hook: &LifecycleHook, now: DateTime<Utc>) {
        let timeout = TimeDelta::seconds(i64::from(hook.heartbeat_timeout_seconds));
        self.deadline = self.global_deadline.min(now + timeout);
    }
}
