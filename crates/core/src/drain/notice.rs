//! The text of a message on the lifecycle topic.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::timing::DRAIN_TIMEOUT_SECONDS_MAX;
use crate::cluster::Cluster;
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::{LifecycleAction, LifecycleActionId};

/// The transition that is drained for.
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// What EC2 Auto Scaling sends once to every new hook target. It has none of a lifecycle message's other fields.
const TEST_NOTIFICATION: &str = "autoscaling:TEST_NOTIFICATION";

/// An instance is about to be terminated, and its group waits for the action to be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The instance.
    pub ec2_instance_id: Ec2InstanceId,
    /// What the group waits for.
    pub action: LifecycleAction,
    /// When the action began.
    pub time: DateTime<Utc>,
    /// The cluster that the hook's `NotificationMetadata` names.
    pub cluster: Option<Cluster>,
    /// The longest drain that the hook's `NotificationMetadata` allows.
    pub drain_timeout: Option<Duration>,
}

/// What a message on the topic asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// To drain an instance.
    Terminating(Notice),
    /// Nothing that is for Fleetkeeper.
    Ignored(Ignored),
}

/// Why a message is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// A hook was created or changed, and Auto Scaling tries its target.
    TestNotification,
    /// A lifecycle action of another transition: a launch, say.
    OtherTransition(String),
    /// An ordinary Auto Scaling notification, on the same topic.
    OrdinaryNotification(String),
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TestNotification => f.write_str("a test notification of Auto Scaling"),
            Self::OtherTransition(transition) => {
                write!(f, "a lifecycle action of another transition, {transition}")
            }
            Self::OrdinaryNotification(event) => write!(f, "an ordinary Auto Scaling notification, {event}"),
        }
    }
}

/// A message that can't be read, with what was missing or malformed.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// Auto Scaling sends SNS a JSON object (its key-value rendering is for e-mail only).
    #[error("the message is not a JSON object, as Auto Scaling sends one")]
    NotAnObject(#[source] Option<serde_json::Error>),
    /// Fields that every lifecycle message has.
    #[error("the message lacks {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// A field that holds something else than is accepted.
    #[error("the message's {field} can't be read: {problem}")]
    Malformed {
        /// The field.
        field: &'static str,
        /// What it holds and what is accepted.
        problem: String,
    },
}

/// Reads the text of an SNS message that came to the lifecycle topic.
pub fn read_message(text: &str) -> Result<Message, UnreadableMessage> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| UnreadableMessage::NotAnObject(Some(error)))?;
    let Value::Object(fields) = value else { return Err(UnreadableMessage::NotAnObject(None)) };

    let event = text_of(&fields, "Event");
    match text_of(&fields, "LifecycleTransition") {
        // Where the string of a test notification stands has varied.
        Some(TEST_NOTIFICATION) => Ok(Message::Ignored(Ignored::TestNotification)),
        Some(TERMINATING) => notice(&fields).map(Message::Terminating),
        Some(other) => Ok(Message::Ignored(Ignored::OtherTransition(other.to_owned()))),
        None => match event {
            Some(TEST_NOTIFICATION) => Ok(Message::Ignored(Ignored::TestNotification)),
            Some(event) if event.starts_with("autoscaling:") => {
                Ok(Message::Ignored(Ignored::OrdinaryNotification(event.to_owned())))
            }
            _ => Err(UnreadableMessage::Missing(vec!["LifecycleTransition"])),
        },
    }
}

fn notice(fields: &Map<String, Value>) -> Result<Notice, UnreadableMessage> {
    const REQUIRED: [&str; 5] =
        ["EC2InstanceId", "AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken", "Time"];
    let [Some(id), Some(group), Some(hook), Some(token), Some(time)] =
        REQUIRED.map(|field| text_of(fields, field))
    else {
        return Err(UnreadableMessage::Missing(
            REQUIRED.into_iter().filter(|field| text_of(fields, field).is_none()).collect(),
        ));
    };
    let ec2_instance_id = id.parse().map_err(|problem| malformed("EC2InstanceId", problem))?;
    let time = DateTime::parse_from_rfc3339(time)
        .map_err(|problem| {
            malformed("Time", format_args!("{time:?} is not accepted: an RFC 3339 time ({problem})"))
        })?
        .with_timezone(&Utc);
    let (cluster, drain_timeout) = metadata(text_of(fields, "NotificationMetadata"))?;
    Ok(Notice {
        ec2_instance_id,
        action: LifecycleAction {
            group: group.to_owned(),
            hook: hook.to_owned(),
            id: LifecycleActionId::Token(token.to_owned()),
        },
        time,
        cluster,
        drain_timeout,
    })
}

/// The hook's `NotificationMetadata` is the user's: a text that is no JSON object is somebody else's and says nothing
/// here, and so do keys that are not ours. What is ours and malformed is an error, or a cluster would go unheard.
fn metadata(text: Option<&str>) -> Result<(Option<Cluster>, Option<Duration>), UnreadableMessage> {
    const FIELD: &str = "NotificationMetadata";
    let Some(text) = text.filter(|text| text.trim_start().starts_with('{')) else { return Ok((None, None)) };
    let ours: Map<String, Value> = serde_json::from_str(text).map_err(|problem| {
        malformed(FIELD, format_args!("it begins like a JSON object and is none ({problem})"))
    })?;

    let cluster = match ours.get("cluster") {
        None | Some(Value::Null) => None,
        Some(Value::String(cluster)) => {
            Some(cluster.parse().map_err(|problem| malformed(FIELD, format_args!("cluster: {problem}")))?)
        }
        Some(other) => {
            return Err(malformed(
                FIELD,
                format_args!("cluster: {other} is not accepted: a cluster's name or ARN"),
            ));
        }
    };
    let drain_timeout = match ours.get("drainTimeoutSeconds") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_u64() {
            Some(seconds) if (1..=DRAIN_TIMEOUT_SECONDS_MAX).contains(&seconds) => {
                Some(Duration::from_secs(seconds))
            }
            _ => {
                return Err(malformed(
                    FIELD,
                    format_args!(
                        "drainTimeoutSeconds: {value} is not accepted: a whole number of seconds from 1 to \
                         {DRAIN_TIMEOUT_SECONDS_MAX}"
                    ),
                ));
            }
        },
    };
    Ok((cluster, drain_timeout))
}

/// A field's text; one that is empty is as good as missing.
fn text_of<'a>(fields: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn malformed(field: &'static str, problem: impl fmt::Display) -> UnreadableMessage {
    UnreadableMessage::Malformed { field, problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Message::Ignored(ignored) => panic!("ignored: {ignored}"),
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
