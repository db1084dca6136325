//! An SNS topic as users name it.

use std::fmt;
use std::str::FromStr;

/// The ARN of a standard SNS topic: FIFO topics don't trigger functions (Lambda guide, Amazon SNS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn(String);

/// A text that is no standard topic's ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not accepted: {accepted}", accepted = TopicArn::ACCEPTED)]
pub struct NotATopicArn(String);

impl TopicArn {
    /// The form that [`FromStr`] accepts.
    pub const ACCEPTED: &str =
        "the ARN of a standard SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME; FIFO topics trigger no function)";

    /// The ARN as AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TopicArn {
    type Err = NotATopicArn;

    fn from_str(text: &str) -> Result<Self, NotATopicArn> {
        if is_topic_arn(text) { Ok(Self(text.to_owned())) } else { Err(NotATopicArn(text.to_owned())) }
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A topic's name has up to 256 letters, digits, hyphens and underscores (API reference,
/// `CreateTopic`): the dot of `.fifo` is none of them.
fn is_topic_arn(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts.as_slice() else { return false };
    let dashed = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let of_aws = *partition == "aws" || partition.strip_prefix("aws-").is_some_and(dashed);
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    of_aws
        && dashed(region)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=256).contains(&name.len())
        && named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_topics_arn_is_kept_as_given() {
        for arn in [
            "arn:aws:sns:us-east-1:111122223333:fleetkeeper-LifecycleTopic_1RZ3Q8W5T0XKM",
            "arn:aws-cn:sns:cn-north-1:000000000000:t",
            "arn:aws-us-gov:sns:us-gov-west-1:111122223333:t",
        ] {
            assert_eq!(arn.parse::<TopicArn>().unwrap().as_str(), arn);
        }
    }

    #[test]
    fn what_is_none_says_what_would_be_accepted() {
        let long = format!("arn:aws:sns:us-east-1:111122223333:{}", "x".repeat(257));
        for text in [
            "",
            "lifecycle",
            "arn:aws:sqs:us-east-1:111122223333:t",
            "arn:azure:sns:us-east-1:111122223333:t",
            "arn:aws-:sns:us-east-1:111122223333:t",
            "arn:awsome:sns:us-east-1:111122223333:t",
            "arn:aws:sns::111122223333:t",
            "arn:aws:sns:us east:111122223333:t",
            "arn:aws:sns:us-east-1::t",
            "arn:aws:sns:us-east-1:11112222333:t",
            "arn:aws:sns:us-east-1:11112222333x:t",
            "arn:aws:sns:us-east-1:111122223333:",
            "arn:aws:sns:us-east-1:111122223333:t t",
            "arn:aws:sns:us-east-1:111122223333:t.fifo",
            " arn:aws:sns:us-east-1:111122223333:t",
            "arn:aws:sns:us-east-1:111122223333:t:4f6b1c0e-6f0b-4a5f-9f41-0a6de6a4d8f2",
            &long,
        ] {
            let said = text.parse::<TopicArn>().unwrap_err().to_string();
            assert!(said.starts_with(&format!("{text:?} is not accepted: the ARN of a standard")), "{said}");
        }
    }
}
