//! CloudWatch's embedded metric format.

use serde_json::Value;

/// The function's log, from which CloudWatch Logs takes metrics: no call to AWS, no permission,
/// nothing to wait for.
pub trait EmbeddedMetrics {
    /// Writes a document of the embedded metric format as one line of the log, whole and with
    /// nothing else on it.
    fn put(&self, document: &Value);
}
