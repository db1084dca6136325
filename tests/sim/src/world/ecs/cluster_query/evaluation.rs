//! Matches container instances with expressions.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, Utc};

use super::{ClusterQuery, Expression, Subject, Test};
use crate::world::ecs::container_instance::AGENT_VERSION;
use crate::world::ecs::instance_type::Attributes;

/// A container instance as expressions see it. Answers that few expressions need are computed on
/// demand.
pub(crate) struct QueriedInstance<'a> {
    pub(crate) agent_connected: bool,
    pub(crate) attributes: &'a Attributes,
    pub(crate) ec2_instance_id: &'a str,
    pub(crate) registered_at: DateTime<Utc>,
    pub(crate) running_tasks: &'a dyn Fn() -> u32,
    /// The groups of the tasks there that ECS wants to run.
    pub(crate) task_groups: &'a dyn Fn() -> Vec<String>,
}

impl ClusterQuery {
    pub(crate) fn matches(&self, instance: &QueriedInstance<'_>) -> bool {
        self.0.matches(instance)
    }
}

impl Expression {
    fn matches(&self, instance: &QueriedInstance<'_>) -> bool {
        match self {
            Self::Or(all) => all.iter().any(|one| one.matches(instance)),
            Self::And(all) => all.iter().all(|one| one.matches(instance)),
            Self::Not(one) => !one.matches(instance),
            Self::Condition { subject: subject @ Subject::Ec2InstanceId, test } => {
                test.holds(subject, instance.ec2_instance_id)
            }
            Self::Condition { subject: subject @ Subject::Attribute(name), test } => {
                let value = instance.attributes.get(name);
                let value = value.map(|value| value.as_deref().unwrap_or_default());
                value.is_some_and(|value| test.holds(subject, value))
            }
            Self::Condition { subject: subject @ Subject::TaskGroup, test } => {
                let groups = (instance.task_groups)();
                groups.iter().any(|group| test.holds(subject, group))
            }
            Self::Condition { subject, test } => {
                let value = match subject {
                    Subject::AgentConnected => instance.agent_connected.to_string(),
                    Subject::RegisteredAt => instance.registered_at.to_rfc3339(),
                    Subject::RunningTasksCount => (instance.running_tasks)().to_string(),
                    _ => AGENT_VERSION.to_owned(),
                };
                test.holds(subject, &value)
            }
        }
    }
}

impl Test {
    fn holds(&self, subject: &Subject, value: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals(wanted) => compare(subject, value, wanted) == Ordering::Equal,
            Self::Greater(wanted) => compare(subject, value, wanted) == Ordering::Greater,
            Self::Less(wanted) => compare(subject, value, wanted) == Ordering::Less,
            Self::In(wanted) => wanted.contains(value),
            Self::Matches(pattern) => pattern.is_match(value),
        }
    }
}

/// Versions part by part, times as times, numbers as numbers, everything else as text.
fn compare(subject: &Subject, value: &str, wanted: &str) -> Ordering {
    match subject {
        Subject::AgentVersion => parts(value).cmp(&parts(wanted)),
        Subject::RegisteredAt => match (time(value), time(wanted)) {
            (Some(value), Some(wanted)) => value.cmp(&wanted),
            _ => value.cmp(wanted),
        },
        _ => match (value.parse::<f64>(), wanted.parse::<f64>()) {
            (Ok(value), Ok(wanted)) => value.total_cmp(&wanted),
            _ => value.cmp(wanted),
        },
    }
}

fn parts(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// A time of ISO 8601, or the beginning of a day.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|start| start.and_utc());
    text.parse().ok().or_else(day)
}
