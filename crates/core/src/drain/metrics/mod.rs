//! What is told of drains as CloudWatch metrics.

mod document;

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cluster::Cluster;

/// The metrics of a cluster's drains at one time. Their only dimension is the cluster's name; what else is said of a
/// drain are properties, which log queries find and nobody pays a metric for.
#[derive(Debug, Clone, PartialEq)]
pub struct DrainMetrics {
    namespace: String,
    cluster: String,
    at: DateTime<Utc>,
    values: Vec<(DrainMetric, f64)>,
    properties: Vec<(&'static str, String)>,
}

/// A metric of drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainMetric {
    /// How long a drain took, from its notice on.
    DrainSeconds,
    /// How many tasks a drain saw off its instance.
    DrainedTasks,
    /// 1 where the drain's time was up before its tasks had stopped, otherwise 0.
    DrainDeadlineExceeded,
    /// 1 for a drain that failed, 0 beside every one that finished: an alarm has data either way.
    DrainErrors,
    /// How many drains are under way.
    DrainsInProgress,
}

/// Whose drain it is: the properties of its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainSubject<'a> {
    /// The instance.
    pub ec2_instance_id: &'a str,
    /// Its group, where it is known.
    pub group: Option<&'a str>,
    /// The hook that waits, where one does.
    pub hook: Option<&'a str>,
}

/// How a drain finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// How long it took, from its notice on.
    pub took: Duration,
    /// How many tasks it saw off its instance.
    pub tasks: u32,
    /// Whether its time was up before its tasks had stopped.
    pub deadline_exceeded: bool,
}

impl DrainMetrics {
    /// A drain came to its end.
    #[must_use]
    pub fn finished(
        namespace: &str,
        cluster: &Cluster,
        at: DateTime<Utc>,
        subject: &DrainSubject<'_>,
        finish: Finish,
        reason: &impl Display,
    ) -> Self {
        let values = vec![
            (DrainMetric::DrainSeconds, finish.took.as_secs_f64()),
            (DrainMetric::DrainedTasks, f64::from(finish.tasks)),
            (DrainMetric::DrainDeadlineExceeded, f64::from(u8::from(finish.deadline_exceeded))),
            (DrainMetric::DrainErrors, 0.0),
        ];
        Self { properties: subject.properties(reason), ..Self::of(namespace, cluster, at, values) }
    }

    /// A drain failed in this invocation: its hook is left open.
    #[must_use]
    pub fn failed(
        namespace: &str,
        cluster: &Cluster,
        at: DateTime<Utc>,
        subject: &DrainSubject<'_>,
        reason: &impl Display,
    ) -> Self {
        let values = vec![(DrainMetric::DrainErrors, 1.0)];
        Self { properties: subject.properties(reason), ..Self::of(namespace, cluster, at, values) }
    }

    /// So many drains of the cluster are under way.
    #[must_use]
    pub fn in_progress(namespace: &str, cluster: &Cluster, at: DateTime<Utc>, drains: u32) -> Self {
        Self::of(namespace, cluster, at, vec![(DrainMetric::DrainsInProgress, f64::from(drains))])
    }

    /// The document of the embedded metric format, for the log.
    #[must_use]
    pub fn document(&self) -> Value {
        document::document(self)
    }

    fn of(namespace: &str, cluster: &Cluster, at: DateTime<Utc>, values: Vec<(DrainMetric, f64)>) -> Self {
        let (namespace, cluster) = (namespace.to_owned(), cluster.name().to_owned());
        Self { namespace, cluster, at, values, properties: Vec::new() }
    }
}

impl DrainMetric {
    /// The metric's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DrainSeconds => "DrainSeconds",
            Self::DrainedTasks => "DrainedTasks",
            Self::DrainDeadlineExceeded => "DrainDeadlineExceeded",
            Self::DrainErrors => "DrainErrors",
            Self::DrainsInProgress => "DrainsInProgress",
        }
    }

    /// CloudWatch's unit for it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::DrainSeconds => "Seconds",
            Self::DrainedTasks | Self::DrainDeadlineExceeded | Self::DrainErrors | Self::DrainsInProgress => {
                "Count"
            }
        }
    }
}

impl DrainSubject<'_> {
    fn properties(&self, reason: &impl Display) -> Vec<(&'static str, String)> {
        let known = [
            ("ec2InstanceId", Some(self.ec2_instance_id.to_owned())),
            ("group", self.group.map(str::to_owned)),
            ("hook", self.hook.map(str::to_owned)),
            ("reason", Some(reason.to_string())),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
