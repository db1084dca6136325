//! EC2's warnings about Spot Instances.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::member::{detail, ec2_instance_id, text_of, time};
use super::unreadable::UnreadableMessage;
use crate::container_instance::Ec2InstanceId;

const ID: &str = "instance-id";
const ACTION: &str = "instance-action";
const TIME: &str = "time";

/// EC2 reclaims a Spot Instance, or may soon. No hook waits for the drain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The instance.
    pub ec2_instance_id: Ec2InstanceId,
    /// The kind of announcement.
    pub kind: InterruptionKind,
    /// When EC2 announced it.
    pub time: DateTime<Utc>,
}

/// EC2's announcements for a Spot Instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterruptionKind {
    /// `EC2 Spot Instance Interruption Warning`: EC2 reclaims the instance in two minutes.
    SpotInterruption {
        /// The `instance-action` as EC2 wrote it: `terminate`, `stop` or `hibernate`. Hibernation
        /// begins at once.
        action: String,
    },
    /// `EC2 Instance Rebalance Recommendation`: EC2 may reclaim the instance soon.
    Rebalance,
}

impl fmt::Display for InterruptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpotInterruption { action } => write!(f, "a Spot interruption ({action})"),
            Self::Rebalance => f.write_str("a rebalance recommendation"),
        }
    }
}

pub(super) fn spot_interruption(event: &Map<String, Value>) -> Result<Interruption, UnreadableMessage> {
    let action = text_of(detail(event)?, ACTION).map(str::to_owned);
    let kind = action.map(|action| InterruptionKind::SpotInterruption { action });
    interruption(event, kind, &[ID, ACTION])
}

pub(super) fn rebalance(event: &Map<String, Value>) -> Result<Interruption, UnreadableMessage> {
    interruption(event, Some(InterruptionKind::Rebalance), &[ID])
}

fn interruption(
    event: &Map<String, Value>,
    kind: Option<InterruptionKind>,
    required: &[&str],
) -> Result<Interruption, UnreadableMessage> {
    let detail = detail(event)?;
    let (Some(id), Some(kind), Some(at)) = (text_of(detail, ID), kind, text_of(event, TIME)) else {
        let of_detail = required.iter().filter(|field| text_of(detail, field).is_none());
        let of_event = text_of(event, TIME).is_none().then(|| TIME.to_owned());
        let absent = of_detail.map(|field| format!("detail.{field}")).chain(of_event);
        return Err(UnreadableMessage::Missing(absent.collect()));
    };
    Ok(Interruption {
        ec2_instance_id: ec2_instance_id(format_args!("detail.{ID}"), id)?,
        kind,
        time: time(TIME, at)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::drain::message::{Message, read_message};

    fn read(detail_type: &str, detail: &Value) -> Result<Interruption, UnreadableMessage> {
        let event = json!({
            "version": "0", "id": "1e5527d7-bb36-4607-3370-4164db56a40e", "detail-type": detail_type,
            "source": "aws.ec2", "account": "111122223333", "time": "2026-11-02T09:15:27Z", "region": "us-east-1",
            "resources": ["arn:aws:ec2:us-east-1b:instance/i-0b662ef9931388ba0"], "detail": detail,
        });
        match read_message(&event.to_string())? {
            Message::Interruption(interruption) => Ok(interruption),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_warning_and_a_recommendation_are_interruptions_of_two_kinds() {
        let warned = read(
            "EC2 Spot Instance Interruption Warning",
            &json!({"instance-id": "i-0b662ef9931388ba0", "instance-action": "hibernate"}),
        )
        .unwrap();
        assert_eq!(warned.ec2_instance_id.as_str(), "i-0b662ef9931388ba0");
        assert_eq!(warned.kind, InterruptionKind::SpotInterruption { action: "hibernate".to_owned() });
        assert_eq!(warned.kind.to_string(), "a Spot interruption (hibernate)");
        assert_eq!(warned.time.to_rfc3339(), "2026-11-02T09:15:27+00:00");

        let recommended =
            read("EC2 Instance Rebalance Recommendation", &json!({"instance-id": "i-0b662ef9931388ba0"}))
                .unwrap();
        assert_eq!(recommended.kind, InterruptionKind::Rebalance);
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let warning = "EC2 Spot Instance Interruption Warning";
        for (detail, part) in [
            (json!(null), "invalid detail: missing"),
            (json!({"instance-action": "stop"}), "missing detail.instance-id: required"),
            (json!({"instance-id": "i-0b662ef9931388ba0"}), "missing detail.instance-action: required"),
            (json!({"instance-id": 5}), "missing detail.instance-id, detail.instance-action: required"),
            (
                json!({"instance-id": "i-1", "instance-action": "stop"}),
                "invalid detail.instance-id: \"i-1\" is not accepted",
            ),
        ] {
            let error = read(warning, &detail).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
