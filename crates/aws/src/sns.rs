//! The notification topic's port over SNS.

use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::types::MessageAttributeValue;
use fleetkeeper_core::ports::{CallError, CallErrorKind, MessageAttributes, NotificationTopic};

use crate::call_error::call_error;

/// SNS.
#[derive(Debug, Clone)]
pub struct Sns {
    client: Client,
}

impl Sns {
    /// SNS by the SDK's configuration, without the SDK's retries.
    ///
    /// SNS may have accepted a message although its answer was an error or was lost. The SDK would
    /// publish such a message again, and each copy starts another invocation. So the drainer
    /// decides about every retry.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        let config = Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config) }
    }
}

impl NotificationTopic for Sns {
    /// No subject: one that is copied from a message can be longer than `Publish` takes.
    async fn publish(
        &self,
        topic_arn: &str,
        message: &str,
        attributes: &MessageAttributes,
    ) -> Result<(), CallError> {
        const OPERATION: &str = "sns:Publish";
        let mut call = self.client.publish().topic_arn(topic_arn).message(message);
        for (name, data_type, value) in attributes.set() {
            let built = MessageAttributeValue::builder().data_type(data_type).string_value(value).build();
            let attribute = built.map_err(|error| CallError {
                operation: OPERATION,
                resource: topic_arn.to_owned(),
                kind: CallErrorKind::Refused,
                source: Some(Box::new(error)),
            })?;
            call = call.message_attributes(name, attribute);
        }
        call.send().await.map_err(|error| call_error(OPERATION, topic_arn, error))?;
        Ok(())
    }
}
