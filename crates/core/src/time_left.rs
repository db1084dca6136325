//! Every call is bounded by the time that the invocation has left.

use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};

use crate::ports::{CallError, CallErrorKind, Clock};

/// The time from `now` until `until`; zero where it has passed.
#[must_use]
pub fn between(now: DateTime<Utc>, until: DateTime<Utc>) -> Duration {
    (until - now).to_std().unwrap_or_default()
}

/// Waits for `call` until `until` at most. What has not answered by then is dropped, and is an
/// error of kind [`CallErrorKind::OutOfTime`]: whether it took effect is not known.
pub async fn within<T>(
    clock: &impl Clock,
    until: DateTime<Utc>,
    operation: &'static str,
    resource: &str,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let timeout = pin!(clock.sleep(between(clock.now(), until)));
    match select(pin!(call), timeout).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(CallError {
            operation,
            resource: resource.to_owned(),
            kind: CallErrorKind::OutOfTime,
            source: None,
        }),
    }
}
