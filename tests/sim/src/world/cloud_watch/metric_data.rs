//! The metric data that were put.

use chrono::{DateTime, Utc};
use fleetkeeper_core::ports::{METRIC_DATA_MAX, MetricDatum, StorageResolution};

use crate::world::history::{Occurrence, PutValue};
use crate::world::{ApiError, World};

/// One request's metric data.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricData {
    /// The namespace.
    pub namespace: String,
    /// How finely they are kept.
    pub resolution: StorageResolution,
    /// Their timestamp.
    pub at: DateTime<Utc>,
    /// The data.
    pub data: Vec<MetricDatum>,
}

impl World {
    /// `PutMetricData`. CloudWatch refuses AWS's own namespaces, values that are not finite, and
    /// more than 1,000 metrics; one bad value refuses them all.
    pub fn put_metric_data(&mut self, put: MetricData) -> Result<(), ApiError> {
        if put.namespace.starts_with("AWS/") {
            return Err(ApiError::client(
                "InvalidParameterValue",
                "The value AWS/ for parameter Namespace is invalid.",
            ));
        }
        if let Some(datum) = put.data.iter().find(|datum| !datum.value.is_finite()) {
            let said = format!("The value for parameter {} is not a finite number.", datum.name);
            return Err(ApiError::client("InvalidParameterValue", said));
        }
        if put.data.is_empty() || put.data.len() > METRIC_DATA_MAX {
            return Err(ApiError::client("ValidationError", "MetricData must have 1 to 1000 members."));
        }
        let value = |datum: &MetricDatum| PutValue {
            name: datum.name,
            group: datum.dimensions.get(1).map(|(_, group)| group.clone()),
            value: datum.value,
        };
        let values = put.data.iter().map(value).collect();
        self.record(Occurrence::MetricDataPut { namespace: put.namespace.clone(), values });
        self.metrics.add(&put);
        if self.metric_data_forgotten {
            self.metric_data.clear();
        }
        self.metric_data.push(put);
        Ok(())
    }

    /// Keeps no more than the last request's data from now on: hours of them are heavy. Statistics
    /// and alarms lose nothing.
    pub fn forget_metric_data(&mut self) {
        self.metric_data_forgotten = true;
    }

    /// What was put so far, request by request: all of it, unless the world forgets it.
    #[must_use]
    pub fn metric_data(&self) -> &[MetricData] {
        &self.metric_data
    }
}
