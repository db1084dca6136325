//! An ECS cluster as users name it.

use std::fmt;
use std::str::FromStr;

/// A cluster's name or ARN, kept as it was given (AWS takes either), with the name at hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cluster {
    reference: String,
    name: String,
}

/// A text that is neither a cluster's name nor its ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not accepted: a cluster's name (1 to 255 letters, digits, hyphens and underscores) or its ARN \
     (arn:aws:ecs:REGION:ACCOUNT:cluster/NAME)"
)]
pub struct NotACluster(String);

impl Cluster {
    /// The name or ARN as it was given: what AWS calls take.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The name alone: what metrics' dimensions and log lines carry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Cluster {
    type Err = NotACluster;

    fn from_str(text: &str) -> Result<Self, NotACluster> {
        let name = if text.starts_with("arn:") { name_in_arn(text) } else { Some(text) };
        match name {
            Some(name) if is_name(name) => Ok(Self { reference: text.to_owned(), name: name.to_owned() }),
            _ => Err(NotACluster(text.to_owned())),
        }
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// ECS takes names of up to 255 letters, digits, hyphens and underscores (API reference,
/// `CreateCluster`).
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn name_in_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (_arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = partition.starts_with("aws") && service == "ecs" && !region.is_empty() && !account.is_empty();
    if whole { resource.strip_prefix("cluster/") } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_an_arn_is_kept_as_given_and_knows_its_name() {
        let named: Cluster = "demo".parse().unwrap();
        assert_eq!((named.reference(), named.name()), ("demo", "demo"));

        let arn = "arn:aws-us-gov:ecs:us-gov-west-1:111122223333:cluster/demo_2-a";
        let by_arn: Cluster = arn.parse().unwrap();
        assert_eq!((by_arn.reference(), by_arn.name()), (arn, "demo_2-a"));
    }

    #[test]
    fn what_is_neither_says_what_would_be_accepted() {
        let long = "x".repeat(256);
        for text in [
            "",
            "a b",
            "demo/x",
            &long,
            "arn:aws:ecs:us-east-1:111122223333:service/demo/web",
            "arn:aws:ec2:us-east-1:111122223333:cluster/demo",
            "arn:aws:ecs:::cluster/demo",
            "arn:aws:ecs",
        ] {
            let said = text.parse::<Cluster>().unwrap_err().to_string();
            assert!(said.contains("is not accepted: a cluster's name"), "{said}");
        }
    }
}
