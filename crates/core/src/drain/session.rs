//! One drain, from the first poll of its instance to the end of its lifecycle action. A state
//! machine without I/O: [`Session::next`] gives the next step, and what came of it is recorded.

mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::evidence::{Evidence, Seen};
use super::observation::Observation;
use super::on_drain_timeout::OnDrainTimeout;
use super::reason::{CompleteReason, WaitReason};
use super::schedule::Schedule;
use super::troubles::{Kind, Troubles};
use super::waiting_action::{Shown, WaitingAction};
use crate::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use crate::drain::diagnosis::{Diagnosis, next_diagnosis};
use crate::lifecycle::{LifecycleAction, LifecycleActionState};
use crate::ports::CallError;
use crate::task::TaskArn;

/// The next step of a drain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Record a heartbeat; the answer also shows whether the action is open.
    Heartbeat,
    /// Ask the cluster for the EC2 instance, and describe what it lists and these known
    /// registrations.
    Find(Vec<ContainerInstanceArn>),
    /// Ask the cluster for ACTIVE registrations of the EC2 instance.
    FindActive,
    /// Find out whether the cluster is the right one.
    ProveCluster,
    /// Describe these registrations.
    Describe(Vec<ContainerInstanceArn>),
    /// Set these registrations DRAINING.
    SetDraining(Vec<ContainerInstanceArn>),
    /// List the tasks of these registrations, to run and to stop.
    List(Vec<ContainerInstanceArn>),
    /// Describe these tasks.
    DescribeTasks(Vec<TaskArn>),
    /// Stop these tasks.
    StopTasks(Vec<TaskArn>),
    /// Complete the hook.
    Complete(CompleteReason),
    /// Nothing to do until then.
    Wait(DateTime<Utc>),
    /// The drain has ended.
    End,
}

/// How a drain ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrainEnd {
    /// The hook was completed.
    Completed(CompleteReason),
    /// The action was over: somebody else completed it, its instance or group is gone, or the
    /// instance's termination has superseded it.
    ActionGone,
    /// The action was over before these tasks had stopped.
    CutShort {
        /// How many.
        unfinished: usize,
    },
}

/// The beginning of a drain.
#[derive(Debug, Clone)]
pub struct DrainRequest {
    /// The instance.
    pub ec2_instance_id: Ec2InstanceId,
    /// The lifecycle action.
    pub action: LifecycleAction,
    /// Its times.
    pub schedule: Schedule,
    /// Its policy.
    pub policy: OnDrainTimeout,
    /// Between two polls of its tasks.
    pub poll_interval: Duration,
    /// How long the cluster must not have listed the instance before that is believed.
    pub absence_allowance: Duration,
    /// True if its action is known to have just begun. Its start counts as a heartbeat.
    pub is_fresh: bool,
    /// True if it is only looked after in passing: its tasks are listed where ECS counts none any
    /// more.
    pub in_passing: bool,
    /// An earlier invocation's knowledge of its instance.
    pub seen: Seen,
}

/// A drain.
#[derive(Debug)]
pub struct Session {
    request: DrainRequest,
    evidence: Evidence,
    waiting: WaitingAction,
    stop_asked: BTreeSet<TaskArn>,
    stops_listed: bool,
    troubles: Troubles,
    last_check_done: bool,
    is_blind: bool,
    diagnosis: Option<(DateTime<Utc>, Diagnosis)>,
    diagnosis_tried: Option<DateTime<Utc>>,
    end: Option<DrainEnd>,
}

impl Session {
    /// A drain that begins.
    #[must_use]
    pub fn new(request: DrainRequest) -> Self {
        let began = request.schedule.began;
        Self {
            waiting: if request.is_fresh { WaitingAction::fresh(began) } else { WaitingAction::unknown() },
            evidence: Evidence::after(request.seen),
            request,
            stop_asked: BTreeSet::new(),
            stops_listed: false,
            troubles: Troubles::default(),
            last_check_done: false,
            is_blind: false,
            diagnosis: None,
            diagnosis_tried: None,
            end: None,
        }
    }

    /// The instance.
    #[must_use]
    pub fn ec2_instance_id(&self) -> &Ec2InstanceId {
        &self.request.ec2_instance_id
    }

    /// The lifecycle action.
    #[must_use]
    pub fn action(&self) -> &LifecycleAction {
        &self.request.action
    }

    /// Its times.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.request.schedule
    }

    /// Takes in what was learned of its times.
    pub fn reschedule(&mut self, schedule: Schedule) {
        self.request.schedule = schedule;
    }

    /// Sets whether its group cannot be read.
    pub fn set_blind(&mut self, is_blind: bool) {
        self.is_blind = is_blind;
    }

    /// From now on the drain is worked on in full.
    pub fn take_over(&mut self) {
        self.request.in_passing = false;
    }

    /// The evidence so far.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<&DrainEnd> {
        self.end.as_ref()
    }

    /// Returns whether its action is known to be open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.waiting.is_open()
    }

    /// When Auto Scaling said that its action is over, if the group was not asked since.
    #[must_use]
    pub fn said_gone_at(&self) -> Option<DateTime<Utc>> {
        self.waiting.said_gone_at()
    }

    /// The failures that go on.
    #[must_use]
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// The last diagnosis, and when it was made.
    #[must_use]
    pub fn diagnosis(&self) -> Option<&(DateTime<Utc>, Diagnosis)> {
        self.diagnosis.as_ref()
    }

    /// The next step. `cluster_is_right` is whether the cluster is known to be the group's, if that
    /// was found out.
    pub fn next(&self, cluster_is_right: Option<bool>, now: DateTime<Utc>) -> Step {
        if self.end.is_some() {
            return Step::End;
        }
        if self.waiting.is_over() || now >= self.schedule().hook_has_ended_by() {
            let unfinished = self.evidence.unfinished_at_the_end();
            let check = !unfinished.is_empty() && !self.last_check_done && !self.waiting.is_superseded();
            return if check { Step::DescribeTasks(unfinished) } else { Step::End };
        }
        let completion = self.completion(cluster_is_right, now);
        let retry = self.troubles.retry_at(Kind::Complete, now);
        let retry = retry.max(self.waiting.completion_waits_until().filter(|until| *until > now));
        if self.heartbeat_due_at(now) <= now {
            // Where a heartbeat fails, a completion shows whether an action is open that is said to
            // be gone.
            let asks = retry.is_none() && self.waiting.asked_in_vain_at().is_some();
            return completion.filter(|_| asks).map_or(Step::Heartbeat, Step::Complete);
        }
        let step = match completion {
            Some(reason) if retry.is_none() && self.said_gone_at().is_none() => Step::Complete(reason),
            Some(_) => Step::Wait(retry.unwrap_or_else(|| self.heartbeat_due_at(now))),
            None => self.poll(cluster_is_right, now),
        };
        match step {
            Step::Wait(until) => Step::Wait(self.wake_by(until, now)),
            step => step,
        }
    }

    /// No wait sleeps through a heartbeat or a deadline.
    fn wake_by(&self, until: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        let schedule = self.schedule();
        let due =
            [schedule.deadline(self.request.policy), schedule.last_moment(), schedule.hook_has_ended_by()];
        let due = due.into_iter().filter(|at| *at > now);
        due.chain([self.heartbeat_due_at(now)]).fold(until, DateTime::min).max(now)
    }

    fn heartbeat_due_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.waiting.heartbeat_due_at(self.schedule().heartbeat_interval(), now)
    }

    /// The reason that it waits.
    #[must_use]
    pub fn waiting_for(&self, now: DateTime<Utc>) -> Option<WaitReason> {
        let evidence = &self.evidence;
        if self.end.is_some() || !evidence.was_sought() {
            return None;
        }
        if evidence.registrations().next().is_none() {
            return Some(if evidence.is_unresolved() { WaitReason::Missing } else { WaitReason::NotListed });
        }
        if !evidence.active().is_empty() {
            return Some(if self.is_open() { WaitReason::NotDraining } else { WaitReason::Unconfirmed });
        }
        let (running, stopping, missing) = evidence.counts();
        Some(match (running, stopping, missing) {
            (1.., _, _) => WaitReason::TasksRunning(running + stopping + missing),
            (0, 1.., _) => WaitReason::TasksStopping(stopping + missing),
            (0, 0, 1..) => WaitReason::TasksMissing(missing),
            (0, 0, 0) => match self.unsettled_status(now) {
                Some(reason) => reason,
                None if !evidence.unlisted().is_empty() && evidence.counted() > 0 => {
                    WaitReason::TasksRunning(usize::try_from(evidence.counted()).unwrap_or(usize::MAX))
                }
                None if !evidence.unlisted().is_empty() => WaitReason::TasksUnlisted,
                None => WaitReason::Settling,
            },
        })
    }

    /// Returns whether a diagnosis is due: it waits for tasks that were described, and has done so
    /// for a while.
    #[must_use]
    pub fn diagnosis_due(&self, now: DateTime<Utc>) -> bool {
        let waits = self.end.is_none() && self.evidence.unfinished_tasks().next().is_some();
        waits && now >= next_diagnosis(self.schedule().began, self.diagnosis_tried, now)
    }

    /// A diagnosis was tried, and perhaps made.
    pub fn diagnosed(&mut self, diagnosis: Option<Diagnosis>, now: DateTime<Utc>) {
        self.diagnosis_tried = Some(now);
        if let Some(diagnosis) = diagnosis {
            self.diagnosis = Some((now, diagnosis));
        }
    }

    /// A call failed for this drain.
    pub fn failed(&mut self, kind: Kind, error: Arc<CallError>, now: DateTime<Utc>) {
        // The action is over: what can't be read once more stays as it was.
        self.last_check_done |= kind == Kind::DescribeTasks && self.waiting.is_over();
        self.troubles.failed(kind, error, now);
    }

    /// The answer to a heartbeat.
    pub fn heartbeat(
        &mut self,
        answer: Option<LifecycleActionState>,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        self.waiting.heartbeat(answer, began, now);
    }

    /// Returns whether heartbeats have failed for more than half of the hook's timeout: true once.
    pub fn heartbeats_fail(&mut self, now: DateTime<Utc>) -> bool {
        self.waiting.heartbeats_fail(self.schedule().heartbeat_timeout(), now)
    }

    /// The answer to the completion of its hook.
    pub fn completed(&mut self, reason: CompleteReason, answer: LifecycleActionState, now: DateTime<Utc>) {
        self.waiting.completion(reason, answer, now);
        self.end_if_completed();
    }

    /// An instance whose tasks lost their host was not drained, although they have stopped.
    fn end_if_completed(&mut self) {
        let Some(reason) = self.waiting.completed() else { return };
        let killed = self.evidence.killed(None);
        self.end.get_or_insert(match reason {
            CompleteReason::Drained if killed > 0 => DrainEnd::CutShort { unfinished: killed },
            reason => DrainEnd::Completed(reason),
        });
    }

    /// The completion of its hook failed, and may have taken effect. Where heartbeats have failed
    /// for as long as the hook waits for one, the hook may as well have run out before: that is no
    /// success.
    pub fn completion_is_uncertain(&mut self, reason: CompleteReason, now: DateTime<Utc>) {
        let run_out = self.waiting.may_have_run_out(self.schedule().heartbeat_timeout());
        if run_out.is_none_or(|run_out| now < run_out) {
            self.waiting.completion_is_uncertain(reason);
        }
    }

    /// Returns whether a completion of its hook was sent and not answered.
    #[must_use]
    pub fn may_have_completed(&self) -> bool {
        self.waiting.uncertain().is_some()
    }

    /// Takes in the group, read at `now`.
    pub fn group_shows(&mut self, shown: Shown, now: DateTime<Utc>) {
        self.waiting.group_shows(shown, now);
        self.end_if_completed();
    }

    /// The action is over: its group is gone.
    pub fn group_is_gone(&mut self) {
        // Its instances are gone with it: tasks that ECS shows as STOPPED from now on were killed.
        self.last_check_done = true;
        self.waiting.group_is_gone();
    }

    /// Returns whether the instance is in no cluster that is known to be the right one.
    #[must_use]
    pub fn is_in_no_known_cluster(&self, cluster_is_right: Option<bool>, now: DateTime<Utc>) -> bool {
        self.is_absent(now) && !self.evidence.was_in_cluster() && cluster_is_right == Some(false)
    }

    /// Returns whether its action was ever known to be open, or its instance seen.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.waiting.was_open() || self.evidence.was_sought()
    }

    /// Returns whether its hook was completed here, or its action was open and its instance sought.
    #[must_use]
    pub fn was_worked_on(&self) -> bool {
        let completed = matches!(self.end, Some(DrainEnd::Completed(_)));
        completed || self.waiting.was_open() && self.evidence.was_sought()
    }

    /// The drain ended without a completion of its own.
    pub fn conclude(&mut self) {
        let run_out = self.waiting.may_have_run_out(self.schedule().heartbeat_timeout());
        let unfinished = self.evidence.unfinished_at_the_end().len() + self.evidence.killed(run_out);
        let cut_short = unfinished > 0 && !self.waiting.is_superseded();
        self.end.get_or_insert(if cut_short {
            DrainEnd::CutShort { unfinished }
        } else {
            DrainEnd::ActionGone
        });
    }

    /// Takes in the result of a step. `all` is false where the call did not reach all of its
    /// resources.
    pub fn record(&mut self, observation: &Observation, all: bool, now: DateTime<Utc>) {
        if all {
            self.troubles.succeeded(observation.kind());
        }
        let id = &self.request.ec2_instance_id;
        match observation {
            Observation::Found { described, unresolved } => {
                self.evidence.find(id, described, *unresolved, now);
            }
            Observation::FoundActive(any) => self.evidence.find_active(*any, now),
            Observation::Described(described) => self.evidence.describe(id, described, now),
            Observation::SetDraining(answered) => self.evidence.set_draining(answered, now),
            Observation::Listed { on, lists, began } => {
                self.evidence.list(on, lists, *began, now);
                let deadline = self.schedule().deadline(self.request.policy);
                self.stops_listed |= *began >= deadline && self.evidence.unlisted().is_empty();
            }
            Observation::Polled { described, missing } => {
                self.last_check_done |= self.waiting.is_over() || now >= self.schedule().hook_has_ended_by();
                self.evidence.poll(described, missing, now);
            }
            Observation::StopAsked(task) => {
                self.stop_asked.insert(task.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
