//! The schedule of a drain whose notice is another invocation's: by the group, its hook and its
//! activities.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::group_request::GroupRequest;
use super::group_view::GroupView;
use super::schedule::{DRAIN_TIMEOUT_SECONDS_MAX, HEARTBEAT_TIMEOUT_MIN, HookTimeouts, Schedule};
use crate::lifecycle::LifecycleHook;

/// Connection draining of a group's load balancer takes at most this long (API reference, ELB,
/// `deregistration_delay.timeout_seconds`).
const CONNECTION_DRAINING_MAX: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing<'a> {
    /// The request of the invocation.
    pub(super) request: &'a GroupRequest,
    /// The group as it was last read.
    pub(super) view: &'a GroupView,
}

impl Timing<'_> {
    fn hook(&self) -> Option<&LifecycleHook> {
        self.view.hooks()?.iter().find(|hook| hook.name == self.request.hook)
    }

    /// The hook's timeouts, once they were read.
    pub(super) fn hook_timeouts(&self) -> Option<HookTimeouts> {
        self.hook().map(HookTimeouts::from)
    }

    /// The hook's heartbeat timeout: the shortest that there is while it is not known.
    pub(super) fn heartbeat_timeout(&self) -> Duration {
        self.hook_timeouts().map_or(HEARTBEAT_TIMEOUT_MIN, |hook| hook.heartbeat)
    }

    /// When an action began: never earlier than its notice can have been. A termination's activity
    /// begins with the connection draining of the group's load balancer, which is over before the
    /// hook begins. A wait that was seen before the activity was another one: a retained instance
    /// may be terminated again.
    pub(super) fn began(
        &self,
        activity: Option<DateTime<Utc>>,
        seen: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let Some(activity) = activity else { return seen };
        let balancer = if self.view.has_load_balancer() { CONNECTION_DRAINING_MAX } else { Duration::ZERO };
        let seen = if seen < activity { now } else { seen };
        seen.min(activity + balancer)
    }

    /// The schedule of a drain that began then.
    pub(super) fn schedule(&self, began: DateTime<Utc>) -> Schedule {
        Schedule { began, drain_timeout: self.drain_timeout(), hook: self.hook_timeouts() }
    }

    fn drain_timeout(&self) -> Duration {
        let of_hook = || self.hook().and_then(|hook| hook.drain_timeout);
        self.request.own_drain_timeout().or_else(of_hook).unwrap_or(match self.view.hooks() {
            // A sweep that could not read the hook does not know what its metadata asks for.
            None if self.request.own.is_none() => Duration::from_secs(DRAIN_TIMEOUT_SECONDS_MAX),
            _ => self.request.drain_timeout,
        })
    }
}
