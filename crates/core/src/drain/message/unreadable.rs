//! A message that cannot be read.

use std::fmt;

/// The events that the drainer accepts, for errors about any other.
pub const ACCEPTED_EVENTS: &str = "the drainer accepts an SNS event whose Message is a lifecycle message of \
     Auto Scaling, EventBridge's \"EC2 Instance-terminate Lifecycle Action\", \
     \"EC2 Spot Instance Interruption Warning\" and \"EC2 Instance Rebalance Recommendation\", \
     and any event with {\"sweep\": {\"group\": \"GROUP\", \"hook\": \"HOOK\"}}";

/// A message that cannot be read, with what is missing or malformed.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// Auto Scaling sends SNS a JSON object. Its key-value form goes to e-mail subscribers only.
    #[error("the message is not a JSON object; {ACCEPTED_EVENTS}")]
    NotAnObject(#[source] Option<serde_json::Error>),
    /// No member says what the message is.
    #[error("missing LifecycleTransition; {ACCEPTED_EVENTS}")]
    Unknown,
    /// Required members are absent, empty or not texts.
    #[error("missing {}: required, as a text that is not empty", .0.join(", "))]
    Missing(Vec<String>),
    /// A member has a value that is not accepted.
    #[error("invalid {field}: {problem}")]
    Malformed {
        /// The member's path.
        field: String,
        /// Its value and what is accepted.
        problem: String,
    },
    /// An EventBridge event of a type that the drainer does not read.
    #[error("an event {detail_type:?} of {of:?} is not accepted; {ACCEPTED_EVENTS}")]
    UnknownEvent {
        /// Its `source`.
        of: String,
        /// Its `detail-type`.
        detail_type: String,
    },
}

pub(super) fn malformed(field: impl fmt::Display, problem: impl fmt::Display) -> UnreadableMessage {
    UnreadableMessage::Malformed { field: field.to_string(), problem: problem.to_string() }
}
