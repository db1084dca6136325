//! SNS: what is published to a topic.

use fleetkeeper_core::container_instance::Ec2InstanceId;
pub(crate) use fleetkeeper_core::ports::{ATTEMPT_ATTRIBUTE, COORDINATES_ATTRIBUTE};

use super::history::Occurrence;
use super::outbox::Emitted;
use super::{ApiError, World};

/// A message on its way to a topic's subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsMessage {
    /// The topic.
    pub topic_arn: String,
    /// The subject, where there is one.
    pub subject: Option<String>,
    /// The text.
    pub message: String,
    /// The message attribute `fleetkeeper.attempt`, where it is set.
    pub attempt: Option<u32>,
    /// True if the message attribute `fleetkeeper.coordinates` is set.
    pub coordinates: bool,
    /// Its sender.
    pub origin: Origin,
}

/// The sender of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A lifecycle hook: an instance waits.
    LifecycleHook {
        /// The group's name.
        group: String,
        /// The hook's name.
        hook: String,
        /// The instance that waits.
        instance: Ec2InstanceId,
        /// The action's token.
        token: String,
    },
    /// A hook that was put.
    TestNotification {
        /// The group's name.
        group: String,
    },
    /// A group that launched or terminated an instance.
    GroupNotification {
        /// The group's name.
        group: String,
    },
    /// A call of `Publish`.
    Publish,
    /// Something that is none of this world's.
    Elsewhere,
}

/// A message that a call of `Publish` sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedMessage {
    /// The topic.
    pub topic_arn: String,
    /// The text.
    pub message: String,
    /// The message attribute `fleetkeeper.attempt`.
    pub attempt: u32,
    /// True if the message attribute `fleetkeeper.coordinates` is set.
    pub coordinates: bool,
}

/// The largest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 262_144;

impl World {
    /// `Publish`, with message attributes `fleetkeeper.attempt` and, where it coordinates,
    /// `fleetkeeper.coordinates`.
    pub fn publish(
        &mut self,
        topic_arn: &str,
        message: &str,
        attempt: u32,
        coordinates: bool,
    ) -> Result<(), ApiError> {
        if message.is_empty() || message.len() > MESSAGE_BYTES_MAX {
            return Err(ApiError::client("InvalidParameter", "Invalid parameter: Message"));
        }
        self.published.push(PublishedMessage {
            topic_arn: topic_arn.to_owned(),
            message: message.to_owned(),
            attempt,
            coordinates,
        });
        let (topic, text) = (topic_arn.into(), message.into());
        self.record(Occurrence::MessagePublished { topic_arn: topic, message: text, attempt });
        self.emit(Emitted::SnsMessage(SnsMessage {
            topic_arn: topic_arn.to_owned(),
            subject: None,
            message: message.to_owned(),
            attempt: Some(attempt),
            coordinates,
            origin: Origin::Publish,
        }));
        Ok(())
    }

    /// A message to a topic from elsewhere: by hand, or by another service.
    pub fn send_to_topic(&mut self, topic_arn: &str, message: &str) {
        self.emit(Emitted::SnsMessage(SnsMessage {
            topic_arn: topic_arn.to_owned(),
            subject: None,
            message: message.to_owned(),
            attempt: None,
            coordinates: false,
            origin: Origin::Elsewhere,
        }));
    }

    /// The messages that calls of `Publish` sent so far.
    #[must_use]
    pub fn published(&self) -> &[PublishedMessage] {
        &self.published
    }
}
