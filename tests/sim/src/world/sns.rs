//! SNS messages, on their way to a topic's subscribers.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::MessageAttributes;

/// A message on its way to a topic's subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsMessage {
    /// The topic.
    pub topic_arn: String,
    /// The subject, where there is one.
    pub subject: Option<String>,
    /// The text.
    pub message: String,
    /// Its message attributes, where it was republished.
    pub attributes: Option<MessageAttributes>,
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
    /// Its message attributes.
    pub attributes: MessageAttributes,
}
