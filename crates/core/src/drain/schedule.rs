//! The times of a drain. Three clocks bound it: the *drain timeout*, the *hook timeout* (Auto
//! Scaling's heartbeat and global timeouts) and the *invocation timeout*, which is not this
//! module's.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::on_drain_timeout::OnDrainTimeout;
use crate::lifecycle::LifecycleHook;

/// The longest drain timeout: no hook lasts longer than 48 hours (API reference,
/// `PutLifecycleHook`).
pub const DRAIN_TIMEOUT_SECONDS_MAX: u64 = 172_800;

/// The shortest heartbeat timeout that Auto Scaling accepts (API reference, `PutLifecycleHook`).
pub const HEARTBEAT_TIMEOUT_MIN: Duration = Duration::from_secs(30);

/// The longest that any action lasts: 48 hours.
const HOOK_LONGEST: Duration = Duration::from_secs(DRAIN_TIMEOUT_SECONDS_MAX);

/// The drainer completes an action this long before its hook's global timeout does.
const HOOK_RESERVE: Duration = Duration::from_secs(30);

/// Tasks that are asked to stop may take this long: ELB's default deregistration delay of 300 s,
/// the longest stop timeout of Fargate, 120 s, and 30 s more.
pub(super) const STOPPING_TAKES: Duration = Duration::from_secs(450);

/// Heartbeats in a heartbeat timeout: two may fail before the hook runs out.
const HEARTBEATS_PER_TIMEOUT: u32 = 3;

/// The bounds of a drain in time. Until the hook was read, the strictest timeout is assumed for
/// heartbeats and the most lenient one for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// When the lifecycle action began, or later where that is not known.
    pub began: DateTime<Utc>,
    /// The drain timeout.
    pub drain_timeout: Duration,
    /// The hook's heartbeat and global timeouts, once they were read.
    pub hook: Option<HookTimeouts>,
}

/// The timeouts of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookTimeouts {
    /// An action ends this long after its start or its last heartbeat.
    pub heartbeat: Duration,
    /// An action ends this long after its start, whatever its heartbeats.
    pub global: Duration,
}

impl From<&LifecycleHook> for HookTimeouts {
    fn from(hook: &LifecycleHook) -> Self {
        Self { heartbeat: hook.heartbeat_timeout, global: hook.global_timeout }
    }
}

impl Schedule {
    /// When the policy for drains that take too long applies: at the drain timeout, or earlier
    /// where the hook would end first.
    #[must_use]
    pub fn deadline(&self, policy: OnDrainTimeout) -> DateTime<Utc> {
        let most = self.hook_lasts().saturating_sub(HOOK_RESERVE);
        let most = match policy {
            OnDrainTimeout::StopTasks => most.saturating_sub(STOPPING_TAKES).max(most / 2),
            OnDrainTimeout::Continue | OnDrainTimeout::Abandon => most,
        };
        self.began + self.drain_timeout.min(most)
    }

    /// The last moment to complete the action before its hook's global timeout ends it.
    #[must_use]
    pub fn last_moment(&self) -> DateTime<Utc> {
        self.began + self.hook_lasts().saturating_sub(HOOK_RESERVE)
    }

    /// When the action has ended for certain, by its hook's global timeout.
    #[must_use]
    pub fn hook_has_ended_by(&self) -> DateTime<Utc> {
        self.began + self.hook_lasts()
    }

    /// The hook's heartbeat timeout; the shortest there is where it was not read.
    #[must_use]
    pub fn heartbeat_timeout(&self) -> Duration {
        self.hook.map_or(HEARTBEAT_TIMEOUT_MIN, |hook| hook.heartbeat.max(HEARTBEAT_TIMEOUT_MIN))
    }

    /// Between two heartbeats.
    #[must_use]
    pub fn heartbeat_interval(&self) -> Duration {
        self.heartbeat_timeout() / HEARTBEATS_PER_TIMEOUT
    }

    fn hook_lasts(&self) -> Duration {
        self.hook.map_or(HOOK_LONGEST, |hook| hook.global)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICIES: [OnDrainTimeout; 3] =
        [OnDrainTimeout::StopTasks, OnDrainTimeout::Continue, OnDrainTimeout::Abandon];

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn schedule(drain: u64, hook: Option<(u64, u64)>) -> Schedule {
        let hook = hook.map(|(heartbeat, global)| HookTimeouts {
            heartbeat: Duration::from_secs(heartbeat),
            global: Duration::from_secs(global),
        });
        Schedule { began: at(0), drain_timeout: Duration::from_secs(drain), hook }
    }

    #[test]
    fn the_deadline_is_the_drain_timeout_where_the_hook_lasts_longer() {
        for policy in POLICIES {
            assert_eq!(schedule(3600, Some((900, 90_000))).deadline(policy), at(3600));
            assert_eq!(schedule(3600, None).deadline(policy), at(3600));
        }
    }

    #[test]
    fn a_hook_that_ends_first_leaves_time_to_stop_tasks() {
        // 3,000 s less 30 s, and for tasks that must stop, 450 s or at most half of it.
        for (drain, global, stop_tasks, others) in
            [(3600, 3000, 2520, 2970), (2600, 3000, 2520, 2600), (3600, 600, 285, 570), (600, 0, 0, 0)]
        {
            let [stops, continues, abandons] =
                POLICIES.map(|policy| schedule(drain, Some((30, global))).deadline(policy));
            assert_eq!([stops, continues, abandons], [at(stop_tasks), at(others), at(others)], "{global}");
        }
    }

    #[test]
    fn the_hook_is_completed_before_its_global_timeout() {
        let short = schedule(600, Some((30, 3000)));
        assert_eq!((short.last_moment(), short.hook_has_ended_by()), (at(2970), at(3000)));
        assert_eq!(schedule(600, None).hook_has_ended_by(), at(172_800));
    }

    #[test]
    fn a_heartbeat_is_due_after_a_third_of_the_timeout_or_of_the_shortest_there_is() {
        for (hook, seconds) in
            [(Some((900, 90_000)), 300), (Some((30, 3000)), 10), (Some((0, 0)), 10), (None, 10)]
        {
            assert_eq!(schedule(3600, hook).heartbeat_interval(), Duration::from_secs(seconds), "{hook:?}");
        }
    }
}
