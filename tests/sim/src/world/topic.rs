//! SNS topics: the calls that publish to one.

use fleetkeeper_core::ports::MessageAttributes;

use super::history::Occurrence;
use super::outbox::Emitted;
use super::sns::{Origin, PublishedMessage, SnsMessage};
use super::{ApiError, World};

/// The largest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 262_144;

impl World {
    /// `Publish`.
    pub fn publish(
        &mut self,
        topic_arn: &str,
        message: &str,
        attributes: &MessageAttributes,
    ) -> Result<(), ApiError> {
        if message.is_empty() || message.len() > MESSAGE_BYTES_MAX {
            return Err(ApiError::client("InvalidParameter", "Invalid parameter: Message"));
        }
        self.published.push(PublishedMessage {
            topic_arn: topic_arn.to_owned(),
            message: message.to_owned(),
            attributes: attributes.clone(),
        });
        let (topic, text) = (topic_arn.into(), message.into());
        self.record(Occurrence::MessagePublished {
            topic_arn: topic,
            message: text,
            attempt: attributes.attempt,
        });
        self.emit(Emitted::SnsMessage(SnsMessage {
            topic_arn: topic_arn.to_owned(),
            subject: None,
            message: message.to_owned(),
            attributes: Some(attributes.clone()),
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
            attributes: None,
            origin: Origin::Elsewhere,
        }));
    }

    /// The messages that calls of `Publish` sent so far.
    #[must_use]
    pub fn published(&self) -> &[PublishedMessage] {
        &self.published
    }
}
