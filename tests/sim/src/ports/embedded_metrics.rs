//! The log that CloudWatch takes embedded metrics from: a line takes no time, and no fault is on
//! it.

use fleetkeeper_core::ports::EmbeddedMetrics;
use serde_json::Value;

use super::SimulatedAws;

impl EmbeddedMetrics for SimulatedAws {
    fn put(&self, document: &Value) {
        self.world.with(|world| {
            world.set_caller(self.environment);
            world.put_embedded_metrics(document.clone());
            world.set_caller(None);
        });
    }
}
