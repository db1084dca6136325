//! Messages: through SNS, or as events straight from EventBridge.

mod destination;
mod event;
mod ignored;
mod interruption;
mod member;
mod metadata;
mod notice;
#[cfg(test)]
mod shapes;
mod sweep;
mod unreadable;

use serde_json::Value;

pub use destination::Destination;
pub use event::{is_event, message_text, read_event};
pub use ignored::Ignored;
pub use interruption::{Interruption, InterruptionKind};
pub use metadata::drain_timeout_of;
pub use notice::Notice;
pub use sweep::Sweep;
pub use unreadable::{ACCEPTED_EVENTS, UnreadableMessage};

/// A message, by its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// To drain an instance and complete its hook.
    Terminating(Notice),
    /// To drain an instance that EC2 reclaims or may reclaim.
    Interruption(Interruption),
    /// To resume lost drains.
    Sweep(Sweep),
    /// Nothing for Fleetkeeper to do.
    Ignored(Ignored),
}

/// Reads the text of an SNS message on the lifecycle topic: Auto Scaling's own, or an event that an
/// EventBridge rule sent there.
pub fn read_message(text: &str) -> Result<Message, UnreadableMessage> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| UnreadableMessage::NotAnObject(Some(error)))?;
    let Value::Object(fields) = value else { return Err(UnreadableMessage::NotAnObject(None)) };
    if is_event(&fields) { read_event(&fields) } else { notice::read_lifecycle_message(&fields) }
}
