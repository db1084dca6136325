//! SNS topics: the calls that publish to one.

use super::history::Occurrence;
use super::outbox::Emitted;
use super::sns::{Origin, PublishedMessage, SnsMessage};
use super::{ApiError, World};

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
