//! The messages that Auto Scaling sends to topics: JSON objects as text.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use serde_json::{Value, json};

use super::hook::{LifecycleHook, LifecycleTransition};
use crate::world::ecs::event::iso;
use crate::world::{ACCOUNT, REGION};

/// Where an instance comes from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is launched, or terminated.
    Ec2,
    /// In service.
    AutoScalingGroup,
    /// Stopped, for the next launch.
    WarmPool,
}

impl Place {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::AutoScalingGroup => "AutoScalingGroup",
            Self::WarmPool => "WarmPool",
        }
    }
}

/// The `Action` member: what the group does with the instance.
///
/// `Terminate` is recorded (2026, lifecycle notices and events); notices of 2022 have no such
/// member. `ReplaceRootVolume` is in AWS's examples (user guide,
/// "instance-refresh-eventbridge-events"). `Launch`, and `Terminate` on the way to a warm pool, are
/// inferred.
pub(crate) fn action(transition: LifecycleTransition, way: (Place, Place)) -> &'static str {
    match (transition, way) {
        (_, (Place::AutoScalingGroup, Place::AutoScalingGroup)) => "ReplaceRootVolume",
        (LifecycleTransition::InstanceLaunching, _) => "Launch",
        (LifecycleTransition::InstanceTerminating, _) => "Terminate",
    }
}

/// An instance waits at a hook.
#[expect(clippy::too_many_arguments, reason = "each is a member of the message")]
pub(crate) fn lifecycle(
    request_id: &str,
    group: &str,
    hook: &LifecycleHook,
    instance: &Ec2InstanceId,
    token: &str,
    (origin, destination): (Place, Place),
    action: Option<&str>,
    at: DateTime<Utc>,
) -> Value {
    let mut message = json!({
        "Service": "AWS Auto Scaling",
        "Time": iso(at),
        "RequestId": request_id,
        "Origin": origin.as_str(),
        "Destination": destination.as_str(),
        "LifecycleActionToken": token,
        "AccountId": ACCOUNT,
        "AutoScalingGroupName": group,
        "LifecycleHookName": hook.name,
        "EC2InstanceId": instance.as_str(),
        "LifecycleTransition": hook.transition.as_str(),
    });
    if let Value::Object(members) = &mut message {
        if let Some(metadata) = &hook.notification_metadata {
            members.insert("NotificationMetadata".to_owned(), json!(metadata));
        }
        if let Some(action) = action {
            members.insert("Action".to_owned(), json!(action));
        }
    }
    message
}

/// The subject of such a message, as Auto Scaling writes it.
pub(crate) fn subject(transition: LifecycleTransition, instance: &Ec2InstanceId) -> String {
    let what = match transition {
        LifecycleTransition::InstanceLaunching => "LAUNCHING",
        LifecycleTransition::InstanceTerminating => "TERMINATING",
    };
    format!("Auto Scaling:  Lifecycle action '{what}' for instance {instance} in progress.")
}

pub(crate) fn group_arn(id: &str, group: &str) -> String {
    format!("arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:{id}:autoScalingGroupName/{group}")
}

/// A hook was put: there is no transition, no instance and no token in this one.
pub(crate) fn test_notification(request_id: &str, group_id: &str, group: &str, at: DateTime<Utc>) -> Value {
    json!({
        "AccountId": ACCOUNT,
        "RequestId": request_id,
        "AutoScalingGroupARN": group_arn(group_id, group),
        "AutoScalingGroupName": group,
        "Service": "AWS Auto Scaling",
        "Event": "autoscaling:TEST_NOTIFICATION",
        "Time": iso(at),
    })
}
