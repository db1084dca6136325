//! A record of an SNS event.

use aws_lambda_events::sns::SnsRecord;
use fleetkeeper_core::drain::{Message, read_message};
use fleetkeeper_core::ports::ATTEMPT_ATTRIBUTE;
use serde_json::Value;

use crate::error::RecordError;

/// A message as SNS delivered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The topic it came through, where it goes again if the drain outlasts the invocation.
    pub topic_arn: String,
    /// Its text, which goes there unchanged.
    pub text: String,
    /// What it asks for.
    pub message: Message,
    /// 1 for Auto Scaling's own message, 2 for the first republish.
    pub attempt: u32,
}

/// The records of an event, each still unread: a bad one does not hold back the others.
pub fn records(event: Value) -> Result<Vec<Value>, RecordError> {
    match event {
        Value::Object(mut fields) => match fields.remove("Records") {
            Some(Value::Array(records)) => Ok(records),
            _ => Err(RecordError::NotAnSnsEvent),
        },
        _ => Err(RecordError::NotAnSnsEvent),
    }
}

/// Reads one record.
pub fn read_record(mut record: Value) -> Result<Delivery, RecordError> {
    // The attempt is for people: an attribute that can't be read, ours or another, is not worth losing a drain over.
    let attributes = record.get_mut("Sns").and_then(|sns| sns.get_mut("MessageAttributes")).map(Value::take);
    let attempt = attempt(attributes.as_ref().and_then(|attributes| attributes.get(ATTEMPT_ATTRIBUTE)));
    let record: SnsRecord = serde_json::from_value(record).map_err(RecordError::Unreadable)?;
    let message = read_message(&record.sns.message).map_err(RecordError::Message)?;
    Ok(Delivery { topic_arn: record.sns.topic_arn, text: record.sns.message, message, attempt })
}

fn attempt(attribute: Option<&Value>) -> u32 {
    let Some(attribute) = attribute else { return 1 };
    let number = attribute.get("Value").and_then(Value::as_str).and_then(|value| value.parse().ok());
    number.unwrap_or_else(|| {
        tracing::warn!(%attribute, "{ATTEMPT_ATTRIBUTE} is no number: taken for 2");
        2
    })
}
