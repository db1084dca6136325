//! A message that can't be read.

use std::fmt;

/// The events that are accepted, for whoever sent another one.
pub const ACCEPTED_EVENTS: &str = "accepted are an SNS event whose Message is a lifecycle message of Auto Scaling, \
     EventBridge's \"EC2 Instance-terminate Lifecycle Action\", \"EC2 Spot Instance Interruption Warning\" and \"EC2 \
     Instance Rebalance Recommendation\", and any event with {\"sweep\": {\"group\": \"GROUP\", \"hook\": \"HOOK\"}}";

/// A message that can't be read, with what was missing or malformed.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// Auto Scaling sends SNS a JSON object (its key-value rendering is for e-mail only).
    #[error("the message is not a JSON object, as Auto Scaling sends one")]
    NotAnObject(#[source] Option<serde_json::Error>),
    /// Members that every such message has.
    #[error("the message lacks {}", .0.join(", "))]
    Missing(Vec<String>),
    /// A member that holds something else than is accepted.
    #[error("the message's {field} can't be read: {problem}")]
    Malformed {
        /// The member, by its path.
        field: String,
        /// What it holds and what is accepted.
        problem: String,
    },
    /// An event of EventBridge that is none of those read here.
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
