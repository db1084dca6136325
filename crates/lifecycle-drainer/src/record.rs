//! The records of an event: those of SNS, or the one event that EventBridge sends on its own.

use aws_lambda_events::sns::SnsRecord;
use fleetkeeper_core::drain::{Message, is_event, message_text, read_event, read_message};
use fleetkeeper_core::ports::{
    ATTEMPT_ATTRIBUTE, COORDINATES_ATTRIBUTE, MessageAttributes, SEEN_IN_ATTRIBUTE,
};
use fleetkeeper_core::topic::TopicArn;
use serde_json::Value;

use crate::error::RecordError;

/// A message as it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where the drainer republishes it: the topic that it came through, or that of
    /// `LIFECYCLE_TOPIC_ARN` for a message that came through none.
    pub topic_arn: Option<String>,
    /// The text to republish, which reads as the same message.
    pub text: String,
    /// The message in it.
    pub message: Message,
    /// The knowledge of the invocation that republished it.
    pub attributes: MessageAttributes,
}

/// The records of an event, not read yet, so that an unreadable record does not hold back the
/// others. An EventBridge event is its own only record.
pub fn records(event: Value) -> Result<Vec<Value>, RecordError> {
    match event {
        Value::Object(fields) if is_event(&fields) => Ok(vec![Value::Object(fields)]),
        Value::Object(mut fields) => match fields.remove("Records") {
            // One error for all: a batch of SQS has up to 10,000 records.
            Some(Value::Array(records)) if records.iter().any(is_of_sqs) => Err(RecordError::Sqs),
            Some(Value::Array(records)) => Ok(records),
            _ => Err(RecordError::NotAnAcceptedEvent),
        },
        _ => Err(RecordError::NotAnAcceptedEvent),
    }
}

/// Reads one record. The drainer republishes to `topic` if the record came through none.
pub fn read_record(record: Value, topic: Option<&TopicArn>) -> Result<Delivery, RecordError> {
    let delivery = match record {
        Value::Object(event) if is_event(&event) => {
            let message = read_event(&event).map_err(RecordError::Event)?;
            let topic_arn = topic.map(ToString::to_string);
            Delivery {
                topic_arn,
                text: message_text(&event),
                message,
                attributes: MessageAttributes::default(),
            }
        }
        record => read_sns_record(record, topic)?,
    };
    report_metadata(&delivery.message);
    Ok(delivery)
}

/// SQS names its records' source in another case than SNS (Lambda developer guide, "Using Lambda
/// with Amazon SQS").
fn is_of_sqs(record: &Value) -> bool {
    record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs")
}

fn read_sns_record(mut record: Value, topic: Option<&TopicArn>) -> Result<Delivery, RecordError> {
    // Only people read the attempt. No unreadable attribute, ours or another, may lose a drain.
    let sent = record.get_mut("Sns").and_then(|sns| sns.get_mut("MessageAttributes")).map(Value::take);
    let attribute = |name| sent.as_ref().and_then(|sent| sent.get(name));
    let attributes = MessageAttributes {
        attempt: attempt(attribute(ATTEMPT_ATTRIBUTE)),
        coordinates: attribute(COORDINATES_ATTRIBUTE).is_some(),
        seen_in: attribute(SEEN_IN_ATTRIBUTE).and_then(text).and_then(|cluster| cluster.parse().ok()),
    };
    let SnsRecord { sns, .. } = serde_json::from_value(record).map_err(RecordError::Unreadable)?;
    let message = read_message(&sns.message).map_err(RecordError::Message)?;
    let came_through = Some(sns.topic_arn).filter(|topic| !topic.is_empty());
    let topic_arn = came_through.or_else(|| topic.map(ToString::to_string));
    Ok(Delivery { topic_arn, text: sns.message, message, attributes })
}

fn attempt(attribute: Option<&Value>) -> u32 {
    let Some(attribute) = attribute else { return 1 };
    text(attribute).and_then(|value| value.parse().ok()).unwrap_or_else(|| {
        tracing::warn!(event = "attempt_unreadable", %attribute, "cannot read fleetkeeper.attempt: assuming 2");
        2
    })
}

fn text(attribute: &Value) -> Option<&str> {
    attribute.get("Value").and_then(Value::as_str)
}

/// Logs the metadata of a notice's hook if it is not understood.
fn report_metadata(message: &Message) {
    if let Message::Terminating(notice) = message
        && let Some(problem) = &notice.metadata_not_understood
    {
        tracing::warn!(
            event = "metadata_not_understood",
            ec2InstanceId = notice.ec2_instance_id.as_str(),
            group = notice.action.group,
            hook = notice.action.hook,
            problem,
            "hook metadata not understood"
        );
    }
}

#[cfg(test)]
mod tests {
    use fleetkeeper_core::drain::{Ignored, InterruptionKind, Sweep};
    use fleetkeeper_core::error_chain::ErrorChain;
    use serde_json::json;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

    const TERMINATING: &str = include_str!("../../../infra/events/eventbridge-lifecycle-terminating.json");
    const ROOT_VOLUME: &str =
        include_str!("../../../infra/events/eventbridge-lifecycle-replace-root-volume.json");
    const LAUNCHING: &str = include_str!("../../../infra/events/eventbridge-lifecycle-launching.json");
    const TERMINATED: &str = include_str!("../../../infra/events/eventbridge-terminate-successful.json");
    const SPOT: &str = include_str!("../../../infra/events/eventbridge-spot-interruption.json");
    const REBALANCE: &str = include_str!("../../../infra/events/eventbridge-rebalance-recommendation.json");
    const SWEEP: &str = include_str!("../../../infra/events/eventbridge-sweep.json");
    const SNS: &str = include_str!("../../../infra/events/sns-lifecycle-terminating.json");
    const SPOT_BY_SNS: &str = include_str!("../../../infra/events/sns-eventbridge-spot-interruption.json");
    const SQS: &str = include_str!("../../../infra/events/sqs-lifecycle-terminating.json");

    fn event(sample: &str) -> Value {
        serde_json::from_str(sample).unwrap()
    }

    fn deliver(event: Value, topic: Option<&TopicArn>) -> Result<Delivery, RecordError> {
        let mut records = records(event)?;
        assert_eq!(records.len(), 1);
        read_record(records.remove(0), topic)
    }

    #[test]
    fn a_lifecycle_action_is_republished_to_the_configured_topic_as_the_same_notice() {
        let topic = TOPIC.parse().unwrap();
        for (sample, replacement) in [(TERMINATING, Some(false)), (ROOT_VOLUME, Some(true))] {
            let delivery = deliver(event(sample), Some(&topic)).unwrap();
            assert_eq!(delivery.topic_arn.as_deref(), Some(TOPIC));
            assert_eq!(delivery.attributes, MessageAttributes::default());
            let Message::Terminating(notice) = &delivery.message else { panic!("{:?}", delivery.message) };
            assert_eq!(notice.action.group, "demo-asg");
            assert_eq!(notice.time.to_rfc3339(), "2026-11-02T09:15:27+00:00");
            assert_eq!(notice.root_volume_replacement, replacement);
            assert_eq!(read_message(&delivery.text).unwrap(), delivery.message);
            let text: Value = serde_json::from_str(&delivery.text).unwrap();
            assert_eq!((&text["Time"], &text["detail"]), (&"2026-11-02T09:15:27Z".into(), &Value::Null));
            assert_eq!(text["Action"], event(sample)["detail"]["Action"]);

            assert_eq!(deliver(event(sample), None).unwrap().topic_arn, None);
        }
    }

    #[test]
    fn warnings_of_ec2_are_interruptions() {
        for (sample, kind) in [
            (SPOT, InterruptionKind::SpotInterruption { action: "terminate".to_owned() }),
            (REBALANCE, InterruptionKind::Rebalance),
        ] {
            let delivery = deliver(event(sample), None).unwrap();
            let Message::Interruption(interruption) = &delivery.message else { panic!("{delivery:?}") };
            assert_eq!(interruption.kind, kind);
            assert_eq!(interruption.ec2_instance_id.as_str(), "i-0a1b2c3d4e5f60718");
            assert_eq!(read_message(&delivery.text).unwrap(), delivery.message);
        }
    }

    #[test]
    fn a_rules_constant_input_is_a_sweep() {
        let sweep = Sweep {
            cluster: Some("demo".parse().unwrap()),
            group: "demo-asg".to_owned(),
            hook: "fleetkeeper-TerminatingHook-7D2K4QW9XN3P".to_owned(),
        };
        assert_eq!(deliver(event(SWEEP), None).unwrap().message, Message::Sweep(sweep));
    }

    #[test]
    fn an_event_that_a_rule_sent_to_the_topic_reads_the_same_and_is_republished_there() {
        let delivery = deliver(event(SPOT_BY_SNS), None).unwrap();
        assert_eq!(delivery.message, deliver(event(SPOT), None).unwrap().message);
        let sns = &event(SPOT_BY_SNS)["Records"][0]["Sns"];
        assert_eq!(Some(delivery.text.as_str()), sns["Message"].as_str());
        assert_eq!(delivery.topic_arn.as_deref(), sns["TopicArn"].as_str());
    }

    #[test]
    fn other_events_of_auto_scaling_are_ignored() {
        for (sample, detail_type) in [
            (LAUNCHING, "EC2 Instance-launch Lifecycle Action"),
            (TERMINATED, "EC2 Instance Terminate Successful"),
        ] {
            let ignored = Message::Ignored(Ignored::OtherEvent(detail_type.to_owned()));
            assert_eq!(deliver(event(sample), None).unwrap().message, ignored);
        }
    }

    #[test]
    fn each_form_of_an_sns_record_is_read() {
        let read = deliver(event(SNS), None).unwrap();
        for (member, renamed) in [
            ("SigningCertUrl", Some("SigningCertURL")),
            ("UnsubscribeUrl", Some("UnsubscribeURL")),
            ("Subject", None),
            ("MessageAttributes", None),
        ] {
            let mut event = event(SNS);
            let sns = event["Records"][0]["Sns"].as_object_mut().unwrap();
            let value = sns.remove(member).unwrap();
            if let Some(renamed) = renamed {
                sns.insert(renamed.to_owned(), value);
            }
            assert_eq!(deliver(event, None).unwrap(), read, "{member}");
        }
        let mut event = event(SNS);
        event["Records"][0]["EventSource"] = json!("");
        assert_eq!(deliver(event, None).unwrap(), read);
    }

    #[test]
    fn a_record_without_a_topic_is_republished_to_the_configured_one() {
        let topic = TOPIC.parse().unwrap();
        let mut event = event(SNS);
        event["Records"][0]["Sns"]["TopicArn"] = json!("");
        assert_eq!(deliver(event.clone(), None).unwrap().topic_arn, None);
        assert_eq!(deliver(event, Some(&topic)).unwrap().topic_arn.as_deref(), Some(TOPIC));
    }

    #[test]
    fn sqs_is_refused_in_one_line_whatever_the_body_holds() {
        let envelope = event(SNS)["Records"][0]["Sns"].clone();
        let message = envelope["Message"].clone();
        for body in [event(SQS)["Records"][0]["body"].clone(), envelope.to_string().into(), message] {
            let mut event = event(SQS);
            event["Records"][0]["body"] = body;
            let second = event["Records"][0].clone();
            event["Records"].as_array_mut().unwrap().push(second);
            let error = records(event).unwrap_err();
            let text = ErrorChain(&error).to_string();
            assert!(text.starts_with("SQS is not accepted"), "{text}");
            assert!(text.contains("the drainer accepts an SNS event"), "{text}");
            assert_eq!((error.kind(), text.lines().count()), ("UnreadableEvent", 1));
        }
    }

    #[test]
    fn an_error_about_any_other_event_names_what_is_accepted() {
        for other in [
            json!(null),
            json!([]),
            json!({}),
            json!({"Records": 5}),
            json!({"AutoScalingGroupName": "demo-asg", "CapacityToTerminate": [], "Instances": []}),
            json!({"source": "aws.ecs", "detail-type": "Other"}),
        ] {
            let error = deliver(other, None).unwrap_err();
            let text = ErrorChain(&error).to_string();
            assert!(text.contains("the drainer accepts an SNS event") && text.contains("sweep"), "{text}");
            assert_eq!((error.kind(), text.lines().count()), ("UnreadableEvent", 1));
        }
    }
}
