//! The lifecycle actions that wait for the drains: their hook read, each kept alive and completed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::drain::{CompleteReason, OnDrainTimeout};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::lifecycle::{
    LifecycleAction, LifecycleActionResult, LifecycleActionState, LifecycleHook,
};
use fleetkeeper_core::ports::{CallError, Clock, LifecycleActions};
use fleetkeeper_core::time_left::within;
use futures_util::{StreamExt, stream};

use super::drain::{ActionIs, Drain};
use crate::outcome::Outcome;

/// A hook that could not be read is tried again after this long.
const HOOK_RETRY: Duration = Duration::from_secs(30);

/// What does not answer within this time is not waited for while tasks are to be looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// Calls under way at once.
const IN_FLIGHT: usize = 8;

/// The actions at a hook, and the calls on them. Each is bounded by `until`.
pub(super) struct Actions<'a, AutoScaling, C> {
    pub(super) auto_scaling: &'a AutoScaling,
    pub(super) clock: &'a C,
    pub(super) until: DateTime<Utc>,
    pub(super) hook: Option<LifecycleHook>,
    /// When to try to read the hook; none once it has been read.
    pub(super) read_at: Option<DateTime<Utc>>,
}

impl<AutoScaling: LifecycleActions, C: Clock> Actions<'_, AutoScaling, C> {
    /// Reads the hook's timeouts, where that has not worked yet. A failure does not hold up the drains: until the hook is
    /// read the strictest timeouts are taken.
    pub(super) async fn read_hook(&mut self, of: &LifecycleAction) {
        if self.read_at.is_none_or(|at| self.clock.now() < at) {
            return;
        }
        let call = self.auto_scaling.describe_hook(of);
        match self.meanwhile("autoscaling:DescribeLifecycleHooks", of, call).await {
            Ok(hook) => {
                if hook.is_none() {
                    tracing::warn!("the group has no such hook any more");
                }
                self.hook = hook;
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

    /// Records a heartbeat for each drain where one is due. A failure does not hold up the drains: two more heartbeats fit
    /// into the hook's timeout.
    pub(super) async fn keep_alive(&self, policy: OnDrainTimeout, drains: impl Iterator<Item = &mut Drain>) {
        let now = self.clock.now();
        let due = drains.filter(|drain| drain.heartbeat_due(policy, now));
        let beats = stream::iter(due).map(|drain| async move {
            // Of many the last are sent some time after the first: by then it may be too late for one.
            let now = self.clock.now();
            if !drain.heartbeat_due(policy, now) {
                return None;
            }
            drain.last_tried = Some(now);
            let call = self.auto_scaling.record_heartbeat(&drain.action);
            let beat =
                self.meanwhile("autoscaling:RecordLifecycleActionHeartbeat", &drain.action, call).await;
            Some((drain, now, beat))
        });
        let mut beats = beats.buffer_unordered(IN_FLIGHT);
        while let Some(sent) = beats.next().await {
            let Some((drain, now, beat)) = sent else { continue };
            match beat {
                Ok(LifecycleActionState::Active) => {
                    drain.last_heartbeat = Some(now);
                    drain.action_is = ActionIs::Open;
                    drain.in_span(|| tracing::debug!("heartbeat recorded"));
                }
                Ok(LifecycleActionState::Gone) => drain.ended = Some(gone(drain)),
                Err(error) => drain.in_span(|| {
                    tracing::error!(
                        error = %ErrorChain(&error),
                        "the heartbeat failed: tried again with the next look"
                    );
                }),
            }
        }
    }

    /// Completes the drains' actions, each for its reason.
    pub(super) async fn complete(&self, drains: Vec<(&mut Drain, CompleteReason)>) -> Result<(), CallError> {
        const OPERATION: &str = "autoscaling:CompleteLifecycleAction";
        let calls = stream::iter(drains).map(|(drain, reason)| async move {
            let result = match reason {
                CompleteReason::TimeUp(OnDrainTimeout::Abandon) => LifecycleActionResult::Abandon,
                _ => LifecycleActionResult::Continue,
            };
            let call = self.auto_scaling.complete(&drain.action, result);
            let completed = self.before(self.until, OPERATION, &drain.action, call).await;
            (drain, reason, completed)
        });
        let mut calls = calls.buffer_unordered(IN_FLIGHT);
        let mut failed = None;
        while let Some((drain, reason, completed)) = calls.next().await {
            match completed {
                Ok(LifecycleActionState::Gone) => drain.ended = Some(gone(drain)),
                Ok(LifecycleActionState::Active) => {
                    drain.in_span(|| match reason {
                        CompleteReason::Drained => tracing::info!(%reason, "hook completed"),
                        CompleteReason::NotInCluster | CompleteReason::TimeUp(_) => {
                            tracing::warn!(%reason, "hook completed");
                        }
                    });
                    drain.ended = Some(Outcome::Completed { reason });
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// A call that the drains do not depend on.
    pub(super) async fn meanwhile<T>(
        &self,
        operation: &'static str,
        action: &LifecycleAction,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        self.before(self.until.min(self.clock.now() + PATIENCE), operation, action, call).await
    }

    async fn before<T>(
        &self,
        until: DateTime<Utc>,
        operation: &'static str,
        action: &LifecycleAction,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let resource = format!("hook {} of group {}", action.hook, action.group);
        within(self.clock, until, operation, &resource, call).await
    }
}

/// Somebody was first, which is as good as done.
fn gone(drain: &Drain) -> Outcome {
    drain.in_span(|| {
        tracing::info!(
            action = %drain.action.id,
            "no active lifecycle action: it was completed before, or has timed out"
        );
    });
    Outcome::ActionGone
}
