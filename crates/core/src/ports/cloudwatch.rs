//! CloudWatch.

use chrono::{DateTime, Utc};

use super::CallError;

/// The most metric data that one `PutMetricData` takes.
pub const METRIC_DATA_MAX: usize = 1000;

/// CloudWatch metrics.
pub trait Metrics {
    /// `PutMetricData`: all data in one request, with one timestamp, at most [`METRIC_DATA_MAX`].
    async fn put_metric_data(
        &self,
        namespace: &str,
        resolution: StorageResolution,
        at: DateTime<Utc>,
        data: &[MetricDatum],
    ) -> Result<(), CallError>;
}

/// How finely CloudWatch keeps a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageResolution {
    /// One-second periods: what alarms with periods of 10, 20 or 30 s need.
    OneSecond,
    /// One-minute periods.
    OneMinute,
}

/// A metric's value at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricDatum {
    /// The metric's name.
    pub name: &'static str,
    /// Names and values; all of them together are the metric's identity.
    pub dimensions: Vec<(&'static str, String)>,
    /// The value's unit.
    pub unit: MetricUnit,
    /// A finite value: CloudWatch refuses others.
    pub value: f64,
}

/// CloudWatch's units, those that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// A count.
    Count,
    /// A ratio.
    None,
}
