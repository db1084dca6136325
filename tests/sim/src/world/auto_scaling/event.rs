//! The events of lifecycle actions that Auto Scaling sends to EventBridge, beside the message to a
//! hook's topic.

use chrono::{DateTime, SecondsFormat, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use serde_json::{Value, json};

use super::hook::LifecycleTransition;
use super::notice::{Place, group_arn};
use crate::world::{ACCOUNT, REGION};

/// An instance waits at a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleActionEvent {
    /// The group's name.
    pub group: String,
    /// The hook's name.
    pub hook: String,
    /// The instance that waits.
    pub instance: Ec2InstanceId,
    /// The action's token.
    pub token: String,
    /// The transition that it waits for.
    pub transition: LifecycleTransition,
    /// The metadata in the hook's notices.
    pub notification_metadata: Option<String>,
    /// Where it comes from.
    pub origin: Place,
    /// Where it goes.
    pub destination: Place,
    /// The group's action on it; none in the form of before 2026.
    pub action: Option<&'static str>,
}

impl LifecycleActionEvent {
    /// Its `detail-type`.
    #[must_use]
    pub const fn detail_type(&self) -> &'static str {
        match self.transition {
            LifecycleTransition::InstanceLaunching => LAUNCH_LIFECYCLE_ACTION,
            LifecycleTransition::InstanceTerminating => TERMINATE_LIFECYCLE_ACTION,
        }
    }

    /// The event as EventBridge delivers it. Service, time and account are in the envelope alone.
    #[must_use]
    pub fn event(&self, id: &str, at: DateTime<Utc>) -> Value {
        let mut detail = json!({
            "LifecycleActionToken": self.token,
            "AutoScalingGroupName": self.group,
            "LifecycleHookName": self.hook,
            "EC2InstanceId": self.instance.as_str(),
            "LifecycleTransition": self.transition.as_str(),
            "Origin": self.origin.as_str(),
            "Destination": self.destination.as_str(),
        });
        if let Value::Object(members) = &mut detail {
            if let Some(metadata) = &self.notification_metadata {
                members.insert("NotificationMetadata".to_owned(), json!(metadata));
            }
            if let Some(action) = self.action {
                members.insert("Action".to_owned(), json!(action));
            }
        }
        json!({
            "version": "0",
            "id": id,
            "detail-type": self.detail_type(),
            "source": "aws.autoscaling",
            "account": ACCOUNT,
            "time": at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": REGION,
            "resources": [group_arn("00000000-0000-4000-8000-000000000000", &self.group)],
            "detail": detail,
        })
    }
}

/// An instance waits at a hook on its way out.
pub const TERMINATE_LIFECYCLE_ACTION: &str = "EC2 Instance-terminate Lifecycle Action";

/// An instance waits at a hook on its way in.
pub const LAUNCH_LIFECYCLE_ACTION: &str = "EC2 Instance-launch Lifecycle Action";
