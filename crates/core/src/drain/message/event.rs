//! An EventBridge event, which a rule sent to the function or to the topic.

use serde_json::{Map, Value};

use super::Message;
use super::ignored::Ignored;
use super::interruption::{rebalance, spot_interruption};
use super::member::{detail, text_of};
use super::notice::read_lifecycle_message;
use super::sweep::read_sweep;
use super::unreadable::UnreadableMessage;
use crate::lifecycle::TERMINATING;

const AUTO_SCALING: &str = "aws.autoscaling";
const EC2: &str = "aws.ec2";

const TERMINATE_LIFECYCLE_ACTION: &str = "EC2 Instance-terminate Lifecycle Action";
const SPOT_INTERRUPTION: &str = "EC2 Spot Instance Interruption Warning";
const REBALANCE: &str = "EC2 Instance Rebalance Recommendation";

/// Returns whether an object is an EventBridge event, or a rule's constant input with a `sweep`,
/// and not an Auto Scaling message to SNS.
#[must_use]
pub fn is_event(fields: &Map<String, Value>) -> bool {
    fields.contains_key("sweep") || fields.get("detail-type").is_some_and(Value::is_string)
}

/// Reads an event.
pub fn read_event(event: &Map<String, Value>) -> Result<Message, UnreadableMessage> {
    if let Some(sweep) = event.get("sweep") {
        return read_sweep(sweep).map(Message::Sweep);
    }
    match source_and_type(event) {
        (AUTO_SCALING, TERMINATE_LIFECYCLE_ACTION) => {
            read_lifecycle_message(&lifecycle_message(event, detail(event)?)).map_err(by_event_paths)
        }
        (AUTO_SCALING, other) => Ok(Message::Ignored(Ignored::OtherEvent(other.to_owned()))),
        (EC2, SPOT_INTERRUPTION) => spot_interruption(event).map(Message::Interruption),
        (EC2, REBALANCE) => rebalance(event).map(Message::Interruption),
        (of, detail_type) => {
            Err(UnreadableMessage::UnknownEvent { of: of.to_owned(), detail_type: detail_type.to_owned() })
        }
    }
}

/// An event as the text of a message on the lifecycle topic. A lifecycle action's text is what Auto
/// Scaling would have sent there, and any other event's text is the event.
///
/// [`super::read_message`] reads the same from it as [`read_event`] from the event.
#[must_use]
pub fn message_text(event: &Map<String, Value>) -> String {
    let message = termination_message(event).unwrap_or_else(|| event.clone());
    Value::Object(message).to_string()
}

fn source_and_type(event: &Map<String, Value>) -> (&str, &str) {
    let text = |field| text_of(event, field).unwrap_or_default();
    (text("source"), text("detail-type"))
}

/// The lifecycle message of a termination's event, if the topic's readers would read it as one.
fn termination_message(event: &Map<String, Value>) -> Option<Map<String, Value>> {
    if event.contains_key("sweep") || source_and_type(event) != (AUTO_SCALING, TERMINATE_LIFECYCLE_ACTION) {
        return None;
    }
    let message = lifecycle_message(event, detail(event).ok()?);
    let terminating = text_of(&message, "LifecycleTransition") == Some(TERMINATING);
    (terminating && !is_event(&message)).then_some(message)
}

/// The lifecycle message of an event: each member of its `detail`, and the event's time.
///
/// A lifecycle action began at its event's time, and no `Time` stands in its detail (Auto Scaling
/// user guide, "EventBridge events reference"). Members that AWS adds survive a republish.
fn lifecycle_message(event: &Map<String, Value>, detail: &Map<String, Value>) -> Map<String, Value> {
    let mut message = detail.clone();
    if let Some(time) = event.get("time") {
        message.insert("Time".to_owned(), time.clone());
    }
    message
}

/// Names the members of a lifecycle message by their paths in the event.
fn by_event_paths(error: UnreadableMessage) -> UnreadableMessage {
    let path = |field: String| if field == "Time" { "time".to_owned() } else { format!("detail.{field}") };
    match error {
        UnreadableMessage::Unknown => {
            UnreadableMessage::Missing(vec!["detail.LifecycleTransition".to_owned()])
        }
        UnreadableMessage::Missing(fields) => {
            UnreadableMessage::Missing(fields.into_iter().map(path).collect())
        }
        UnreadableMessage::Malformed { field, problem } => {
            UnreadableMessage::Malformed { field: path(field), problem }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::drain::message::unreadable::ACCEPTED_EVENTS;
    use crate::drain::message::{Destination, Notice, read_message};
    use crate::lifecycle::LifecycleActionId;

    fn terminating() -> Map<String, Value> {
        let event = json!({
            "version": "0", "id": "12345678-1234-1234-1234-123456789012", "source": AUTO_SCALING,
            "detail-type": TERMINATE_LIFECYCLE_ACTION, "account": "111122223333", "time": "2026-11-02T09:15:27Z",
            "region": "us-east-1", "resources": ["arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:x"],
            "detail": {
                "LifecycleActionToken": "87654321-4321-4bcd-8a1b-0123456789ab", "AutoScalingGroupName": "demo-asg",
                "LifecycleHookName": "drain", "EC2InstanceId": "i-0a1b2c3d4e5f60718",
                "LifecycleTransition": TERMINATING, "NotificationMetadata": "{\"cluster\": \"demo\"}",
                "Origin": "AutoScalingGroup", "Destination": "WarmPool", "Action": "Terminate",
                "AddedLater": {"by": ["AWS"]},
            },
        });
        event.as_object().unwrap().clone()
    }

    fn read_notice(event: &Map<String, Value>) -> Notice {
        match read_event(event).unwrap() {
            Message::Terminating(notice) => notice,
            other => panic!("{other:?}"),
        }
    }

    fn set(event: &mut Map<String, Value>, field: &str, value: Option<Value>) {
        let detail = event.get_mut("detail").unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => detail.insert(field.to_owned(), value),
            None => detail.remove(field),
        };
    }

    #[test]
    fn a_lifecycle_action_is_a_notice_that_began_at_the_events_time() {
        let notice = read_notice(&terminating());
        assert_eq!(notice.ec2_instance_id.as_str(), "i-0a1b2c3d4e5f60718");
        assert_eq!((notice.action.group.as_str(), notice.action.hook.as_str()), ("demo-asg", "drain"));
        let token = LifecycleActionId::Token("87654321-4321-4bcd-8a1b-0123456789ab".to_owned());
        assert_eq!(notice.action.id, token);
        assert_eq!(notice.time.to_rfc3339(), "2026-11-02T09:15:27+00:00");
        assert_eq!(notice.cluster.unwrap().name(), "demo");
        assert_eq!(notice.origin.as_deref(), Some("AutoScalingGroup"));
        assert_eq!(notice.destination, Some(Destination::WarmPool));
    }

    #[test]
    fn what_is_missing_or_malformed_is_named_as_it_stands_in_the_event() {
        let error_of = |change: &dyn Fn(&mut Map<String, Value>)| {
            let mut event = terminating();
            change(&mut event);
            read_event(&event).unwrap_err().to_string()
        };
        let errors = [
            error_of(&|event| {
                set(event, "EC2InstanceId", None);
                event.remove("time");
            }),
            error_of(&|event| set(event, "EC2InstanceId", Some(json!("i-1")))),
            error_of(&|event| set(event, "NotificationMetadata", Some(json!("{\"cluster\": 5}")))),
            error_of(&|event| set(event, "LifecycleTransition", Some(json!(null)))),
            error_of(&|event| drop(event.insert("detail".to_owned(), json!(null)))),
            error_of(&|event| drop(event.insert("detail".to_owned(), json!("{}")))),
        ];
        expect![[r#"
            missing detail.EC2InstanceId, time: required, as a text that is not empty
            invalid detail.EC2InstanceId: "i-1" is not accepted: an EC2 instance id (i- and 8 or 17 lower-case hexadecimal digits)
            invalid detail.NotificationMetadata: cluster: 5 is not accepted: a cluster's name or ARN
            missing detail.LifecycleTransition: required, as a text that is not empty
            invalid detail: missing: a JSON object is required
            invalid detail: not accepted: a JSON object is required"#]].assert_eq(&errors.join("\n"));
    }

    #[test]
    fn other_events_of_auto_scaling_are_ignored_with_their_reason() {
        for detail_type in ["EC2 Instance-launch Lifecycle Action", "EC2 Instance Terminate Successful"] {
            let mut event = terminating();
            event.insert("detail-type".to_owned(), detail_type.into());
            let Message::Ignored(ignored) = read_event(&event).unwrap() else { panic!("not ignored") };
            assert_eq!(ignored.to_string(), format!("another event of Auto Scaling, {detail_type}"));
        }
        let mut event = terminating();
        set(&mut event, "LifecycleTransition", Some(json!("autoscaling:OTHER")));
        assert!(matches!(read_event(&event), Ok(Message::Ignored(Ignored::OtherTransition(_)))));
        assert_eq!(read_message(&message_text(&event)).unwrap(), read_event(&event).unwrap());
    }

    #[test]
    fn an_event_that_is_not_known_names_itself_and_what_is_accepted() {
        let mut errors = Vec::new();
        for (of, detail_type) in [
            (json!("aws.ec2"), "EC2 Instance State-change Notification"),
            (json!("aws.events"), "Scheduled Event"),
            (json!("my.app"), TERMINATE_LIFECYCLE_ACTION),
            (json!(null), SPOT_INTERRUPTION),
        ] {
            let mut event = terminating();
            event.insert("source".to_owned(), of);
            event.insert("detail-type".to_owned(), detail_type.into());
            let error = read_message(&Value::Object(event).to_string()).unwrap_err().to_string();
            errors.push(error.replace(ACCEPTED_EVENTS, "ACCEPTED_EVENTS"));
        }
        expect![[r#"
            an event "EC2 Instance State-change Notification" of "aws.ec2" is not accepted; ACCEPTED_EVENTS
            an event "Scheduled Event" of "aws.events" is not accepted; ACCEPTED_EVENTS
            an event "EC2 Instance-terminate Lifecycle Action" of "my.app" is not accepted; ACCEPTED_EVENTS
            an event "EC2 Spot Instance Interruption Warning" of "" is not accepted; ACCEPTED_EVENTS"#]]
        .assert_eq(&errors.join("\n"));
    }

    #[test]
    fn the_text_for_the_topic_is_a_lifecycle_message_or_the_event_itself() {
        let text = message_text(&terminating());
        let message: Map<String, Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(message["Time"], "2026-11-02T09:15:27Z");
        assert!(!is_event(&message));
        let event = terminating();
        let detail = event["detail"].as_object().unwrap();
        assert!(detail.iter().all(|(field, value)| message.get(field) == Some(value)));
        assert_eq!(message.len(), detail.len() + 1);

        let mut spot = terminating();
        spot.insert("source".to_owned(), EC2.into());
        spot.insert("detail-type".to_owned(), REBALANCE.into());
        assert_eq!(serde_json::from_str::<Value>(&message_text(&spot)).unwrap(), Value::Object(spot));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The topic's text and the event on the topic both read as the event, whatever it holds.
        #[test]
        fn the_text_for_the_topic_reads_back_to_the_same(
            group in "\\PC{1,40}",
            hook in "[A-Za-z0-9_/-]{1,40}",
            token in "[a-f0-9-]{1,36}",
            instance in "i-([0-9a-f]{8}|[0-9a-f]{17})",
            millis in 0_i64..4_102_444_800_000,
            metadata in prop::option::of(prop_oneof![
                Just("{\"cluster\": \"blue\", \"drainTimeoutSeconds\": 600}".to_owned()),
                "[ -z]{0,40}",
            ]),
            origin in prop::option::of("[A-Za-z0-9]{0,12}"),
            destination in prop::option::of(prop_oneof!["EC2", "WarmPool", "AutoScalingGroup", "[A-Za-z]{0,12}"]),
            action in prop::option::of(prop_oneof!["Terminate", "ReplaceRootVolume", "[A-Za-z]{0,12}"]),
            added in prop_oneof!["[A-Za-z-]{1,12}", Just("sweep".to_owned()), Just("detail-type".to_owned())],
        ) {
            let mut event = terminating();
            let time = chrono::DateTime::from_timestamp_millis(millis).unwrap();
            event.insert("time".to_owned(), time.to_rfc3339().into());
            for (field, value) in [
                ("AutoScalingGroupName", Some(group.clone())), ("LifecycleHookName", Some(hook)),
                ("LifecycleActionToken", Some(token)), ("EC2InstanceId", Some(instance)),
                ("NotificationMetadata", metadata), ("Origin", origin), ("Destination", destination),
                ("Action", action), (&added, Some("of AWS".to_owned())),
            ] {
                set(&mut event, field, value.map(Value::from));
            }
            let notice = read_notice(&event);
            prop_assert_eq!(&notice.action.group, &group);
            prop_assert_eq!(notice.time, time);
            let notice = Message::Terminating(notice);
            prop_assert_eq!(&read_message(&message_text(&event)).unwrap(), &notice);
            prop_assert_eq!(&read_message(&Value::Object(event).to_string()).unwrap(), &notice);
        }
    }
}
