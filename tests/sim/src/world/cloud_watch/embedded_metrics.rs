//! Metrics that a function wrote into its log, in CloudWatch's embedded metric format.
//!
//! They are recorded, and nothing more: CloudWatch takes them out of the log some time later, and
//! no alarm is on them.

use std::sync::Arc;

use serde_json::Value;

use crate::world::World;
use crate::world::history::Occurrence;

impl World {
    /// A document of the embedded metric format, as a line of the log.
    pub fn put_embedded_metrics(&mut self, document: Value) {
        self.record(Occurrence::EmbeddedMetricsPut { document: Arc::new(document) });
    }
}
