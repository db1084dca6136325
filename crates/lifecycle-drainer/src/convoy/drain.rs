//! One instance's drain, as far as one invocation knows of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::{
    CompleteReason, Decision, Diagnosis, DrainTiming, OnDrainTimeout, Sight, StopPlan, WaitReason,
    decide_in_time,
};
use fleetkeeper_core::lifecycle::LifecycleAction;
use fleetkeeper_core::task::Task;

use crate::outcome::Outcome;

/// What is known of a lifecycle action that has not ended, as far as is known. That an instance waits does not say that it
/// is open: it may wait at another hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionIs {
    /// Nothing.
    Unknown,
    /// Nothing, and something is to be done once it is.
    ToBeAskedFor,
    /// It has just begun, or a heartbeat found it.
    Open,
}

/// A drain.
#[derive(Debug)]
pub(super) struct Drain {
    pub(super) ec2_instance_id: Ec2InstanceId,
    /// Whether this invocation's message is about it. Others are carried along.
    pub(super) own: bool,
    pub(super) action: LifecycleAction,
    pub(super) timing: DrainTiming,
    pub(super) last_heartbeat: Option<DateTime<Utc>>,
    pub(super) action_is: ActionIs,
    /// When the last heartbeat was tried, whatever came of it.
    pub(super) last_tried: Option<DateTime<Utc>>,
    pub(super) sight: Sight,
    /// When it was looked at in this round. It is decided by that time: what passes while others are looked at shows nothing
    /// of it, and nothing is done by what was seen before.
    pub(super) looked_at: Option<DateTime<Utc>>,
    /// When its stopping tasks were last looked at.
    pub(super) tasks_looked_at: Option<DateTime<Utc>>,
    pub(super) plan: Option<StopPlan>,
    pub(super) waiting_for: Option<WaitReason>,
    /// Why, as it was last explained.
    pub(super) diagnosis: Option<Diagnosis>,
    pub(super) explained_at: Option<DateTime<Utc>>,
    /// How many tasks have stopped since the drain began.
    pub(super) drained_tasks: u32,
    /// Whether its end has been told as metrics.
    pub(super) told: bool,
    /// Since when there is something to do about it.
    ready_since: Option<DateTime<Utc>>,
    pub(super) ended: Option<Outcome>,
}

impl Drain {
    pub(super) fn new(
        ec2_instance_id: Ec2InstanceId,
        action: LifecycleAction,
        timing: DrainTiming,
        own: bool,
    ) -> Self {
        Self {
            ec2_instance_id,
            own,
            action,
            timing,
            last_heartbeat: None,
            action_is: ActionIs::Unknown,
            last_tried: None,
            sight: Sight::default(),
            looked_at: None,
            tasks_looked_at: None,
            plan: None,
            waiting_for: None,
            diagnosis: None,
            explained_at: None,
            drained_tasks: 0,
            told: false,
            ready_since: None,
            ended: None,
        }
    }

    fn known_open(&self) -> bool {
        self.action_is == ActionIs::Open
    }

    /// Whether to record a heartbeat. Past the drain's end none is, but where tasks would have to be stopped for an action
    /// that is not known to be open: it is asked for.
    pub(super) fn heartbeat_due(&self, policy: OnDrainTimeout, now: DateTime<Utc>) -> bool {
        let asks = if policy == OnDrainTimeout::StopTasks {
            let asks = self.action_is == ActionIs::ToBeAskedFor || now >= self.timing.stops_from();
            asks && now < self.timing.hook_has_ended_by()
        } else {
            self.action_is == ActionIs::ToBeAskedFor && now < self.timing.end()
        };
        asks && !self.known_open() || self.timing.heartbeat_due(self.last_heartbeat, now)
    }

    /// What to do about it now. What there is to do about another's instance is left to others for as long as `patience`
    /// goes: then there is nothing to do.
    pub(super) fn decide(
        &mut self,
        policy: OnDrainTimeout,
        patience: Duration,
        now: DateTime<Utc>,
    ) -> Option<Decision> {
        let (plan, open) = (self.plan.as_ref(), self.known_open());
        let decision = decide_in_time(&self.sight, &self.timing, policy, plan, open, now);
        if matches!(decision, Decision::Wait(_)) {
            self.ready_since = None;
            return Some(decision);
        }
        let ready_since = *self.ready_since.get_or_insert(now);
        if !self.own && now < ready_since + patience {
            return None;
        }
        if matches!(decision, Decision::SetDraining(_)) && !open {
            self.action_is = ActionIs::ToBeAskedFor;
            return Some(Decision::Wait(WaitReason::Unconfirmed));
        }
        Some(decision)
    }

    /// Whether it waits, or was ended before it was drained.
    pub(super) fn unfinished(&self) -> bool {
        matches!(self.ended, None | Some(Outcome::Completed { reason: CompleteReason::TimeUp(_) }))
    }

    /// Takes in all its tasks.
    pub(super) fn see_tasks(&mut self, tasks: Vec<Task>, missing: usize) {
        self.count_stopped(&tasks);
        self.sight.see_tasks(tasks, missing);
    }

    /// Counts those of all its tasks that have stopped since the drain began. ECS tells of them for an hour only: what was
    /// counted once stays so.
    pub(super) fn count_stopped(&mut self, tasks: &[Task]) {
        let stopped = tasks.iter().filter(|task| task.stopped_at.is_some_and(|at| at >= self.timing.began));
        self.drained_tasks = self.drained_tasks.max(u32::try_from(stopped.count()).unwrap_or(u32::MAX));
    }

    /// One line a reason, not one a look.
    pub(super) fn say(&mut self, reason: WaitReason) {
        if self.waiting_for.as_ref() == Some(&reason) {
            self.in_span(|| tracing::debug!(%reason, "still waiting"));
        } else {
            self.in_span(|| tracing::info!(%reason, "waiting"));
            self.waiting_for = Some(reason);
        }
    }

    /// Logs with the instance's id, where the invocation's own is another.
    pub(super) fn in_span(&self, log: impl FnOnce()) {
        if self.own {
            log();
        } else {
            let id = self.ec2_instance_id.as_str();
            tracing::error_span!("carried", ec2InstanceId = id).in_scope(log);
        }
    }
}
