//! A lifecycle action of a termination.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::destination::Destination;
use super::ignored::Ignored;
use super::member::{ec2_instance_id, missing, text_of, time};
use super::metadata::metadata;
use super::unreadable::UnreadableMessage;
use super::{Message, TERMINATING};
use crate::cluster::Cluster;
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::{LifecycleAction, LifecycleActionId};

/// An instance is about to be terminated, and its group waits for the action to be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The instance.
    pub ec2_instance_id: Ec2InstanceId,
    /// What the group waits for.
    pub action: LifecycleAction,
    /// When the action began.
    pub time: DateTime<Utc>,
    /// Where the instance comes from, as Auto Scaling wrote it; none in older messages.
    pub origin: Option<String>,
    /// Where the instance goes; none in older messages.
    pub destination: Option<Destination>,
    /// The cluster that the hook's `NotificationMetadata` names.
    pub cluster: Option<Cluster>,
    /// The longest drain that the hook's `NotificationMetadata` allows.
    pub drain_timeout: Option<Duration>,
}

/// Reads a lifecycle action in the form that SNS gets it.
pub(super) fn read_lifecycle_action(fields: &Map<String, Value>) -> Result<Message, UnreadableMessage> {
    match text_of(fields, "LifecycleTransition") {
        Some(TERMINATING) => notice(fields).map(Message::Terminating),
        Some(other) => Ok(Message::Ignored(Ignored::OtherTransition(other.to_owned()))),
        None => Err(missing(fields, &["LifecycleTransition"])),
    }
}

fn notice(fields: &Map<String, Value>) -> Result<Notice, UnreadableMessage> {
    const REQUIRED: [&str; 5] =
        ["EC2InstanceId", "AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken", "Time"];
    let [Some(id), Some(group), Some(hook), Some(token), Some(began)] =
        REQUIRED.map(|field| text_of(fields, field))
    else {
        return Err(missing(fields, &REQUIRED));
    };
    let ec2_instance_id = ec2_instance_id("EC2InstanceId", id)?;
    let time = time("Time", began)?;
    let (cluster, drain_timeout) = metadata(text_of(fields, "NotificationMetadata"))?;
    Ok(Notice {
        ec2_instance_id,
        action: LifecycleAction {
            group: group.to_owned(),
            hook: hook.to_owned(),
            id: LifecycleActionId::Token(token.to_owned()),
        },
        time,
        origin: text_of(fields, "Origin").map(str::to_owned),
        destination: text_of(fields, "Destination").map(Destination::from),
        cluster,
        drain_timeout,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drain::message::read_message;

    fn terminating(change: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut fields = serde_json::json!({
            "LifecycleHookName": "drain", "AccountId": "111122223333", "RequestId": "6d182a89",
            "LifecycleTransition": TERMINATING, "AutoScalingGroupName": "demo-asg", "Service": "AWS Auto Scaling",
            "Time": "2026-05-08T16:59:35.661Z", "EC2InstanceId": "i-01234567890abcdef",
            "LifecycleActionToken": "86799385-e46d-40b9-a393-6ff3da981d7e",
        });
        change(fields.as_object_mut().unwrap());
        fields.to_string()
    }

    fn with_metadata(metadata: &str) -> Result<Message, UnreadableMessage> {
        read_message(&terminating(|fields| {
            fields.insert("NotificationMetadata".into(), metadata.into());
        }))
    }

    fn read_notice(text: &str) -> Notice {
        match read_message(text).unwrap() {
            Message::Terminating(notice) => notice,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_terminating_message_is_a_notice_with_or_without_the_newer_fields() {
        let notice = read_notice(&terminating(|_| {}));
        assert_eq!(notice.ec2_instance_id.as_str(), "i-01234567890abcdef");
        assert_eq!(notice.action.group, "demo-asg");
        assert_eq!(notice.action.hook, "drain");
        let token = LifecycleActionId::Token("86799385-e46d-40b9-a393-6ff3da981d7e".to_owned());
        assert_eq!(notice.action.id, token);
        assert_eq!(notice.time.to_rfc3339(), "2026-05-08T16:59:35.661+00:00");
        assert_eq!((notice.cluster, notice.drain_timeout), (None, None));
        assert_eq!((notice.origin, notice.destination), (None, None));
    }

    #[test]
    fn origin_and_destination_are_kept() {
        let notice = read_notice(&terminating(|fields| {
            fields.insert("Origin".into(), "AutoScalingGroup".into());
            fields.insert("Destination".into(), "WarmPool".into());
        }));
        assert_eq!(notice.origin.as_deref(), Some("AutoScalingGroup"));
        assert_eq!(notice.destination, Some(Destination::WarmPool));
    }

    #[test]
    fn metadata_names_the_cluster_and_the_longest_drain() {
        let Message::Terminating(notice) =
            with_metadata(r#"{"cluster": "blue", "drainTimeoutSeconds": 600, "team": "x"}"#).unwrap()
        else {
            panic!("ignored")
        };
        assert_eq!(notice.cluster.unwrap().name(), "blue");
        assert_eq!(notice.drain_timeout, Some(Duration::from_secs(600)));
    }

    #[test]
    fn metadata_that_is_not_ours_says_nothing() {
        for metadata in ["", "owner=platform", "[1]", "{}", r#"{"cluster": null}"#] {
            let Message::Terminating(notice) = with_metadata(metadata).unwrap() else { panic!("ignored") };
            assert_eq!((notice.cluster, notice.drain_timeout), (None, None), "{metadata}");
        }
    }

    #[test]
    fn metadata_that_is_ours_and_malformed_is_an_error_that_names_the_key() {
        for (metadata, part) in [
            (r#"{"cluster": 5}"#, "cluster: 5 is not accepted"),
            (r#"{"cluster": "a b"}"#, "cluster: \"a b\" is not accepted"),
            (r#"{"drainTimeoutSeconds": "600"}"#, "drainTimeoutSeconds: \"600\" is not accepted"),
            (r#"{"drainTimeoutSeconds": 0}"#, "drainTimeoutSeconds: 0 is not accepted"),
            (r#"{"drainTimeoutSeconds": 172801}"#, "drainTimeoutSeconds: 172801 is not accepted"),
            (r#"{"cluster": "blue""#, "begins like a JSON object"),
        ] {
            let said = with_metadata(metadata).unwrap_err().to_string();
            assert!(said.contains("NotificationMetadata") && said.contains(part), "{said}");
        }
    }

    #[test]
    fn what_is_not_for_us_is_ignored_with_its_reason() {
        let launching = terminating(|fields| {
            fields.insert("LifecycleTransition".into(), "autoscaling:EC2_INSTANCE_LAUNCHING".into());
        });
        for (text, reason) in [
            (
                r#"{"Event": "autoscaling:TEST_NOTIFICATION", "Service": "AWS Auto Scaling"}"#,
                "test notification",
            ),
            (r#"{"LifecycleTransition": "autoscaling:TEST_NOTIFICATION"}"#, "test notification"),
            (r#"{"Event": "autoscaling:EC2_INSTANCE_TERMINATE", "Progress": 50}"#, "ordinary"),
            (&launching, "autoscaling:EC2_INSTANCE_LAUNCHING"),
        ] {
            let Message::Ignored(ignored) = read_message(text).unwrap() else {
                panic!("not ignored: {text}")
            };
            assert!(ignored.to_string().contains(reason), "{ignored}");
        }
    }

    #[test]
    fn an_unreadable_message_names_all_that_was_missing() {
        let lacking = terminating(|fields| {
            fields.remove("EC2InstanceId");
            fields.insert("LifecycleActionToken".into(), "".into());
        });
        for (text, part) in [
            ("Service: AWS Auto Scaling", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{}", "lacks LifecycleTransition"),
            (r#"{"Event": "something:else"}"#, "lacks LifecycleTransition"),
            (&lacking, "lacks EC2InstanceId, LifecycleActionToken"),
        ] {
            let said = read_message(text).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn an_instance_id_or_a_time_that_is_none_is_refused() {
        for (field, value) in [("EC2InstanceId", "i-1 or true"), ("Time", "yesterday")] {
            let text = terminating(|fields| {
                fields.insert(field.into(), value.into());
            });
            let said = read_message(&text).unwrap_err().to_string();
            assert!(said.contains(field) && said.contains("is not accepted"), "{said}");
        }
    }
}
