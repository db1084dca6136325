//! SNS.

use super::CallError;
use crate::cluster::Cluster;

/// The message attribute (Number) that counts the deliveries of one drain: 2 on the first
/// republish.
pub const ATTEMPT_ATTRIBUTE: &str = "fleetkeeper.attempt";

/// The message attribute (String, `true`) of a message to which other instances' drains may have
/// been delegated.
pub const COORDINATES_ATTRIBUTE: &str = "fleetkeeper.coordinates";

/// The message attribute (String) with the cluster, its name or ARN, in which the message's
/// instance was seen.
pub const SEEN_IN_ATTRIBUTE: &str = "fleetkeeper.seen-in";

/// The knowledge that goes to the next invocation with a republished message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAttributes {
    /// See [`ATTEMPT_ATTRIBUTE`]. It is 1 for a message that was not republished.
    pub attempt: u32,
    /// See [`COORDINATES_ATTRIBUTE`].
    pub coordinates: bool,
    /// See [`SEEN_IN_ATTRIBUTE`].
    pub seen_in: Option<Cluster>,
}

impl Default for MessageAttributes {
    fn default() -> Self {
        Self { attempt: 1, coordinates: false, seen_in: None }
    }
}

impl MessageAttributes {
    /// Each attribute that is set, with its data type and its value.
    #[must_use]
    pub fn set(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut set = vec![(ATTEMPT_ATTRIBUTE, "Number", self.attempt.to_string())];
        if self.coordinates {
            set.push((COORDINATES_ATTRIBUTE, "String", true.to_string()));
        }
        set.extend(
            self.seen_in.iter().map(|cluster| (SEEN_IN_ATTRIBUTE, "String", cluster.reference().to_owned())),
        );
        set
    }
}

/// The SNS topic that lifecycle messages come through.
pub trait NotificationTopic {
    /// `Publish`.
    async fn publish(
        &self,
        topic_arn: &str,
        message: &str,
        attributes: &MessageAttributes,
    ) -> Result<(), CallError>;
}
