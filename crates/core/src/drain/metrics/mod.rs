//! The metrics of drains, for CloudWatch.

mod document;

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cluster::Cluster;

/// The metrics of a cluster's drains at one time.
///
/// Their only dimension is the cluster's name. All else about a drain is a property of the
/// document: log queries find it, and it costs no further metric.
#[derive(Debug, Clone, PartialEq)]
pub struct DrainMetrics {
    namespace: String,
    cluster: String,
    at: DateTime<Utc>,
    values: Vec<(DrainMetric, f64)>,
    properties: Vec<(&'static str, Value)>,
}

/// A metric of drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainMetric {
    /// Seconds from a drain's notice to its end: 61.5.
    DrainSeconds,
    /// Tasks of an instance that stopped during its drain: 4.
    DrainedTasks,
    /// 1 for a drain whose timeout passed before its tasks had stopped, 0 for any other that
    /// finished.
    DrainDeadlineExceeded,
    /// 1 for a drain that failed in an invocation, 0 for each that ended. So an alarm always has
    /// data.
    DrainErrors,
    /// Drains under way in the cluster: 3.
    DrainsInProgress,
    /// 1 for a drain whose lifecycle action ended before its tasks had stopped and before its
    /// timeout, 0 for each that finished.
    DrainCutShort,
}

/// The instance of a drain, for the properties of its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainSubject<'a> {
    /// The instance.
    pub ec2_instance_id: &'a str,
    /// Its group, if known.
    pub group: Option<&'a str>,
    /// The hook that waits, if any.
    pub hook: Option<&'a str>,
}

/// How a drain finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// The time from its notice to its end.
    pub took: Duration,
    /// Tasks of its instance that stopped.
    pub tasks: u32,
    /// True if its timeout passed before its tasks had stopped.
    pub deadline_exceeded: bool,
}

impl DrainMetrics {
    /// A drain finished: the drainer completed its hook.
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
            (DrainMetric::DrainCutShort, 0.0),
        ];
        Self { properties: subject.properties(reason), ..Self::of(namespace, cluster, at, values) }
    }

    /// A drain was cut short: its lifecycle action ended before its tasks had stopped and before
    /// its timeout. `tasks_unfinished` counts the tasks that had not stopped.
    ///
    /// The document has no `DrainSeconds`. Such a drain would make the others look short.
    #[must_use]
    pub fn cut_short(
        namespace: &str,
        cluster: &Cluster,
        at: DateTime<Utc>,
        subject: &DrainSubject<'_>,
        tasks_unfinished: u32,
        reason: &impl Display,
    ) -> Self {
        let values = vec![(DrainMetric::DrainErrors, 0.0), (DrainMetric::DrainCutShort, 1.0)];
        let mut properties = subject.properties(reason);
        properties.push(("tasks", tasks_unfinished.into()));
        Self { properties, ..Self::of(namespace, cluster, at, values) }
    }

    /// A drain failed in this invocation. Its hook stays open.
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

    /// The number of the cluster's drains under way.
    #[must_use]
    pub fn in_progress(namespace: &str, cluster: &Cluster, at: DateTime<Utc>, drains: u32) -> Self {
        Self::of(namespace, cluster, at, vec![(DrainMetric::DrainsInProgress, f64::from(drains))])
    }

    /// The document in the embedded metric format, for the log.
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
            Self::DrainCutShort => "DrainCutShort",
        }
    }

    /// CloudWatch's unit for it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::DrainSeconds => "Seconds",
            Self::DrainedTasks
            | Self::DrainDeadlineExceeded
            | Self::DrainErrors
            | Self::DrainsInProgress
            | Self::DrainCutShort => "Count",
        }
    }
}

impl DrainSubject<'_> {
    fn properties(&self, reason: &impl Display) -> Vec<(&'static str, Value)> {
        let reason = reason.to_string();
        let known = [
            ("ec2InstanceId", Some(self.ec2_instance_id)),
            ("group", self.group),
            ("hook", self.hook),
            ("reason", Some(reason.as_str())),
        ];
        let known = known.into_iter().filter_map(|(name, text)| Some((name, text?)));
        known.map(|(name, text)| (name, document::property(text))).collect()
    }
}
