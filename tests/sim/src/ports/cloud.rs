//! The topic, the metrics and the clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::ports::{
    CallError, Clock, MessageAttributes, MetricDatum, Metrics, NotificationTopic, StorageResolution,
};

use super::SimulatedAws;
use crate::world::cloud_watch::MetricData;
use crate::world::{Operation, World};

impl NotificationTopic for SimulatedAws {
    async fn publish(
        &self,
        topic_arn: &str,
        message: &str,
        attributes: &MessageAttributes,
    ) -> Result<(), CallError> {
        let publish = |world: &mut World| world.publish(topic_arn, message, attributes);
        self.call(Operation::Publish, topic_arn, publish).await
    }
}

impl Metrics for SimulatedAws {
    async fn put_metric_data(
        &self,
        namespace: &str,
        resolution: StorageResolution,
        at: DateTime<Utc>,
        data: &[MetricDatum],
    ) -> Result<(), CallError> {
        let put = MetricData { namespace: namespace.to_owned(), resolution, at, data: data.to_vec() };
        self.call(Operation::PutMetricData, namespace, |world| world.put_metric_data(put)).await
    }
}

impl Clock for SimulatedAws {
    fn now(&self) -> DateTime<Utc> {
        self.world.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.world.sleep(duration).await;
    }
}
