//! What an event brings: the records of SNS, or an event of EventBridge by itself.

use aws_lambda_events::sns::SnsRecord;
use fleetkeeper_core::drain::{Message, is_event, message_text, read_event, read_message};
use fleetkeeper_core::ports::ATTEMPT_ATTRIBUTE;
use fleetkeeper_core::topic::TopicArn;
use serde_json::Value;

use crate::error::RecordError;

/// A message as it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it goes again if the drain outlasts the invocation: the topic that it came through, or that of
    /// `LIFECYCLE_TOPIC_ARN` where it came through none.
    pub topic_arn: Option<String>,
    /// The text that goes there: its own, or that of a message that says the same.
    pub text: String,
    /// What it asks for.
    pub message: Message,
    /// 1 for AWS's own message, 2 for the first republish.
    pub attempt: u32,
}

/// The records of an event, each still unread: a bad one does not hold back the others. An event of EventBridge is its
/// own only record.
pub fn records(event: Value) -> Result<Vec<Value>, RecordError> {
    match event {
        Value::Object(fields) if is_event(&fields) => Ok(vec![Value::Object(fields)]),
        Value::Object(mut fields) => match fields.remove("Records") {
            Some(Value::Array(records)) => Ok(records),
            _ => Err(RecordError::NotAnAcceptedEvent),
        },
        _ => Err(RecordError::NotAnAcceptedEvent),
    }
}

/// Reads one record. What came through no topic goes on through `topic`.
pub fn read_record(record: Value, topic: Option<&TopicArn>) -> Result<Delivery, RecordError> {
    match record {
        Value::Object(event) if is_event(&event) => {
            let message = read_event(&event).map_err(RecordError::Event)?;
            let topic_arn = topic.map(ToString::to_string);
            Ok(Delivery { topic_arn, text: message_text(&event), message, attempt: 1 })
        }
        record => read_sns_record(record),
    }
}

fn read_sns_record(mut record: Value) -> Result<Delivery, RecordError> {
    // The attempt is for people: an attribute that can't be read, ours or another, is not worth losing a drain over.
    let attributes = record.get_mut("Sns").and_then(|sns| sns.get_mut("MessageAttributes")).map(Value::take);
    let attempt = attempt(attributes.as_ref().and_then(|attributes| attributes.get(ATTEMPT_ATTRIBUTE)));
    let record: SnsRecord = serde_json::from_value(record).map_err(RecordError::Unreadable)?;
    let message = read_message(&record.sns.message).map_err(RecordError::Message)?;
    Ok(Delivery { topic_arn: Some(record.sns.topic_arn), text: record.sns.message, message, attempt })
}

fn attempt(attribute: Option<&Value>) -> u32 {
    let Some(attribute) = attribute else { return 1 };
    let number = attribute.get("Value").and_then(Value::as_str).and_then(|value| value.parse().ok());
    number.unwrap_or_else(|| {
        tracing::warn!(%attribute, "{ATTEMPT_ATTRIBUTE} is no number: taken for 2");
        2
    })
}

#[cfg(test)]
mod tests {
    use fleetkeeper_core::drain::{Ignored, InterruptionKind, Sweep};
    use fleetkeeper_core::error_chain::ErrorChain;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

    const TERMINATING: &str = include_str!("../../../infra/events/eventbridge-lifecycle-terminating.json");
    const LAUNCHING: &str = include_str!("../../../infra/events/eventbridge-lifecycle-launching.json");
    const TERMINATED: &str = include_str!("../../../infra/events/eventbridge-terminate-successful.json");
    const SPOT: &str = include_str!("../../../infra/events/eventbridge-spot-interruption.json");
    const REBALANCE: &str = include_str!("../../../infra/events/eventbridge-rebalance-recommendation.json");
    const SWEEP: &str = include_str!("../../../infra/events/eventbridge-sweep.json");
    const BY_SNS: &str = include_str!("../../../infra/events/sns-eventbridge-spot-interruption.json");

    fn deliver(sample: &str, topic: Option<&TopicArn>) -> Result<Delivery, RecordError> {
        let mut records = records(serde_json::from_str(sample).unwrap())?;
        assert_eq!(records.len(), 1);
        read_record(records.remove(0), topic)
    }

    #[test]
    fn a_lifecycle_action_goes_on_through_the_configured_topic_as_the_same_notice() {
        let topic = TOPIC.parse().unwrap();
        let delivery = deliver(TERMINATING, Some(&topic)).unwrap();
        assert_eq!(delivery.topic_arn.as_deref(), Some(TOPIC));
        assert_eq!(delivery.attempt, 1);
        let Message::Terminating(notice) = &delivery.message else { panic!("{:?}", delivery.message) };
        assert_eq!(notice.action.group, "demo-asg");
        assert_eq!(notice.time.to_rfc3339(), "2026-11-02T09:15:27+00:00");
        assert_eq!(read_message(&delivery.text).unwrap(), delivery.message);
        let text: Value = serde_json::from_str(&delivery.text).unwrap();
        assert_eq!((&text["Time"], &text["detail"]), (&"2026-11-02T09:15:27Z".into(), &Value::Null));

        assert_eq!(deliver(TERMINATING, None).unwrap().topic_arn, None);
    }

    #[test]
    fn what_ec2_says_of_spot_instances_is_an_interruption() {
        for (sample, kind) in [
            (SPOT, InterruptionKind::SpotInterruption { action: "terminate".to_owned() }),
            (REBALANCE, InterruptionKind::Rebalance),
        ] {
            let delivery = deliver(sample, None).unwrap();
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
        assert_eq!(deliver(SWEEP, None).unwrap().message, Message::Sweep(sweep));
    }

    #[test]
    fn an_event_that_a_rule_sent_to_the_topic_is_read_the_same_and_goes_on_there() {
        let delivery = deliver(BY_SNS, None).unwrap();
        assert_eq!(delivery.message, deliver(SPOT, None).unwrap().message);
        let of_record: Value = serde_json::from_str(BY_SNS).unwrap();
        let sns = &of_record["Records"][0]["Sns"];
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
            assert_eq!(deliver(sample, None).unwrap().message, ignored);
        }
    }

    #[test]
    fn what_is_not_accepted_is_told_what_is() {
        for event in
            ["null", "[]", "{}", r#"{"Records": 5}"#, r#"{"source": "aws.ecs", "detail-type": "Other"}"#]
        {
            let error = deliver(event, None).unwrap_err();
            let said = ErrorChain(&error).to_string();
            assert!(said.contains("accepted are an SNS event") && said.contains("sweep"), "{said}");
            assert_eq!((error.kind(), said.lines().count()), ("UnreadableEvent", 1));
        }
    }
}
