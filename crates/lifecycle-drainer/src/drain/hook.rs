//! The lifecycle action that waits for the drain: read, kept alive, completed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::drain::{CompleteReason, DrainTiming};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::lifecycle::{LifecycleAction, LifecycleActionResult, LifecycleActionState};
use fleetkeeper_core::ports::{CallError, Clock, LifecycleActions};
use fleetkeeper_core::time_left::within;

use crate::outcome::Outcome;

/// A hook that could not be read is tried again after this long.
const HOOK_RETRY: Duration = Duration::from_secs(30);

/// What does not answer within this time is not waited for while tasks are to be looked at.
const KEEP_ALIVE_PATIENCE: Duration = Duration::from_secs(10);

/// An action on a hook, and the calls on it. Each is bounded by `until`.
pub(super) struct Hook<'a, AutoScaling, C> {
    pub(super) auto_scaling: &'a AutoScaling,
    pub(super) clock: &'a C,
    pub(super) until: DateTime<Utc>,
    pub(super) action: LifecycleAction,
    pub(super) timing: DrainTiming,
    /// When to try to read the hook; none once it has been read.
    pub(super) read_at: Option<DateTime<Utc>>,
    pub(super) last_heartbeat: Option<DateTime<Utc>>,
    /// When the last heartbeat was tried, whatever came of it.
    pub(super) last_tried: Option<DateTime<Utc>>,
}

impl<AutoScaling: LifecycleActions, C: Clock> Hook<'_, AutoScaling, C> {
    /// Reads the hook's timeouts, where that has not worked yet, and records a heartbeat where one is due. A failure
    /// of either does not hold up the drain: until the hook is read the strictest timeouts are taken, and two more
    /// heartbeats fit into its timeout.
    pub(super) async fn keep_alive(&mut self) -> LifecycleActionState {
        if self.read_at.is_some_and(|at| self.clock.now() >= at) {
            self.read().await;
        }
        let now = self.clock.now();
        if !self.timing.heartbeat_due(self.last_heartbeat, now) {
            return LifecycleActionState::Active;
        }
        self.last_tried = Some(now);
        let call = self.auto_scaling.record_heartbeat(&self.action);
        match self.meanwhile("autoscaling:RecordLifecycleActionHeartbeat", call).await {
            Ok(state) => {
                self.last_heartbeat = Some(now);
                tracing::debug!(?state, "heartbeat recorded");
                state
            }
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "the heartbeat failed: tried again with the next look");
                LifecycleActionState::Active
            }
        }
    }

    /// Whether the action is known to be open: it has just begun, or a heartbeat found it.
    pub(super) fn known_open(&self) -> bool {
        self.last_heartbeat.is_some()
    }

    /// When to see to it again that the hook is kept alive.
    pub(super) fn next_keep_alive(&self) -> DateTime<Utc> {
        self.timing.next_heartbeat(self.last_tried, self.clock.now())
    }

    async fn read(&mut self) {
        let call = self.auto_scaling.describe_hook(&self.action);
        match self.meanwhile("autoscaling:DescribeLifecycleHooks", call).await {
            Ok(hook) => {
                if hook.is_none() {
                    tracing::warn!("the group has no such hook any more");
                }
                self.timing.hook = hook;
                self.read_at = None;
            }
            Err(error) => {
                tracing::error!(
                    error = %ErrorChain(&error),
                    "the hook's timeouts can't be read: taken for the shortest there are"
                );
                self.read_at = Some(self.clock.now() + HOOK_RETRY);
            }
        }
    }

    pub(super) async fn complete(
        &self,
        reason: CompleteReason,
        until: DateTime<Utc>,
    ) -> Result<Outcome, CallError> {
        let call = self.auto_scaling.complete(&self.action, LifecycleActionResult::Continue);
        match self.before(until, "autoscaling:CompleteLifecycleAction", call).await? {
            LifecycleActionState::Gone => Ok(self.gone()),
            LifecycleActionState::Active => {
                match reason {
                    CompleteReason::Drained => tracing::info!(%reason, "hook completed"),
                    CompleteReason::NotInCluster => tracing::warn!(%reason, "hook completed"),
                }
                Ok(Outcome::Completed { reason })
            }
        }
    }

    /// Somebody was first, which is as good as done.
    pub(super) fn gone(&self) -> Outcome {
        tracing::info!(
            action = %self.action.id,
            "no active lifecycle action: it was completed before, or has timed out"
        );
        Outcome::ActionGone
    }

    /// A call that the drain does not depend on.
    async fn meanwhile<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        self.before(self.until.min(self.clock.now() + KEEP_ALIVE_PATIENCE), operation, call).await
    }

    async fn before<T>(
        &self,
        until: DateTime<Utc>,
        operation: &'static str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        within(self.clock, until, operation, &self.action.hook, call).await
    }
}
