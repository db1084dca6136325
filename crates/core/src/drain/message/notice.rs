//! A termination notice.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::Message;
use super::destination::Destination;
use super::ignored::Ignored;
use super::member::{ec2_instance_id, missing, text_of, time};
use super::metadata::read_metadata;
use super::unreadable::UnreadableMessage;
use crate::cluster::Cluster;
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::{
    LifecycleAction, LifecycleActionId, REPLACING_ROOT_VOLUME, TERMINATING, WAITS_TO_TERMINATE,
};

/// Auto Scaling sends this once to each new hook target, with no other member of a lifecycle
/// message.
const TEST_NOTIFICATION: &str = "autoscaling:TEST_NOTIFICATION";

/// The `Action` of an instance refresh that replaces root volumes (Auto Scaling user guide, "Create
/// EventBridge rules for instance refresh events").
const REPLACE_ROOT_VOLUME: &str = "ReplaceRootVolume";
const TERMINATE: &str = "Terminate";

/// A termination notice: Auto Scaling waits for a lifecycle action before it terminates an instance
/// or replaces its root volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The instance.
    pub ec2_instance_id: Ec2InstanceId,
    /// The lifecycle action that the drainer completes.
    pub action: LifecycleAction,
    /// When the action began.
    pub time: DateTime<Utc>,
    /// Where the instance comes from, as Auto Scaling wrote it. Older messages have none.
    pub origin: Option<String>,
    /// The instance's destination. Older messages have none.
    pub destination: Option<Destination>,
    /// True if an instance refresh replaces the instance's root volume (`Action` is
    /// `ReplaceRootVolume`). The instance then stays in its group and keeps its EC2 instance id.
    /// False if it is terminated (`Terminate`); none where the message does not say.
    pub root_volume_replacement: Option<bool>,
    /// The cluster that the hook's `NotificationMetadata` names.
    pub cluster: Option<Cluster>,
    /// The longest drain that the hook's `NotificationMetadata` sets.
    pub drain_timeout: Option<Duration>,
    /// One line about `NotificationMetadata` that is neither empty nor understood: what it holds
    /// and what is accepted. Its author may have meant to name a cluster.
    pub metadata_not_understood: Option<String>,
}

impl Notice {
    /// The `LifecycleState` in which its action holds the instance, as far as the message says.
    #[must_use]
    pub fn held_in(&self) -> Option<&'static str> {
        self.root_volume_replacement
            .map(|replaced| if replaced { REPLACING_ROOT_VOLUME } else { WAITS_TO_TERMINATE })
    }
}

/// Reads a message in the form in which Auto Scaling sends it to SNS.
pub(super) fn read_lifecycle_message(fields: &Map<String, Value>) -> Result<Message, UnreadableMessage> {
    // The text of a test notification has stood in either member.
    let transition = text_of(fields, "LifecycleTransition");
    let event = text_of(fields, "Event");
    match (transition, event) {
        (Some(TERMINATING), _) => notice(fields).map(Message::Terminating),
        (Some(TEST_NOTIFICATION), _) | (None, Some(TEST_NOTIFICATION)) => {
            Ok(Message::Ignored(Ignored::TestNotification))
        }
        (Some(other), _) => Ok(Message::Ignored(Ignored::OtherTransition(other.to_owned()))),
        (None, Some(event)) if event.starts_with("autoscaling:") => {
            Ok(Message::Ignored(Ignored::OrdinaryNotification(event.to_owned())))
        }
        (None, _) => Err(UnreadableMessage::Unknown),
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
    let metadata = read_metadata(fields.get("NotificationMetadata"))?;
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
        root_volume_replacement: match text_of(fields, "Action") {
            Some(REPLACE_ROOT_VOLUME) => Some(true),
            Some(TERMINATE) => Some(false),
            _ => None,
        },
        cluster: metadata.cluster,
        drain_timeout: metadata.drain_timeout,
        metadata_not_understood: metadata.not_understood,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::drain::message::read_message;
    use crate::drain::message::unreadable::ACCEPTED_EVENTS;

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
        assert_eq!(notice.metadata_not_understood, None);
    }

    #[test]
    fn metadata_that_is_not_understood_is_reported_and_malformed_metadata_is_an_error() {
        let Message::Terminating(notice) = with_metadata(r#"{"ClusterName": "blue"}"#).unwrap() else {
            panic!("ignored")
        };
        assert_eq!((notice.cluster, notice.drain_timeout), (None, None));
        assert!(notice.metadata_not_understood.unwrap().contains(r#"{"ClusterName": "blue"}"#));

        let error = with_metadata(r#"{"cluster": 5}"#).unwrap_err().to_string();
        assert!(error.contains("NotificationMetadata: cluster: 5"), "{error}");
    }

    #[test]
    fn the_action_member_separates_a_root_volume_replacement_from_a_termination() {
        for (action, replacement) in
            [("ReplaceRootVolume", Some(true)), ("Terminate", Some(false)), ("AddedLater", None), ("", None)]
        {
            let text = terminating(|fields| {
                fields.insert("Action".into(), action.into());
            });
            assert_eq!(read_notice(&text).root_volume_replacement, replacement, "{action}");
        }
        let without = terminating(|fields| _ = fields.remove("Action"));
        assert_eq!(read_notice(&without).root_volume_replacement, None);
    }

    #[test]
    fn what_is_not_for_us_is_ignored_with_its_reason() {
        let launching = terminating(|fields| {
            fields.insert("LifecycleTransition".into(), "autoscaling:EC2_INSTANCE_LAUNCHING".into());
        });
        let reasons = [
            r#"{"Event": "autoscaling:TEST_NOTIFICATION", "Service": "AWS Auto Scaling"}"#,
            r#"{"LifecycleTransition": "autoscaling:TEST_NOTIFICATION"}"#,
            r#"{"Event": "autoscaling:EC2_INSTANCE_TERMINATE", "Progress": 50}"#,
            &launching,
        ]
        .map(|text| match read_message(text).unwrap() {
            Message::Ignored(ignored) => ignored.to_string(),
            other => panic!("not ignored: {other:?}"),
        });
        expect![[r#"
            a test notification of Auto Scaling
            a test notification of Auto Scaling
            an ordinary Auto Scaling notification, autoscaling:EC2_INSTANCE_TERMINATE
            a lifecycle action of another transition, autoscaling:EC2_INSTANCE_LAUNCHING"#]]
        .assert_eq(&reasons.join("\n"));
    }

    #[test]
    fn an_unreadable_message_names_all_that_was_missing_or_malformed() {
        let lacking = terminating(|fields| {
            fields.remove("EC2InstanceId");
            fields.insert("LifecycleActionToken".into(), "".into());
        });
        let with = |field: &str, value: &str| {
            terminating(|fields| drop(fields.insert(field.to_owned(), value.into())))
        };
        let errors = [
            "Service: AWS Auto Scaling",
            "[]",
            "{}",
            r#"{"Event": "something:else"}"#,
            &lacking,
            &with("EC2InstanceId", "i-1 or true"),
            &with("Time", "yesterday"),
        ]
        .map(|text| read_message(text).unwrap_err().to_string().replace(ACCEPTED_EVENTS, "ACCEPTED_EVENTS"));
        expect![[r#"
            the message is not a JSON object; ACCEPTED_EVENTS
            the message is not a JSON object; ACCEPTED_EVENTS
            missing LifecycleTransition; ACCEPTED_EVENTS
            missing LifecycleTransition; ACCEPTED_EVENTS
            missing EC2InstanceId, LifecycleActionToken: required, as a text that is not empty
            invalid EC2InstanceId: "i-1 or true" is not accepted: an EC2 instance id (i- and 8 or 17 lower-case hexadecimal digits)
            invalid Time: "yesterday" is not accepted: an RFC 3339 time (premature end of input)"#]].assert_eq(&errors.join("\n"));
    }
}
