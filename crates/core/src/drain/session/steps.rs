//! What a drain does next: why its hook may be completed, and what is read of ECS before that.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Session, Step};
use crate::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use crate::drain::on_drain_timeout::OnDrainTimeout;
use crate::drain::reason::{CompleteReason, WaitReason};
use crate::drain::schedule::STOPPING_TAKES;
use crate::drain::troubles::Kind;
use crate::lifecycle::LifecycleActionId;
use crate::ports::READS_LAG_MAX;
use crate::task::TaskArn;

/// Stopping tasks are polled this often: they end within seconds.
const STOPPING_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The instance itself is described this often while its tasks are polled: somebody may deregister
/// it, or set it back to ACTIVE. As often it is sought anew: an agent that lost its state registers
/// it once more, and what ran before never stops for ECS.
const INSTANCE_POLL_INTERVAL: Duration = Duration::from_secs(300);

/// The poll interval of a drain whose group cannot be read: hundreds of others may poll as well.
const BLIND_POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Between two searches for an instance that the cluster does not list.
const SEARCH_INTERVAL: Duration = Duration::from_secs(20);

/// How long after its action's start a REGISTERING instance is waited for. One that stays so never
/// takes tasks.
const REGISTRATION_PATIENCE: Duration = Duration::from_secs(120);

/// An invocation waits for tasks of which nothing is seen any more at least this long after it
/// first listed them.
const UNSEEN_AT_LEAST: Duration = Duration::from_secs(30);

/// Tasks are stopped on no older answer that the action of a message is open. Somebody may have
/// completed it, or the instance's termination may have superseded it: its drain has more time.
const FRESH_ACTION: Duration = Duration::from_secs(15);

/// The hook of a drain whose time is up is completed on no older snapshot of its instance.
const FRESH_SNAPSHOT: Duration = Duration::from_secs(15);

impl Session {
    /// Why the hook may be completed now, if it may.
    pub(super) fn completion(
        &self,
        cluster_is_right: Option<bool>,
        now: DateTime<Utc>,
    ) -> Option<CompleteReason> {
        if let Some(reason) = self.waiting.uncertain() {
            return Some(reason);
        }
        let policy = self.request.policy;
        let time_is_up = now >= self.schedule().deadline(policy);
        if time_is_up && policy != OnDrainTimeout::StopTasks {
            return Some(CompleteReason::TimeUp(policy));
        }
        if self.is_absent(now) {
            let proven = self.evidence.was_in_cluster() || cluster_is_right == Some(true);
            return proven.then_some(CompleteReason::NotInCluster);
        }
        let stopped = || {
            let stopped = !self.stop_asked.is_empty() || self.evidence.drainer_stopped_tasks();
            if stopped { CompleteReason::TimeUp(policy) } else { CompleteReason::Drained }
        };
        if let Some(from) = self.evidence.confirm_from() {
            let confirmed = now >= from
                && self.evidence.active().is_empty()
                && self.evidence.none_active_since(from)
                && self.evidence.lists_agree_since(from, now)
                && self.unsettled_status(now).is_none();
            if confirmed {
                return Some(stopped());
            }
        }
        let fails = |kind| self.troubles.retry_at(kind, now).is_some();
        let searched = (self.has_searched_for_active(now) || fails(Kind::FindActive))
            && (self.was_described_lately(now) || fails(Kind::Describe));
        (self.policy_is_done(now) && searched).then_some(CompleteReason::TimeUp(policy))
    }

    /// Returns whether the policy `stop-tasks` has run, and there is nothing more to wait for.
    fn policy_is_done(&self, now: DateTime<Utc>) -> bool {
        let deadline = self.schedule().deadline(self.request.policy);
        if !(now >= deadline && self.stops_listed && self.is_open() && self.left_to_stop().is_empty()) {
            return false;
        }
        // A task that ECS does not find, or that no agent reports, may never be seen STOPPED.
        let (running, stopping, missing) = self.evidence.counts();
        let only_missing = (running, stopping) == (0, 0) && missing > 0;
        let unseen = only_missing || running + stopping > 0 && !self.evidence.agent_connected();
        // Tasks that were asked to stop have stopped by then. A drain may be begun only after its
        // time: then, too, an agent that is away may come back.
        let for_long = now >= deadline + STOPPING_TAKES
            && self.evidence.first_listed_at().is_some_and(|at| now >= at + UNSEEN_AT_LEAST);
        now >= self.schedule().last_moment() || unseen && for_long
    }

    /// Returns whether ACTIVE registrations were searched for just before, and none was new: an
    /// agent that lost its state may have registered the instance anew since it was found. Those
    /// that cannot be set DRAINING are known.
    fn has_searched_for_active(&self, now: DateTime<Utc>) -> bool {
        self.evidence.none_active_since(now - FRESH_SNAPSHOT) || !self.evidence.active().is_empty()
    }

    /// Returns whether the registrations were described just before: an agent that was away may be
    /// back, and report what stops.
    fn was_described_lately(&self, now: DateTime<Utc>) -> bool {
        self.evidence.described_at().is_some_and(|at| at >= now - FRESH_SNAPSHOT)
    }

    /// The tasks that nobody has asked to stop, as far as is known.
    fn left_to_stop(&self) -> Vec<TaskArn> {
        let mut to_stop = self.evidence.to_stop();
        to_stop.retain(|task| !self.stop_asked.contains(task));
        to_stop
    }

    /// Returns whether the cluster has not listed the instance for long enough to believe that.
    pub(super) fn is_absent(&self, now: DateTime<Utc>) -> bool {
        let Some(since) = self.evidence.absent_since() else { return false };
        let believed = since + self.absence_allowance();
        now >= believed && self.evidence.found_at().is_some_and(|at| at >= believed)
    }

    fn absence_allowance(&self) -> Duration {
        if self.evidence.was_deregistered() { READS_LAG_MAX } else { self.request.absence_allowance }
    }

    /// A registration whose status may still change to one that takes tasks.
    pub(super) fn unsettled_status(&self, now: DateTime<Utc>) -> Option<WaitReason> {
        let waits = now < self.schedule().began + REGISTRATION_PATIENCE;
        self.evidence.registrations().find_map(|it| match &it.status {
            ContainerInstanceStatus::Registering if waits => Some(WaitReason::Registering),
            ContainerInstanceStatus::Other(status) => Some(WaitReason::UnknownStatus(status.clone())),
            _ => None,
        })
    }

    /// The next read of ECS, or change to it. A call that failed is due again after its pause, and
    /// the others do not wait for it.
    pub(super) fn poll(&self, cluster_is_right: Option<bool>, now: DateTime<Utc>) -> Step {
        let steps = if !self.evidence.was_sought() {
            vec![(Kind::Find, now, self.find())]
        } else if self.evidence.registrations().next().is_none() {
            vec![self.seek(cluster_is_right, now)]
        } else {
            self.steps(now)
        };
        let mut until: Option<DateTime<Utc>> = None;
        for (kind, due, step) in steps {
            let due = self.troubles.retry_at(kind, now).map_or(due, |retry| retry.max(due));
            if due <= now {
                return step;
            }
            until = Some(until.map_or(due, |until| until.min(due)));
        }
        let until = until.unwrap_or(now + self.request.poll_interval);
        Step::Wait(until.max(now + Duration::from_millis(100)))
    }

    /// The steps for an instance that is in the cluster, the most urgent one first, and when each
    /// is due.
    fn steps(&self, now: DateTime<Utc>) -> Vec<(Kind, DateTime<Utc>, Step)> {
        let (evidence, policy) = (&self.evidence, self.request.policy);
        let (active, unlisted) = (evidence.active(), evidence.unlisted());
        let time_is_up = now >= self.schedule().deadline(policy);
        let takes_tasks = !active.is_empty();
        let lists_wait = self.request.in_passing && evidence.counted() > 0 && !time_is_up;

        let mut steps = Vec::new();
        if takes_tasks && self.is_open() {
            steps.push((Kind::SetDraining, now, Step::SetDraining(active)));
        }
        if !unlisted.is_empty() && !lists_wait {
            steps.push((Kind::List, now, Step::List(unlisted)));
        }
        if let Some(found) = evidence.found_at().filter(|_| evidence.is_unresolved()) {
            steps.push((Kind::Find, found + self.request.poll_interval, self.find()));
        }
        if policy == OnDrainTimeout::StopTasks && time_is_up {
            steps.extend(self.steps_to_stop_tasks(now).into_iter().map(|(kind, step)| (kind, now, step)));
        }
        let unsettled = self.unsettled_status(now).is_some() || takes_tasks;
        let interval =
            if unsettled || lists_wait { self.instance_poll_interval() } else { INSTANCE_POLL_INTERVAL };
        let described = evidence.described_at().unwrap_or(now);
        steps.push((Kind::Describe, described + interval, Step::Describe(self.all_registrations())));
        if let Some(sought) = evidence.active_sought_at().filter(|_| !takes_tasks) {
            steps.push((Kind::FindActive, sought + INSTANCE_POLL_INTERVAL, Step::FindActive));
        }
        let unfinished = evidence.unfinished();
        if !unfinished.is_empty() {
            let due = evidence.polled_at().map_or(now, |polled| polled + self.poll_interval());
            steps.push((Kind::DescribeTasks, due, Step::DescribeTasks(unfinished)));
        } else if let Some(from) = evidence.confirm_from().filter(|_| !unsettled) {
            steps.push(if now < from || !evidence.none_active_since(from) {
                (Kind::FindActive, from, Step::FindActive)
            } else {
                let listed = evidence.listed_at().filter(|at| *at >= from);
                let due = listed.map_or(from, |at| at + STOPPING_POLL_INTERVAL);
                (Kind::List, due, Step::List(self.all_registrations()))
            });
        }
        steps
    }

    /// The steps of the policy `stop-tasks`, all due at once.
    fn steps_to_stop_tasks(&self, now: DateTime<Utc>) -> Vec<(Kind, Step)> {
        let is_done = self.policy_is_done(now);
        let mut steps = Vec::new();
        if (is_done || !self.stops_listed) && !self.has_searched_for_active(now) {
            steps.push((Kind::FindActive, Step::FindActive));
        }
        if is_done && !self.was_described_lately(now) {
            steps.push((Kind::Describe, Step::Describe(self.all_registrations())));
        }
        if !self.stops_listed {
            steps.push((Kind::List, Step::List(self.all_registrations())));
        }
        let to_stop = self.left_to_stop();
        if !to_stop.is_empty() && self.is_open() {
            let has_token = matches!(self.request.action.id, LifecycleActionId::Token(_));
            let asked = !has_token || self.waiting.was_asked_since(now - FRESH_ACTION);
            steps.push((Kind::StopTasks, if asked { Step::StopTasks(to_stop) } else { Step::Heartbeat }));
        }
        steps
    }

    fn find(&self) -> Step {
        Step::Find(self.evidence.known_arns().cloned().collect())
    }

    fn all_registrations(&self) -> Vec<ContainerInstanceArn> {
        self.evidence.registrations().map(|it| it.arn.clone()).collect()
    }

    /// The cluster does not list the instance: it is sought for a while.
    fn seek(&self, cluster_is_right: Option<bool>, now: DateTime<Utc>) -> (Kind, DateTime<Utc>, Step) {
        let found_at = self.evidence.found_at().unwrap_or(now);
        if self.is_absent(now) && !self.evidence.was_in_cluster() && cluster_is_right.is_none() {
            return (Kind::ProveCluster, now, Step::ProveCluster);
        }
        let due = match self.evidence.absent_since() {
            None => found_at + self.request.poll_interval,
            Some(since) => {
                let (soon, believed) = (since + READS_LAG_MAX, since + self.absence_allowance());
                [soon, believed].into_iter().find(|at| *at > found_at).unwrap_or(found_at + SEARCH_INTERVAL)
            }
        };
        (Kind::Find, due.min(found_at + SEARCH_INTERVAL), self.find())
    }

    /// Between two polls where nothing is about to change.
    fn instance_poll_interval(&self) -> Duration {
        if self.request.in_passing { INSTANCE_POLL_INTERVAL } else { self.request.poll_interval }
    }

    fn poll_interval(&self) -> Duration {
        if self.request.in_passing {
            return INSTANCE_POLL_INTERVAL;
        }
        let (running, stopping, missing) = self.evidence.counts();
        let only_stopping = stopping > 0 && (running, missing) == (0, 0);
        let interval = self.request.poll_interval;
        if self.is_blind {
            return interval.max(BLIND_POLL_INTERVAL);
        }
        if only_stopping { interval.min(STOPPING_POLL_INTERVAL) } else { interval }
    }
}
