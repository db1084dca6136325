//! Each shape of message that has been seen on a lifecycle topic or a rule's target.

use serde_json::{Value, json};

use super::read_message;
use crate::drain::Message;

const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";
const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
const TEST: &str = "autoscaling:TEST_NOTIFICATION";
const ID: &str = "i-0a1b2c3d4e5f60718";

/// Asserts that `message` reads as a message whose debug form holds `part`, or as an error that
/// holds it.
fn assert_reads_as(expected: &str, part: &str, message: &Value) {
    let (kind, text) = match read_message(&message.to_string()) {
        Ok(read @ Message::Terminating(_)) => ("drain", format!("{read:?}")),
        Ok(read @ Message::Interruption(_)) => ("interruption", format!("{read:?}")),
        Ok(read @ Message::Sweep(_)) => ("sweep", format!("{read:?}")),
        Ok(Message::Ignored(ignored)) => ("ignored", ignored.to_string()),
        Err(error) => ("error", error.to_string()),
    };
    assert_eq!(kind, expected, "{text}\n{message}");
    assert!(text.contains(part) && text.lines().count() == 1, "{text} lacks {part}\n{message}");
}

/// `base` with the members of `changes`; null removes one.
fn changed(mut base: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut base, changes) else { panic!("objects") };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    base
}

/// A lifecycle message to SNS with `changes`.
fn message(changes: Value) -> Value {
    let message = json!({
        "LifecycleHookName": "drain", "AccountId": "111122223333", "RequestId": "9c1f6b52-0f9b-4e0f-8d2e-4b6f",
        "LifecycleTransition": TERMINATING, "AutoScalingGroupName": "demo-asg", "Service": "AWS Auto Scaling",
        "Time": "2026-11-02T09:15:27.411Z", "EC2InstanceId": ID,
        "LifecycleActionToken": "87654321-4321-4bcd-8a1b-0123456789ab",
    });
    changed(message, changes)
}

/// An EventBridge event with `changes` to its envelope and this `detail`.
fn event(source: &str, detail_type: &str, detail: &Value, changes: Value) -> Value {
    let event = json!({
        "version": "0", "id": "12345678-1234-1234-1234-123456789012", "detail-type": detail_type,
        "source": source, "account": "111122223333", "time": "2026-11-02T09:15:27Z", "region": "us-east-1",
        "resources": ["arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:x"], "detail": detail,
    });
    changed(event, changes)
}

/// A termination's event with `changes` to its detail.
fn terminate_event(changes: Value) -> Value {
    let detail = json!({
        "LifecycleActionToken": "87654321-4321-4bcd-8a1b-0123456789ab", "AutoScalingGroupName": "demo-asg",
        "LifecycleHookName": "drain", "EC2InstanceId": ID, "LifecycleTransition": TERMINATING,
    });
    event("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", &changed(detail, changes), json!({}))
}

/// A Spot interruption warning with `changes` to its envelope.
fn spot_event(detail: &Value, changes: Value) -> Value {
    event("aws.ec2", "EC2 Spot Instance Interruption Warning", detail, changes)
}

#[test]
fn lifecycle_messages_are_drained_ignored_or_named_errors() {
    for (expected, part, changes) in [
        ("drain", "metadata_not_understood: None", json!({})),
        // Before 2015: a short id, and no other member than these.
        ("drain", "i-4c87e963", json!({"EC2InstanceId": "i-4c87e963", "AccountId": null})),
        ("drain", "WarmPool", json!({"Origin": "AutoScalingGroup", "Destination": "WarmPool"})),
        ("drain", "root_volume_replacement: Some(true)", json!({"Action": "ReplaceRootVolume"})),
        ("drain", "root_volume_replacement: Some(false)", json!({"Action": "Terminate"})),
        ("drain", "additional-info", json!({"NotificationMetadata": "additional-info"})),
        ("drain", "2026-11-02T09:15:27Z", json!({"Time": "2026-11-02T09:15:27Z"})),
        ("drain", "2026-11-02T09:15:27.411Z", json!({"Time": "2026-11-02T11:15:27.411+02:00"})),
        // As a client of SQS forwards it.
        ("drain", ID, json!({"AccountId": null, "Service": null})),
        ("ignored", "EC2_INSTANCE_LAUNCHING", json!({"LifecycleTransition": LAUNCHING})),
        (
            "ignored",
            "EC2_INSTANCE_LAUNCHING",
            json!({"LifecycleTransition": LAUNCHING, "EC2InstanceId": "i-123abcd0123", "Time": "now"}),
        ),
        ("ignored", "test notification", json!({"LifecycleTransition": TEST, "Event": TEST})),
        ("ignored", "test notification", json!({"LifecycleTransition": TEST})),
        ("error", "missing LifecycleActionToken: required", json!({"LifecycleActionToken": ""})),
        ("error", "missing Time: required", json!({"Time": null})),
        ("error", "missing EC2InstanceId: required", json!({"EC2InstanceId": 5})),
        (
            "error",
            "LifecycleTransition; the drainer accepts an SNS event",
            json!({"LifecycleTransition": null}),
        ),
        (
            "error",
            "\"yyyy-mm-ddThh:mm:ssZ\" is not accepted: an RFC 3339",
            json!({"Time": "yyyy-mm-ddThh:mm:ssZ"}),
        ),
        ("error", "is not accepted: an EC2 instance id", json!({"EC2InstanceId": "i-123456789"})),
        ("error", "is not accepted: an EC2 instance id", json!({"EC2InstanceId": "i-0abcd1234efgh5678"})),
    ] {
        assert_reads_as(expected, part, &message(changes));
    }
}

#[test]
fn other_messages_on_a_topic_are_ignored_or_named_errors() {
    let group = json!({
        "AccountId": "111122223333", "RequestId": "4e7d6c5b-1a29-4f38-8e47-d6c5b4a39281",
        "AutoScalingGroupARN": "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:x",
        "AutoScalingGroupName": "demo-asg", "Service": "AWS Auto Scaling", "Time": "2018-05-14T22:39:45.555Z",
    });
    let activity = json!({
        "Progress": 50, "StatusCode": "InProgress", "EC2InstanceId": ID, "Details": {"Subnet ID": "subnet-1"},
    });
    let notification = |event: &str| {
        changed(changed(group.clone(), activity.clone()), json!({"Event": format!("autoscaling:{event}")}))
    };
    assert_reads_as("ignored", "test notification", &changed(group.clone(), json!({"Event": TEST})));
    for of in ["EC2_INSTANCE_TERMINATE", "EC2_INSTANCE_LAUNCH", "EC2_INSTANCE_LAUNCH_ERROR"] {
        assert_reads_as("ignored", of, &notification(of));
    }
    let alarm = json!({
        "AlarmName": "cpu", "AWSAccountId": "111122223333", "NewStateValue": "ALARM",
        "Trigger": {"MetricName": "CPUUtilization", "Namespace": "AWS/EC2"},
    });
    assert_reads_as("error", "missing LifecycleTransition; the drainer accepts an SNS event", &alarm);
    for text in [json!("Hello"), json!([]), json!(null)] {
        assert_reads_as("error", "not a JSON object; the drainer accepts an SNS event", &text);
    }
}

#[test]
fn events_of_auto_scaling_are_drained_ignored_or_named_errors() {
    for (expected, part, changes) in [
        ("drain", ID, json!({})),
        ("drain", "metadata_not_understood: Some", json!({"NotificationMetadata": "additional-info"})),
        ("drain", "Some(WarmPool)", json!({"Origin": "AutoScalingGroup", "Destination": "WarmPool"})),
        (
            "drain",
            "root_volume_replacement: Some(true)",
            json!({"Destination": "AutoScalingGroup", "Action": "ReplaceRootVolume"}),
        ),
        ("drain", "root_volume_replacement: Some(false)", json!({"Action": "Terminate"})),
        ("ignored", "test notification", json!({"LifecycleTransition": TEST, "Event": TEST})),
        ("ignored", "test notification", json!({"LifecycleTransition": null, "Event": TEST})),
        ("ignored", "EC2_INSTANCE_LAUNCHING", json!({"LifecycleTransition": LAUNCHING})),
        ("error", "missing detail.LifecycleActionToken", json!({"LifecycleActionToken": ""})),
        ("error", "missing detail.LifecycleTransition", json!({"LifecycleTransition": null})),
    ] {
        assert_reads_as(expected, part, &terminate_event(changes));
    }
    for (part, time) in [("missing time: required", json!(null)), ("an RFC 3339 time", json!("yyyy-mm-dd"))] {
        let event = changed(terminate_event(json!({})), json!({"time": time}));
        assert_reads_as("error", part, &event);
    }
    for detail_type in [
        "EC2 Instance-launch Lifecycle Action",
        "EC2 Instance Launch Successful",
        "EC2 Instance Launch Unsuccessful",
        "EC2 Instance Terminate Successful",
        "EC2 Instance Terminate Unsuccessful",
        "EC2 Auto Scaling Instance Refresh Started",
        "EC2 Auto Scaling Instance Refresh Checkpoint Reached",
    ] {
        let detail = json!({"AutoScalingGroupName": "demo-asg", "Action": "ReplaceRootVolume"});
        let event = event("aws.autoscaling", detail_type, &detail, json!({}));
        assert_reads_as("ignored", detail_type, &event);
    }
}

#[test]
fn warnings_of_ec2_are_interruptions_or_named_errors() {
    for action in ["terminate", "stop", "hibernate"] {
        let event = spot_event(&json!({"instance-id": ID, "instance-action": action}), json!({}));
        assert_reads_as("interruption", action, &event);
    }
    let warning = |id: &str| json!({"instance-id": id, "instance-action": "terminate"});
    for (expected, part, detail, time) in [
        ("interruption", "2026-11-02T09:15:27Z", warning(ID), json!("2026-11-02T09:15:27.000Z")),
        ("interruption", "2026-11-02T09:15:27Z", warning(ID), json!("2026-11-02T09:15:27+00:00")),
        ("interruption", "i-4c87e963", warning("i-4c87e963"), json!("2026-11-02T09:15:27Z")),
        ("error", "an EC2 instance id", warning("i-0abcd1234efgh5678"), json!("2026-11-02T09:15:27Z")),
        ("error", "an EC2 instance id", warning("i-123456789"), json!("2026-11-02T09:15:27Z")),
        ("error", "missing time: required", warning(ID), json!(null)),
        ("error", "missing detail.instance-action, time", json!({"instance-id": "i-dead"}), json!(null)),
    ] {
        assert_reads_as(expected, part, &spot_event(&detail, json!({"time": time})));
    }
    let recommendation =
        event("aws.ec2", "EC2 Instance Rebalance Recommendation", &json!({"instance-id": ID}), json!({}));
    assert_reads_as("interruption", "Rebalance", &recommendation);
}

#[test]
fn other_events_are_errors_that_name_what_is_accepted() {
    for (source, detail_type, detail) in [
        ("aws.ec2", "EC2 Instance State-change Notification", json!({"instance-id": ID, "state": "pending"})),
        ("aws.health", "AWS Health Event", json!({"service": "EC2"})),
        ("aws.events", "Scheduled Event", json!({})),
        ("aws.ecs", "ECS Container Instance State Change", json!({"ec2InstanceId": ID})),
        ("aws.ecs", "ECS Task State Change", json!({"lastStatus": "STOPPED"})),
        ("aws.ecs", "ECS Service Action", json!({"eventName": "SERVICE_TASK_PLACEMENT_FAILURE"})),
    ] {
        for changes in [json!({}), json!({"time": null, "version": null, "resources": "text"})] {
            let part =
                format!("{detail_type:?} of {source:?} is not accepted; the drainer accepts an SNS event");
            assert_reads_as("error", &part, &event(source, detail_type, &detail, changes));
        }
    }
    let scheduled = event(
        "aws.events",
        "Scheduled Event",
        &json!({}),
        json!({"sweep": {"group": "demo-asg", "hook": "drain"}}),
    );
    assert_reads_as("sweep", "demo-asg", &scheduled);
}
