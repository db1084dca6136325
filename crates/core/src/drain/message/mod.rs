//! What a message asks for: one that came through SNS, or an event that EventBridge handed over itself.

mod destination;
mod event;
mod ignored;
mod interruption;
mod member;
mod metadata;
mod notice;
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

use member::{missing, text_of};

/// The transition that is drained for.
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// What EC2 Auto Scaling sends once to every new hook target. It has none of a lifecycle message's other fields.
const TEST_NOTIFICATION: &str = "autoscaling:TEST_NOTIFICATION";

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// To drain an instance whose group waits for it.
    Terminating(Notice),
    /// To drain an instance that EC2 takes back, or may.
    Interruption(Interruption),
    /// To look for instances whose drains were lost.
    Sweep(Sweep),
    /// Nothing that is for Fleetkeeper.
    Ignored(Ignored),
}

/// Reads the text of an SNS message that came to the lifecycle topic: Auto Scaling's own, or an event that an
/// EventBridge rule sent there.
pub fn read_message(text: &str) -> Result<Message, UnreadableMessage> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| UnreadableMessage::NotAnObject(Some(error)))?;
    let Value::Object(fields) = value else { return Err(UnreadableMessage::NotAnObject(None)) };
    if is_event(&fields) {
        return read_event(&fields);
    }

    let event = text_of(&fields, "Event");
    match text_of(&fields, "LifecycleTransition") {
        // Where the string of a test notification stands has varied.
        Some(TEST_NOTIFICATION) => Ok(Message::Ignored(Ignored::TestNotification)),
        Some(_) => notice::read_lifecycle_action(&fields),
        None => match event {
            Some(TEST_NOTIFICATION) => Ok(Message::Ignored(Ignored::TestNotification)),
            Some(event) if event.starts_with("autoscaling:") => {
                Ok(Message::Ignored(Ignored::OrdinaryNotification(event.to_owned())))
            }
            _ => Err(missing(&fields, &["LifecycleTransition"])),
        },
    }
}
