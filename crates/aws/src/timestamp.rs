//! The SDK's timestamps.

use aws_sdk_ecs::primitives::DateTime as SdkDateTime;
use chrono::{DateTime, Utc};

pub(crate) fn time(time: &SdkDateTime) -> Option<DateTime<Utc>> {
    let millis = time.to_millis().ok()?;
    DateTime::from_timestamp_millis(millis)
}
