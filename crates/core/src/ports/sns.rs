//! SNS.

use super::CallError;

/// The message attribute (Number) that counts the deliveries of one drain: 2 on the first republish.
pub const ATTEMPT_ATTRIBUTE: &str = "fleetkeeper.attempt";

/// The SNS topic that lifecycle messages come through.
pub trait NotificationTopic {
    /// `Publish`, with message attribute [`ATTEMPT_ATTRIBUTE`].
    async fn publish(&self, topic_arn: &str, message: &str, attempt: u32) -> Result<(), CallError>;
}
