//! The function's variables.

use std::time::Duration;

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::drain::{DRAIN_TIMEOUT_SECONDS_MAX, OnDrainTimeout};
use fleetkeeper_core::metric_namespace::metric_namespace;
use fleetkeeper_core::setting::{SettingError, Settings};
use fleetkeeper_core::topic::TopicArn;

/// The settings of the lifecycle-drainer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `ECS_CLUSTER`: the cluster of a notice that names none.
    pub cluster: Option<Cluster>,
    /// `DRAIN_TIMEOUT_SECONDS`: the drain timeout, from the notice's `Time`.
    pub drain_timeout: Duration,
    /// `POLL_INTERVAL_SECONDS`: between two polls of an instance.
    pub poll_interval: Duration,
    /// `DEADLINE_MARGIN_SECONDS`: the drainer republishes when less than this is left of the
    /// invocation.
    pub deadline_margin: Duration,
    /// `ON_DRAIN_TIMEOUT`: the policy for an instance that still runs tasks at the drain timeout.
    pub on_drain_timeout: OnDrainTimeout,
    /// `LIFECYCLE_TOPIC_ARN`: the topic to which the drainer republishes what came through none.
    pub lifecycle_topic_arn: Option<TopicArn>,
    /// `FLEETKEEPER_DRY_RUN`: the drainer decides and logs, and changes nothing.
    pub dry_run: bool,
    /// `METRIC_NAMESPACE`: the namespace of the drains' metrics.
    pub metric_namespace: String,
}

impl Config {
    /// Reads the variables; the first one that is malformed is the error.
    pub fn read(settings: &Settings<'_>) -> Result<Self, SettingError> {
        let seconds = |variable, default, most| {
            Ok(settings.seconds(variable, 1, most)?.unwrap_or(Duration::from_secs(default)))
        };
        Ok(Self {
            cluster: settings.parsed("ECS_CLUSTER", "a cluster's name or ARN")?,
            drain_timeout: seconds("DRAIN_TIMEOUT_SECONDS", 3600, DRAIN_TIMEOUT_SECONDS_MAX)?,
            poll_interval: seconds("POLL_INTERVAL_SECONDS", 5, 300)?,
            deadline_margin: seconds("DEADLINE_MARGIN_SECONDS", 10, 300)?,
            on_drain_timeout: settings
                .parsed("ON_DRAIN_TIMEOUT", OnDrainTimeout::ACCEPTED)?
                .unwrap_or_default(),
            lifecycle_topic_arn: settings.parsed("LIFECYCLE_TOPIC_ARN", TopicArn::ACCEPTED)?,
            dry_run: settings.parsed("FLEETKEEPER_DRY_RUN", "true or false")?.unwrap_or_default(),
            metric_namespace: metric_namespace(settings)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, SettingError> {
        let lookup = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(&Settings::new(&lookup))
    }

    #[test]
    fn unset_variables_take_their_defaults() {
        let config = read(&[]).unwrap();
        assert_eq!(config.cluster, None);
        assert_eq!(config.drain_timeout, Duration::from_secs(3600));
        assert_eq!(config.poll_interval, Duration::from_secs(5));
        assert_eq!(config.deadline_margin, Duration::from_secs(10));
        assert_eq!(config.on_drain_timeout, OnDrainTimeout::StopTasks);
        assert_eq!(config.lifecycle_topic_arn, None);
        assert!(!config.dry_run);
        assert_eq!(config.metric_namespace, "ECS/Fleetkeeper");
    }

    #[test]
    fn set_variables_are_taken() {
        let config = read(&[
            ("ECS_CLUSTER", "arn:aws:ecs:us-east-1:111122223333:cluster/demo"),
            ("DRAIN_TIMEOUT_SECONDS", "172800"),
            ("POLL_INTERVAL_SECONDS", "1"),
            ("DEADLINE_MARGIN_SECONDS", "30"),
            ("ON_DRAIN_TIMEOUT", "abandon"),
            ("LIFECYCLE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:t"),
            ("FLEETKEEPER_DRY_RUN", "true"),
            ("METRIC_NAMESPACE", "Team/ECS"),
        ])
        .unwrap();
        assert_eq!(config.cluster.unwrap().name(), "demo");
        assert_eq!(config.drain_timeout, Duration::from_secs(172_800));
        assert_eq!(config.poll_interval, Duration::from_secs(1));
        assert_eq!(config.deadline_margin, Duration::from_secs(30));
        assert_eq!(config.on_drain_timeout, OnDrainTimeout::Abandon);
        assert_eq!(config.lifecycle_topic_arn.unwrap().as_str(), "arn:aws:sns:us-east-1:111122223333:t");
        assert!(config.dry_run);
        assert_eq!(config.metric_namespace, "Team/ECS");
    }

    #[test]
    fn a_malformed_variable_is_named_with_its_value_and_what_is_accepted() {
        let errors = [
            ("ECS_CLUSTER", ""),
            ("DRAIN_TIMEOUT_SECONDS", "1h"),
            ("DRAIN_TIMEOUT_SECONDS", "172801"),
            ("POLL_INTERVAL_SECONDS", "0"),
            ("POLL_INTERVAL_SECONDS", "301"),
            ("DEADLINE_MARGIN_SECONDS", "301"),
            ("DEADLINE_MARGIN_SECONDS", "-1"),
            ("ON_DRAIN_TIMEOUT", ""),
            ("ON_DRAIN_TIMEOUT", "CONTINUE"),
            ("LIFECYCLE_TOPIC_ARN", ""),
            ("LIFECYCLE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:t.fifo"),
            ("FLEETKEEPER_DRY_RUN", ""),
            ("FLEETKEEPER_DRY_RUN", "1"),
            ("METRIC_NAMESPACE", "AWS/ECS"),
        ]
        .map(|variable| read(&[variable]).unwrap_err().to_string());
        expect![[r#"
            ECS_CLUSTER="" is not accepted: a cluster's name or ARN
            DRAIN_TIMEOUT_SECONDS="1h" is not accepted: a whole number of seconds from 1 to 172800
            DRAIN_TIMEOUT_SECONDS="172801" is not accepted: a whole number of seconds from 1 to 172800
            POLL_INTERVAL_SECONDS="0" is not accepted: a whole number of seconds from 1 to 300
            POLL_INTERVAL_SECONDS="301" is not accepted: a whole number of seconds from 1 to 300
            DEADLINE_MARGIN_SECONDS="301" is not accepted: a whole number of seconds from 1 to 300
            DEADLINE_MARGIN_SECONDS="-1" is not accepted: a whole number of seconds from 1 to 300
            ON_DRAIN_TIMEOUT="" is not accepted: stop-tasks, continue or abandon
            ON_DRAIN_TIMEOUT="CONTINUE" is not accepted: stop-tasks, continue or abandon
            LIFECYCLE_TOPIC_ARN="" is not accepted: the ARN of a standard SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME; FIFO topics trigger no function)
            LIFECYCLE_TOPIC_ARN="arn:aws:sns:us-east-1:111122223333:t.fifo" is not accepted: the ARN of a standard SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME; FIFO topics trigger no function)
            FLEETKEEPER_DRY_RUN="" is not accepted: true or false
            FLEETKEEPER_DRY_RUN="1" is not accepted: true or false
            METRIC_NAMESPACE="AWS/ECS" is not accepted: a CloudWatch namespace that is not AWS's own (1 to 255 letters, digits, spaces and . - _ / # :, not blank, not starting with a colon or with AWS/)"#]].assert_eq(&errors.join("\n"));
    }
}
