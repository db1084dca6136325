//! SNS messages, on their way to a topic's subscribers.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::MessageAttributes;
use serde_json::{Value, json};

use super::REGION;
use super::ecs::event::iso;

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

impl SnsMessage {
    /// An SNS event as a function gets it: one record (developer guide, "Invoking Lambda functions
    /// with Amazon SNS").
    #[must_use]
    pub fn event(&self, message_id: &str, at: DateTime<Utc>) -> Value {
        json!({"Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": format!("{}:00000000-0000-4000-8000-000000000000", self.topic_arn),
            "Sns": {
                "Type": "Notification",
                "MessageId": message_id,
                "TopicArn": self.topic_arn,
                "Subject": self.subject,
                "Message": self.message,
                "Timestamp": iso(at),
                "SignatureVersion": "1",
                "Signature": "c2ltdWxhdGVk",
                "SigningCertUrl": format!("https://sns.{REGION}.amazonaws.com/SimpleNotificationService.pem"),
                "UnsubscribeUrl": format!("https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe"),
                "MessageAttributes": self.attributes_of_event(),
            },
        }]})
    }

    /// The message attributes of such a record.
    #[must_use]
    pub fn attributes_of_event(&self) -> Value {
        let attributes = self.attributes.iter().flat_map(MessageAttributes::set);
        let attributes = attributes
            .map(|(name, data_type, value)| (name.to_owned(), json!({"Type": data_type, "Value": value})));
        Value::Object(attributes.collect())
    }
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
