//! What a drain's deadline adds to its decisions.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::decision::{CompleteReason, Decision, WaitReason, decide};
use super::on_drain_timeout::OnDrainTimeout;
use super::sight::Sight;
use super::timing::DrainTiming;
use crate::task::TaskArn;

/// Kept of a drain's time beside the longest stop timeout: for `StopTask` to be heard and the end to be seen.
pub const STOP_SLACK: Duration = Duration::from_secs(30);

/// What there is to stop is read this long before the deadline: stop timeouts are rarely longer, and one that is has what
/// is left.
pub const PLAN_AHEAD: Duration = Duration::from_secs(600);

/// A plan that left tasks running is made anew after this long.
const PLAN_AGAIN: Duration = Duration::from_secs(30);

/// What of a drain is to be stopped before its deadline, as far as this invocation has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopPlan {
    /// The tasks that ECS wants to run.
    pub tasks: Vec<TaskArn>,
    /// The longest stop timeout among them.
    pub longest_stop_timeout: Duration,
    /// When this was read.
    pub read_at: DateTime<Utc>,
}

impl StopPlan {
    /// What stopping takes, in a drain that may take `drain` in all: never more than half of it.
    #[must_use]
    pub fn takes(&self, drain: Duration) -> Duration {
        (self.longest_stop_timeout + STOP_SLACK).min(drain / 2)
    }
}

/// Decides as [`decide`] does, and where that waits, by the time that the drain has left. `open` is whether the lifecycle
/// action is known to be open: nothing is stopped for one that may be over.
pub fn decide_in_time(
    sight: &Sight,
    timing: &DrainTiming,
    policy: OnDrainTimeout,
    plan: Option<&StopPlan>,
    open: bool,
    now: DateTime<Utc>,
) -> Decision {
    let decision = decide(sight, timing.began, now);
    if matches!(decision, Decision::Complete(_)) {
        return decision;
    }
    let deadline = timing.deadline();
    if policy != OnDrainTimeout::StopTasks || !open {
        return if now < deadline { decision } else { Decision::Complete(CompleteReason::TimeUp(policy)) };
    }
    let Decision::Wait(reason) = decision else { return decision };
    let drain = timing.longest();
    let takes = plan.map_or(Duration::ZERO, |plan| plan.takes(drain));
    if reason.has_tasks() {
        let plan_from = deadline - PLAN_AHEAD.min(drain / 2);
        match plan {
            None if now >= plan_from => return Decision::PlanStops,
            Some(plan) if now >= deadline - takes && !plan.tasks.is_empty() => {
                return Decision::StopTasks(plan.tasks.clone());
            }
            Some(plan) if reason.has_running_tasks() && now >= plan.read_at + PLAN_AGAIN => {
                return Decision::PlanStops;
            }
            _ => {}
        }
    }
    if now < timing.end() {
        Decision::Wait(reason)
    } else {
        Decision::Complete(CompleteReason::TimeUp(policy))
    }
}

impl WaitReason {
    /// Whether there may be tasks to stop.
    fn has_tasks(&self) -> bool {
        match self {
            Self::NotSeen | Self::Missing | Self::Unconfirmed => false,
            Self::JustSetDraining
            | Self::Settling
            | Self::Registering
            | Self::UnknownStatus(_)
            | Self::TasksRunning { .. }
            | Self::TasksStopping(_)
            | Self::TasksMissing => true,
        }
    }

    /// Whether there may be tasks that ECS wants to run.
    fn has_running_tasks(&self) -> bool {
        matches!(self, Self::TasksRunning { .. } | Self::UnknownStatus(_) | Self::Registering)
    }
}
