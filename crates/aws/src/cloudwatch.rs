//! The metrics' port over CloudWatch.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime as SdkDateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum as SdkDatum, StandardUnit};
use chrono::{DateTime, Utc};
use fleetkeeper_core::ports::{CallError, MetricDatum, MetricUnit, Metrics, StorageResolution};

use crate::call_error::call_error;

/// CloudWatch.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    client: Client,
}

impl CloudWatch {
    /// CloudWatch by the SDK's configuration.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

impl Metrics for CloudWatch {
    async fn put_metric_data(
        &self,
        namespace: &str,
        resolution: StorageResolution,
        at: DateTime<Utc>,
        data: &[MetricDatum],
    ) -> Result<(), CallError> {
        let data = data.iter().map(|datum| sdk_datum(datum, resolution, at)).collect();
        self.client
            .put_metric_data()
            .namespace(namespace)
            .set_metric_data(Some(data))
            .send()
            .await
            .map_err(|error| call_error("cloudwatch:PutMetricData", namespace, error))?;
        Ok(())
    }
}

fn sdk_datum(datum: &MetricDatum, resolution: StorageResolution, at: DateTime<Utc>) -> SdkDatum {
    let dimensions = datum
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(value).build())
        .collect();
    SdkDatum::builder()
        .metric_name(datum.name)
        .set_dimensions(Some(dimensions))
        .timestamp(SdkDateTime::from_millis(at.timestamp_millis()))
        .value(datum.value)
        .unit(match datum.unit {
            MetricUnit::Count => StandardUnit::Count,
            MetricUnit::None => StandardUnit::None,
        })
        .storage_resolution(match resolution {
            StorageResolution::OneSecond => 1,
            StorageResolution::OneMinute => 60,
        })
        .build()
}
