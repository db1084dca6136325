//! SNS.

use super::CallError;

/// The message attribute (Number) that counts the deliveries of one drain: 2 on the first
/// republish.
pub const ATTEMPT_ATTRIBUTE: &str = "fleetkeeper.attempt";

/// The message attribute (String, `true`) of a message to which other instances' drains may have
/// been delegated.
pub const COORDINATES_ATTRIBUTE: &str = "fleetkeeper.coordinates";

/// The SNS topic that lifecycle messages come through.
pub trait NotificationTopic {
    /// `Publish`, with message attributes [`ATTEMPT_ATTRIBUTE`] and, where it coordinates,
    /// [`COORDINATES_ATTRIBUTE`].
    async fn publish(
        &self,
        topic_arn: &str,
        message: &str,
        attempt: u32,
        coordinates: bool,
    ) -> Result<(), CallError>;
}
