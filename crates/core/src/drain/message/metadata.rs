//! The hook's `NotificationMetadata`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::unreadable::{UnreadableMessage, malformed};
use crate::cluster::Cluster;
use crate::drain::schedule::DRAIN_TIMEOUT_SECONDS_MAX;

/// The longest drain that a hook's `NotificationMetadata` asks for, as its notices have it. What is malformed asks for
/// none: each notice is an error that says so.
#[must_use]
pub fn drain_timeout_of(metadata_text: Option<&str>) -> Option<Duration> {
    metadata(metadata_text).ok().and_then(|(_, drain_timeout)| drain_timeout)
}

/// The hook's `NotificationMetadata` is the user's: a text that is no JSON object is somebody else's and says nothing
/// here, and so do keys that are not ours. What is ours and malformed is an error, or a cluster would go unheard.
pub(super) fn metadata(text: Option<&str>) -> Result<(Option<Cluster>, Option<Duration>), UnreadableMessage> {
    const FIELD: &str = "NotificationMetadata";
    let Some(text) = text.filter(|text| text.trim_start().starts_with('{')) else { return Ok((None, None)) };
    let ours: Map<String, Value> = serde_json::from_str(text).map_err(|problem| {
        malformed(FIELD, format_args!("it begins like a JSON object and is none ({problem})"))
    })?;

    let cluster = match ours.get("cluster") {
        None | Some(Value::Null) => None,
        Some(Value::String(cluster)) => {
            Some(cluster.parse().map_err(|problem| malformed(FIELD, format_args!("cluster: {problem}")))?)
        }
        Some(other) => {
            return Err(malformed(
                FIELD,
                format_args!("cluster: {other} is not accepted: a cluster's name or ARN"),
            ));
        }
    };
    let drain_timeout = match ours.get("drainTimeoutSeconds") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_u64() {
            Some(seconds) if (1..=DRAIN_TIMEOUT_SECONDS_MAX).contains(&seconds) => {
                Some(Duration::from_secs(seconds))
            }
            _ => {
                return Err(malformed(
                    FIELD,
                    format_args!(
                        "drainTimeoutSeconds: {value} is not accepted: a whole number of seconds from 1 to \
                         {DRAIN_TIMEOUT_SECONDS_MAX}"
                    ),
                ));
            }
        },
    };
    Ok((cluster, drain_timeout))
}
