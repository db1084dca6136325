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
        let has_run = self.evidence.unfinished().iter().all(|task| self.was_asked_to_stop(task));
        if !(now >= deadline && self.stops_listed && has_run && self.is_open()) {
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

    fn was_asked_to_stop(&self, task: &TaskArn) -> bool {
        self.stop_asked.contains(task) || !self.evidence.to_stop().contains(task)
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

    /// The next read of ECS, or change to it.
    pub(super) fn poll(&self, cluster_is_right: Option<bool>, now: DateTime<Utc>) -> Step {
        let evidence = &self.evidence;
        let mut retries: Vec<DateTime<Utc>> = Vec::new();
        let mut may = |kind: Kind| match self.troubles.retry_at(kind, now) {
            Some(at) => {
                retries.push(at);
                false
            }
            None => true,
        };
        if !evidence.was_sought() {
            return if may(Kind::Find) { self.find() } else { self.wait_for(&retries, now) };
        }
        if evidence.registrations().next().is_none() {
            return self.seek(cluster_is_right, now);
        }
        let active = evidence.active();
        if !active.is_empty() && self.is_open() && may(Kind::SetDraining) {
            return Step::SetDraining(active);
        }
        let unlisted = evidence.unlisted();
        let policy = self.request.policy;
        let time_is_up = now >= self.schedule().deadline(policy);
        let lists_wait = self.request.in_passing && evidence.counted() > 0 && !time_is_up;
        if !unlisted.is_empty() && !lists_wait && may(Kind::List) {
            return Step::List(unlisted);
        }
        let find_again = evidence.found_at().filter(|_| evidence.is_unresolved());
        let find_again = find_again.map(|at| at + self.request.poll_interval);
        if find_again.is_some_and(|at| now >= at) && may(Kind::Find) {
            return self.find();
        }
        if policy == OnDrainTimeout::StopTasks && time_is_up {
            let is_done = self.policy_is_done(now);
            if (is_done || !self.stops_listed) && !self.has_searched_for_active(now) && may(Kind::FindActive)
            {
                return Step::FindActive;
            }
            if is_done && !self.was_described_lately(now) && may(Kind::Describe) {
                return Step::Describe(self.all_registrations());
            }
            if !self.stops_listed && may(Kind::List) {
                return Step::List(self.all_registrations());
            }
            let to_stop = evidence.to_stop().into_iter().filter(|task| !self.stop_asked.contains(task));
            let to_stop: Vec<_> = to_stop.collect();
            if !to_stop.is_empty() && self.is_open() && may(Kind::StopTasks) {
                let has_token = matches!(self.request.action.id, LifecycleActionId::Token(_));
                let asked = !has_token || self.waiting.was_asked_since(now - FRESH_ACTION);
                return if asked { Step::StopTasks(to_stop) } else { Step::Heartbeat };
            }
        }
        let unfinished = evidence.unfinished();
        let described = evidence.described_at().unwrap_or(now);
        let interval = self.poll_interval();
        let unsettled = self.unsettled_status(now).is_some() || !active.is_empty();
        let instance_interval =
            if unsettled || lists_wait { self.instance_poll_interval() } else { INSTANCE_POLL_INTERVAL };
        if now >= described + instance_interval && may(Kind::Describe) {
            return Step::Describe(self.all_registrations());
        }
        let lately = now - INSTANCE_POLL_INTERVAL;
        let sought = evidence.found_at().is_some_and(|at| at > lately) || evidence.none_active_since(lately);
        if !sought && active.is_empty() && may(Kind::FindActive) {
            return Step::FindActive;
        }
        let mut until =
            find_again.filter(|at| *at > now).into_iter().fold(described + instance_interval, DateTime::min);
        if !unfinished.is_empty() {
            let due = evidence.polled_at().map_or(now, |polled| polled + interval);
            if now >= due && may(Kind::DescribeTasks) {
                return Step::DescribeTasks(unfinished);
            }
            until = until.min(due.max(now));
        } else if let Some(from) = evidence.confirm_from().filter(|_| !unsettled) {
            if now >= from {
                let pause = evidence.listed_at().map_or(now, |at| at + STOPPING_POLL_INTERVAL);
                if !evidence.none_active_since(from) {
                    if may(Kind::FindActive) {
                        return Step::FindActive;
                    }
                } else if evidence.listed_at().is_none_or(|at| at < from) || now >= pause {
                    if may(Kind::List) {
                        return Step::List(self.all_registrations());
                    }
                } else {
                    until = until.min(pause);
                }
            } else {
                until = until.min(from);
            }
        }
        if let Some(retry) = retries.iter().min() {
            // The instance does not wait for calls that are retried later.
            until = if until <= now { *retry } else { until.min(*retry) };
        }
        Step::Wait(until.max(now + Duration::from_millis(100)))
    }

    fn wait_for(&self, retries: &[DateTime<Utc>], now: DateTime<Utc>) -> Step {
        Step::Wait(retries.iter().min().copied().unwrap_or(now + self.request.poll_interval))
    }

    pub(super) fn find(&self) -> Step {
        Step::Find(self.evidence.known_arns().cloned().collect())
    }

    fn all_registrations(&self) -> Vec<ContainerInstanceArn> {
        self.evidence.registrations().map(|it| it.arn.clone()).collect()
    }

    /// The cluster does not list the instance: it is sought for a while.
    fn seek(&self, cluster_is_right: Option<bool>, now: DateTime<Utc>) -> Step {
        let found_at = self.evidence.found_at().unwrap_or(now);
        if self.is_absent(now) && !self.evidence.was_in_cluster() && cluster_is_right.is_none() {
            return match self.troubles.retry_at(Kind::ProveCluster, now) {
                None => Step::ProveCluster,
                Some(at) => Step::Wait(at),
            };
        }
        let due = match self.evidence.absent_since() {
            None => found_at + self.request.poll_interval,
            Some(since) => {
                let (soon, believed) = (since + READS_LAG_MAX, since + self.absence_allowance());
                [soon, believed].into_iter().find(|at| *at > found_at).unwrap_or(found_at + SEARCH_INTERVAL)
            }
        };
        let due = due
            .min(found_at + SEARCH_INTERVAL)
            .max(self.troubles.retry_at(Kind::Find, now).unwrap_or(found_at));
        if now >= due { self.find() } else { Step::Wait(due) }
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
