//! Failures: how long they are tried again, and when they are the function's error.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::{CallError, CallErrorKind, Clock};

use super::Convoy;
use crate::error::RecordError;

/// What AWS refuses is tried again for this long only: permissions and new clusters take a while to be known
/// everywhere, and past that an error that wakes somebody does more than another try.
pub(super) const REFUSAL_PATIENCE: Duration = Duration::from_secs(60);

/// Failures that began less than this ago, after a look that worked, are left to the next invocation. As an error they
/// would be run again by Lambda a minute later, and a hook may not last as long.
const MAY_PASS: Duration = Duration::from_secs(60);

/// The longest pause between two tries, where the poll interval is not longer.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Failures without a success between them.
pub(super) struct Trouble {
    pub(super) since: DateTime<Utc>,
    /// Since when AWS refuses, and does nothing else.
    pub(super) refused_since: Option<DateTime<Utc>>,
    pub(super) tries: u32,
    pub(super) error: CallError,
}

impl<Ecs, AutoScaling, Sns, C: Clock> Convoy<'_, Ecs, AutoScaling, Sns, C> {
    /// Whether failures are left to the next invocation. Where no look has worked in this one they are an error.
    pub(super) fn may_pass(&self, trouble: &Trouble) -> bool {
        let looked = self.drains.values().any(|drain| drain.waiting_for.is_some());
        looked && self.clock.now() < trouble.since + MAY_PASS
    }

    /// Adds a failure to those before it; what was refused for too long is the end of it.
    pub(super) fn meet(&self, before: Option<Trouble>, error: CallError) -> Result<Trouble, RecordError> {
        let now = self.clock.now();
        let (since, tries) =
            before.as_ref().map_or((now, 1), |trouble| (trouble.since, trouble.tries.saturating_add(1)));
        let refused_since = (error.kind == CallErrorKind::Refused)
            .then(|| before.and_then(|trouble| trouble.refused_since).unwrap_or(now));
        tracing::error!(error = %ErrorChain(&error), tries, "a call failed: the hook stays open, the drain goes on");
        if refused_since.is_some_and(|since| now >= since + REFUSAL_PATIENCE) {
            return Err(self.failed(error));
        }
        Ok(Trouble { since, refused_since, tries, error })
    }

    /// Doubles from the poll interval on.
    pub(super) fn pause_after(&self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.config.poll_interval.saturating_mul(doubled).min(RETRY_PAUSE_MAX.max(self.config.poll_interval))
    }

    pub(super) fn failed(&self, source: CallError) -> RecordError {
        self.tell_failure(&ErrorChain(&source).to_string());
        RecordError::Drain {
            ec2_instance_id: self.about(),
            cluster: self.instances.cluster.to_string(),
            source,
        }
    }
}
