//! The messages that Auto Scaling sends to a hook's topic: JSON objects as text.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use serde_json::{Value, json};

use super::hook::LifecycleHook;
use crate::world::ecs::event::iso;
use crate::world::{ACCOUNT, REGION};

/// An instance waits at a hook.
pub(crate) fn terminating(
    request_id: &str,
    group: &str,
    hook: &LifecycleHook,
    instance: &Ec2InstanceId,
    token: &str,
    at: DateTime<Utc>,
) -> Value {
    let mut message = json!({
        "Service": "AWS Auto Scaling",
        "Time": iso(at),
        "RequestId": request_id,
        "Origin": "AutoScalingGroup",
        "Destination": "EC2",
        "LifecycleActionToken": token,
        "AccountId": ACCOUNT,
        "AutoScalingGroupName": group,
        "LifecycleHookName": hook.name,
        "EC2InstanceId": instance.as_str(),
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    });
    if let (Value::Object(members), Some(metadata)) = (&mut message, &hook.notification_metadata) {
        members.insert("NotificationMetadata".to_owned(), json!(metadata));
    }
    message
}

/// The subject of such a message, as Auto Scaling writes it.
pub(crate) fn subject(instance: &Ec2InstanceId) -> String {
    format!("Auto Scaling:  Lifecycle action 'TERMINATING' for instance {instance} in progress.")
}

/// A hook was put: there is no transition, no instance and no token in this one.
pub(crate) fn test_notification(request_id: &str, group_id: &str, group: &str, at: DateTime<Utc>) -> Value {
    json!({
        "AccountId": ACCOUNT,
        "RequestId": request_id,
        "AutoScalingGroupARN": format!(
            "arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:{group_id}:autoScalingGroupName/{group}"
        ),
        "AutoScalingGroupName": group,
        "Service": "AWS Auto Scaling",
        "Event": "autoscaling:TEST_NOTIFICATION",
        "Time": iso(at),
    })
}
