//! SNS.

use super::CallError;

/// The message attribute (Number) that counts the deliveries of one drain: 2 on the first republish.
pub const ATTEMPT_ATTRIBUTE: &str = "fleetkeeper.attempt";

/// The message attribute (String) that says since when instances of the group wait.
pub const WAITING_ATTRIBUTE: &str = "fleetkeeper.waiting";

/// The SNS topic that lifecycle messages come through.
pub trait NotificationTopic {
    /// `Publish`, with message attributes [`ATTEMPT_ATTRIBUTE`] and, unless it is empty, [`WAITING_ATTRIBUTE`].
    async fn publish(
        &self,
        topic_arn: &str,
        message: &str,
        attempt: u32,
        waiting: &str,
    ) -> Result<(), CallError>;
}
