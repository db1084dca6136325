//! The function's variables.

use std::time::Duration;

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::drain::{DRAIN_TIMEOUT_SECONDS_MAX, OnDrainTimeout};
use fleetkeeper_core::setting::{SettingError, Settings};

/// Variables of later versions. Setting one and not being heard would be worse than being told.
const NOT_YET: [(&str, &str); 1] =
    [("LIFECYCLE_TOPIC_ARN", "leave it unset; a message is republished to the topic that it came from")];

/// The settings of the lifecycle-drainer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `ECS_CLUSTER`: the cluster of a notice that names none.
    pub cluster: Option<Cluster>,
    /// `DRAIN_TIMEOUT_SECONDS`: the longest drain, from the notice's `Time`.
    pub drain_timeout: Duration,
    /// `ON_DRAIN_TIMEOUT`: what ends a drain whose time is up.
    pub on_drain_timeout: OnDrainTimeout,
    /// `POLL_INTERVAL_SECONDS`: between two looks at the instance.
    pub poll_interval: Duration,
    /// `DEADLINE_MARGIN_SECONDS`: the message is republished when less than this is left of the invocation.
    pub deadline_margin: Duration,
}

impl Config {
    /// Reads the variables; the first one that is malformed is the error.
    pub fn read(settings: &Settings<'_>) -> Result<Self, SettingError> {
        for (variable, instead) in NOT_YET {
            settings.optional(variable, format_args!("this version does not know it: {instead}"), |_| {
                None::<()>
            })?;
        }
        let seconds = |variable, default, most| {
            Ok(settings.seconds(variable, 1, most)?.unwrap_or(Duration::from_secs(default)))
        };
        Ok(Self {
            cluster: settings.parsed("ECS_CLUSTER", "a cluster's name or ARN")?,
            drain_timeout: seconds("DRAIN_TIMEOUT_SECONDS", 3600, DRAIN_TIMEOUT_SECONDS_MAX)?,
            on_drain_timeout: settings
                .parsed("ON_DRAIN_TIMEOUT", "stop-tasks, continue or abandon")?
                .unwrap_or_default(),
            poll_interval: seconds("POLL_INTERVAL_SECONDS", 5, 300)?,
            deadline_margin: seconds("DEADLINE_MARGIN_SECONDS", 10, 300)?,
        })
    }
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn set_variables_are_taken() {
        let config = read(&[
            ("ECS_CLUSTER", "arn:aws:ecs:us-east-1:111122223333:cluster/demo"),
            ("DRAIN_TIMEOUT_SECONDS", "172800"),
            ("POLL_INTERVAL_SECONDS", "1"),
            ("DEADLINE_MARGIN_SECONDS", "30"),
        ])
        .unwrap();
        assert_eq!(config.cluster.unwrap().name(), "demo");
        assert_eq!(config.drain_timeout, Duration::from_secs(172_800));
        assert_eq!(config.poll_interval, Duration::from_secs(1));
        assert_eq!(config.deadline_margin, Duration::from_secs(30));
    }

    #[test]
    fn a_malformed_variable_is_named_with_its_value_and_what_is_accepted() {
        for (variable, value, accepted) in [
            ("ECS_CLUSTER", "", "a cluster's name or ARN"),
            ("DRAIN_TIMEOUT_SECONDS", "1h", "a whole number of seconds from 1 to 172800"),
            ("POLL_INTERVAL_SECONDS", "0", "a whole number of seconds from 1 to 300"),
            ("POLL_INTERVAL_SECONDS", "301", "a whole number of seconds from 1 to 300"),
            ("DEADLINE_MARGIN_SECONDS", "301", "a whole number of seconds from 1 to 300"),
            ("DRAIN_TIMEOUT_SECONDS", "172801", "a whole number of seconds from 1 to 172800"),
            ("DEADLINE_MARGIN_SECONDS", "-1", "a whole number of seconds from 1 to 300"),
            ("ON_DRAIN_TIMEOUT", "stop", "stop-tasks, continue or abandon"),
            ("LIFECYCLE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:t", "this version does not know it"),
        ] {
            let said = read(&[(variable, value)]).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{variable}={value:?} is not accepted: {accepted}")), "{said}");
        }
    }
}
