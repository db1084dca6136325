//! What EC2 tells of a Spot Instance.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::event::detail;
use super::member::{ec2_instance_id, missing, text_of, time};
use super::unreadable::UnreadableMessage;
use crate::container_instance::Ec2InstanceId;

/// EC2 takes a Spot Instance back, or may soon. No hook waits for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The instance.
    pub ec2_instance_id: Ec2InstanceId,
    /// What is to come.
    pub kind: InterruptionKind,
    /// When EC2 said so.
    pub time: DateTime<Utc>,
}

/// What is to come for a Spot Instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterruptionKind {
    /// EC2 takes it in two minutes: `EC2 Spot Instance Interruption Warning`.
    SpotInterruption {
        /// The `instance-action`, as EC2 wrote it: `terminate`, `stop` or `hibernate`. Hibernation begins at once.
        action: String,
    },
    /// It is more likely than others to be taken: `EC2 Instance Rebalance Recommendation`. It may stay for long.
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
    let action = text_of(detail(event)?, "instance-action")
        .ok_or_else(|| UnreadableMessage::Missing(vec!["detail.instance-action".to_owned()]))?;
    interruption(event, InterruptionKind::SpotInterruption { action: action.to_owned() })
}

pub(super) fn rebalance(event: &Map<String, Value>) -> Result<Interruption, UnreadableMessage> {
    interruption(event, InterruptionKind::Rebalance)
}

fn interruption(
    event: &Map<String, Value>,
    kind: InterruptionKind,
) -> Result<Interruption, UnreadableMessage> {
    let Some(id) = text_of(detail(event)?, "instance-id") else {
        return Err(UnreadableMessage::Missing(vec!["detail.instance-id".to_owned()]));
    };
    let said = text_of(event, "time").ok_or_else(|| missing(event, &["time"]))?;
    Ok(Interruption {
        ec2_instance_id: ec2_instance_id("detail.instance-id", id)?,
        kind,
        time: time("time", said)?,
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
    fn a_warning_and_a_recommendation_tell_apart_what_is_to_come() {
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
            (json!(null), "lacks detail"),
            (json!({"instance-action": "stop"}), "lacks detail.instance-id"),
            (json!({"instance-id": "i-0b662ef9931388ba0"}), "lacks detail.instance-action"),
            (
                json!({"instance-id": "i-1", "instance-action": "stop"}),
                "detail.instance-id can't be read: \"i-1\" is not accepted",
            ),
        ] {
            let said = read(warning, &detail).unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
