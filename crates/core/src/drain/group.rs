//! The drains of a group that one invocation works on: mostly that of its own message. A state
//! machine without I/O: [`GroupDrains::next`] gives the next action, and what came of it is
//! recorded.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::assignment::Assignment;
use super::batch::{Batch, Next, next};
use super::cluster_lists::ClusterLists;
use super::evidence::Seen;
use super::group_request::GroupRequest;
use super::group_view::GroupView;
use super::reason::CompleteReason;
use super::report::{Ended, Failure, Report, Reports};
use super::role::{FEW, OwnDrain, Placement, Role, Standing};
use super::schedule::Schedule;
use super::session::{DrainRequest, Session, Step};
use super::standby::{SWEPT_AFTER, Standby};
use super::timing::Timing;
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::LifecycleAction;
use crate::ports::{FILTER_MAX, MessageAttributes};
use crate::task::TaskArn;
use crate::time_left::between;

/// The action of a first notice that is younger than this is taken to be open without asking.
const FRESH: Duration = Duration::from_secs(60);

/// A group that does not show a fresh notice's instance yet is read again for this long.
const GROUP_LAG: Duration = Duration::from_secs(10);

/// Between two such reads.
const GROUP_LAG_PAUSE: Duration = Duration::from_secs(2);

/// A message that drains its own instance reads its group again this often, because it may become
/// the coordinator.
const GROUP_INTERVAL: Duration = Duration::from_secs(60);

/// A coordinator reads its group this often, for instances that begin to wait.
const COORDINATOR_INTERVAL: Duration = Duration::from_secs(20);

/// A call that has not answered by then is given up: the next heartbeat may be due.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls that AWS refuses are retried this long. New permissions and clusters take a while to be
/// known everywhere.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(60);

/// A sweep lasts at most this long.
const SWEEP_LASTS: Duration = Duration::from_secs(50);

/// A sweep waits for what is due within this time; anything later is the next sweep's.
const SWEEP_WAITS: Duration = Duration::from_secs(8);

/// The next action of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum GroupAction {
    /// `DescribeAutoScalingGroups`.
    ReadGroup,
    /// `DescribeLifecycleHooks`.
    ReadHooks,
    /// `DescribeScalingActivities`: since when these are being terminated.
    ReadActivities(BTreeSet<Ec2InstanceId>),
    /// `RecordLifecycleActionHeartbeat` of another instance's action, to learn whether it is open.
    Probe(Ec2InstanceId, LifecycleAction),
    /// Calls for the drains.
    Batch(Batch),
    /// `DescribeTasks` of tasks that the cluster's lists showed, to learn which instances they are
    /// on.
    Place(Vec<TaskArn>),
    /// Find out why a drain waits.
    Diagnose(Ec2InstanceId),
    /// Wait until then.
    Sleep(DateTime<Utc>),
    /// The drains are left to this instance's message.
    Delegate(Ec2InstanceId),
    /// Republish the message: the invocation's time is up.
    Republish,
    /// Return: there is nothing more to do.
    Return,
}

/// See the module.
#[derive(Debug)]
pub struct GroupDrains {
    request: GroupRequest,
    assignment: Assignment,
    /// The lifecycle states in which the drains' actions hold their instances.
    held_in: BTreeMap<Ec2InstanceId, String>,
    view: GroupView,
    group_due: DateTime<Utc>,
    sessions: BTreeMap<Ec2InstanceId, Session>,
    standby: Standby,
    /// Since when instances are being terminated, by the group's activities.
    activities: Option<BTreeMap<Ec2InstanceId, DateTime<Utc>>>,
    cluster_is_right: Option<bool>,
    cluster_lists: ClusterLists,
    last_end: Option<DateTime<Utc>>,
    reports: Reports,
}

impl GroupDrains {
    /// The drains of an invocation. `standby` is what the function remembers of the group.
    #[must_use]
    pub fn new(request: GroupRequest, standby: Standby) -> Self {
        let (mut sessions, mut held_in) = (BTreeMap::new(), BTreeMap::new());
        let begins = request.begins;
        if let Some((notice, attributes)) = &request.own {
            // Auto Scaling's clock may be ahead of this one.
            let began = notice.time.min(begins);
            let drain_timeout = notice.drain_timeout.unwrap_or(request.drain_timeout);
            let id = notice.ec2_instance_id.clone();
            let session = Session::new(DrainRequest {
                ec2_instance_id: id.clone(),
                action: notice.action.clone(),
                schedule: Schedule { began, drain_timeout, hook: None },
                policy: request.policy,
                poll_interval: request.poll_interval,
                absence_allowance: request.absence_allowance(),
                is_fresh: attributes.attempt == 1 && begins < began + FRESH,
                in_passing: false,
                seen: Seen {
                    in_cluster: standby.seen(&id).in_cluster || request.was_seen(attributes),
                    absent_since: None,
                },
            });
            sessions.insert(id.clone(), session);
            held_in.extend(notice.held_in().map(|state| (id, state.to_owned())));
        }
        Self {
            assignment: Assignment::new(request.own.as_ref().map(|(_, attributes)| attributes)),
            held_in,
            view: GroupView::default(),
            group_due: begins,
            sessions,
            standby,
            activities: None,
            cluster_is_right: None,
            cluster_lists: ClusterLists::default(),
            last_end: None,
            reports: Reports::default(),
            request,
        }
    }

    /// The role of the invocation.
    #[must_use]
    pub fn role(&self) -> Role {
        self.assignment.role()
    }

    /// The drains.
    #[must_use]
    pub fn sessions(&self) -> &BTreeMap<Ec2InstanceId, Session> {
        &self.sessions
    }

    /// The drain of the invocation's own message.
    #[must_use]
    pub fn own(&self) -> Option<&Session> {
        self.request.own().and_then(|id| self.sessions.get(id))
    }

    /// How many instances wait, as the group was last read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.view.waiting().len()
    }

    /// The group's other instances that may show that the cluster is the right one, as many as one
    /// call takes.
    #[must_use]
    pub fn mates(&self) -> Vec<Ec2InstanceId> {
        let drained = |id: &&Ec2InstanceId| {
            self.sessions.get(*id).is_none_or(|session| session.evidence().was_in_cluster())
        };
        let mates = self.view.others().iter().chain(self.view.waiting().keys().filter(drained));
        mates.take(FILTER_MAX).cloned().collect()
    }

    /// The reports since the last call.
    pub fn reports(&mut self) -> Vec<Report> {
        self.reports.take()
    }

    /// The attributes of the message for its next delivery.
    #[must_use]
    pub fn attributes(&self) -> MessageAttributes {
        let was_in_cluster = self.own().is_some_and(|own| own.evidence().was_in_cluster());
        MessageAttributes {
            attempt: self.request.attempt().saturating_add(1),
            coordinates: self.assignment.coordinates(),
            seen_in: was_in_cluster.then(|| self.request.cluster.clone()),
        }
    }

    /// The memory that the invocation leaves for the next sweep.
    #[must_use]
    pub fn into_standby(mut self, now: DateTime<Utc>) -> Standby {
        let sweeps = self.assignment.is(Role::Standby);
        for session in self.sessions.values() {
            let (in_cluster, absent_since) =
                (session.evidence().was_in_cluster(), session.evidence().absent_since());
            let seen = Seen { in_cluster, absent_since: absent_since.filter(|_| sweeps) };
            self.standby.see(session.ec2_instance_id(), seen);
        }
        if sweeps {
            let under_way = self.sessions.values().all(|session| {
                let evidence = session.evidence();
                session.end().is_some()
                    || session.is_open()
                        && session.troubles().oldest().is_none()
                        && evidence.active().is_empty()
                        && evidence.counted() > 0
                        && !self.standby.drains(session.ec2_instance_id())
            });
            let timeouts = self.timing().heartbeat_timeout();
            let deadlines = self.sessions.values().filter(|session| session.end().is_none());
            let before_deadlines = deadlines
                .map(|session| session.schedule().deadline(self.request.policy))
                .all(|deadline| now + timeouts / 2 < deadline);
            let all_read = self.view.read_at().is_some() && !self.sessions.is_empty();
            self.standby.plan(under_way && before_deadlines && all_read, timeouts, now);
        }
        self.standby
    }

    /// Why the invocation fails, if it does: for what is wrong with its own drain, and only where
    /// it drains no other.
    #[must_use]
    pub fn failure(&self, now: DateTime<Utc>) -> Option<Failure> {
        let own = self.own().filter(|own| own.end().is_none())?;
        if !self.drains_alone(own.ec2_instance_id()) {
            return None;
        }
        if own.is_in_no_known_cluster(self.cluster_is_right, now) {
            return Some(Failure::WrongCluster);
        }
        own.troubles().refused_for(REFUSAL_PATIENCE).map(|refused| Failure::Refused(refused.error.clone()))
    }

    /// Returns whether an error of this drain is the invocation's error.
    fn drains_alone(&self, id: &Ec2InstanceId) -> bool {
        self.request.own() == Some(id)
            && (self.assignment.is(Role::Own) || self.unended().all(|other| other.ec2_instance_id() == id))
    }

    fn unended(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().filter(|session| session.end().is_none())
    }

    fn other_hooks(&self) -> bool {
        self.view.has_other_hooks(&self.request.hook)
    }

    fn timing(&self) -> Timing<'_> {
        Timing { request: &self.request, view: &self.view }
    }

    /// The next action.
    pub fn next(&mut self, now: DateTime<Utc>) -> GroupAction {
        self.conclude(now);
        if now >= self.works_until() {
            let goes_on = self.unended().next().is_some() || self.others_may_wait();
            return if self.request.own.is_some() && goes_on {
                GroupAction::Republish
            } else {
                GroupAction::Return
            };
        }
        if let Some(action) = self.before_the_group(now) {
            return action;
        }
        if now >= self.view.read_due(self.group_due) {
            return GroupAction::ReadGroup;
        }
        if self.assignment.is(Role::Undecided) || self.assignment.is_in_doubt() {
            match self.decide_role(now) {
                Some(action) => return action,
                None if self.assignment.is(Role::Undecided) => {
                    let patience = self.view.read_at().is_none().then(|| self.request.patient_until());
                    return GroupAction::Sleep(self.sleep_until(patience, now));
                }
                None => {}
            }
        }
        if let Some(action) = self.take_along(now) {
            return action;
        }
        if let Some(unplaced) = self.cluster_lists.unplaced() {
            return GroupAction::Place(unplaced);
        }
        let next = self.batch(now);
        let wake = match next {
            Next::Batch(batch) if self.ends_on_an_old_view(&batch, now) => return GroupAction::ReadGroup,
            Next::Batch(batch) => return self.with_hooks_first(batch, now),
            Next::Wait(wake) => wake,
        };
        if let Some(id) = self.diagnosis_due(now) {
            return GroupAction::Diagnose(id);
        }
        if self.is_done(now, wake) {
            return GroupAction::Return;
        }
        if self.assignment.is_in_doubt() {
            return self.next(now);
        }
        if now >= self.view.read_due(self.group_due) {
            return GroupAction::ReadGroup;
        }
        GroupAction::Sleep(self.sleep_until(wake, now))
    }

    /// When the invocation stops working: no call may take longer.
    #[must_use]
    pub fn works_until(&self) -> DateTime<Utc> {
        let until = self.request.until;
        if self.assignment.is(Role::Standby) { until.min(self.request.begins + SWEEP_LASTS) } else { until }
    }

    /// An old notice's action is asked for before anything is read, and no hook runs out while a
    /// group cannot be read.
    fn before_the_group(&mut self, now: DateTime<Utc>) -> Option<GroupAction> {
        if !self.assignment.is(Role::Undecided) {
            return None;
        }
        let own = self.own().filter(|own| own.said_gone_at().is_none());
        match next(own.into_iter(), self.cluster_is_right, false, now) {
            Next::Batch(batch @ Batch::Heartbeat(_)) => Some(self.with_hooks_first(batch, now)),
            _ => None,
        }
    }

    fn batch(&self, now: DateTime<Utc>) -> Next {
        next(self.unended(), self.cluster_is_right, self.cluster_lists.may_be_read(now), now)
    }

    /// Returns whether a batch ends drains whose time is up, without their messages' tokens, on a
    /// group that was read some time ago. Another action of an instance may wait by now, which has
    /// more time.
    fn ends_on_an_old_view(&self, batch: &Batch, now: DateTime<Utc>) -> bool {
        let is_other = |id: &Ec2InstanceId| self.request.own() != Some(id);
        let ends = match batch {
            Batch::StopTasks(tasks) => tasks.iter().any(|(id, _)| is_other(id)),
            Batch::Complete(ready) => ready
                .iter()
                .any(|(id, _, reason)| is_other(id) && matches!(reason, CompleteReason::TimeUp(_))),
            _ => false,
        };
        // A read takes no longer than that.
        let is_old = self.view.read_at().is_none_or(|at| at + CALL_TIMEOUT < now);
        ends && is_old && self.view.read_due(now) <= now
    }

    /// The first heartbeat of an invocation is time to read the hook, whose timeouts say when the
    /// next one is due.
    fn with_hooks_first(&self, batch: Batch, now: DateTime<Utc>) -> GroupAction {
        if matches!(batch, Batch::Heartbeat(_)) && self.view.may_read_hooks(now) {
            return GroupAction::ReadHooks;
        }
        GroupAction::Batch(batch)
    }

    fn sleep_until(&self, wake: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
        let group = self.view.read_due(self.group_due);
        let earliest = now + Duration::from_millis(50);
        wake.map_or(group, |wake| wake.min(group)).min(self.works_until()).max(earliest)
    }

    /// Between two reads of the group: no hook runs out before the message to which a drain was
    /// delegated knows.
    fn group_interval(&self) -> Duration {
        let interval =
            if self.assignment.is(Role::Coordinator) { COORDINATOR_INTERVAL } else { GROUP_INTERVAL };
        interval.min(self.timing().heartbeat_timeout() / 2)
    }

    /// The group was read: who drains what is decided by that.
    fn decide_role(&mut self, now: DateTime<Utc>) -> Option<GroupAction> {
        let own = self.request.own()?.clone();
        if self.view.read_at().is_none() {
            if self.view.is_refused() || now >= self.request.patient_until() {
                self.drain_blind();
            }
            return None;
        }
        let began = self.own().map_or(now, |own| own.schedule().began);
        let is_over = self.own_is_over();
        let was_republished = self.request.attempt() > 1;
        let listed = self.view.waiting().contains_key(&own);
        if self.assignment.is(Role::Undecided)
            && !(listed || is_over || was_republished)
            && self.view.read_at().is_some_and(|at| at < began + GROUP_LAG)
            && !self.request.to_warm_pool()
        {
            self.group_due = now + GROUP_LAG_PAUSE;
            return None;
        }
        let mut waiting: BTreeSet<_> = self.view.waiting().keys().cloned().collect();
        if is_over {
            waiting.remove(&own);
        }
        let standing = Standing {
            own: &own,
            own_drain: match self.own().filter(|own| own.end().is_some()) {
                None => OwnDrain::Open,
                // Nothing was delegated to an instance that the group does not show.
                Some(own) if own.was_worked_on() && !self.request.to_warm_pool() => OwnDrain::Ended,
                Some(_) => OwnDrain::Over,
            },
            coordinates: self.assignment.coordinates(),
            waiting: &waiting,
            were_many: self.view.most_waiting() > FEW,
            lowest_is_new: self.assignment.took_all()
                && waiting
                    .first()
                    .is_some_and(|id| !self.sessions.contains_key(id) && self.view.is_below_all_before(id)),
            only_hook: match self.view.hooks() {
                Some(_) => Some(!self.other_hooks()),
                None => (!self.view.may_read_hooks(now)).then_some(false),
            },
        };
        match self.assignment.decide(&standing) {
            Placement::Own => None,
            Placement::Blind => {
                self.drain_blind();
                None
            }
            Placement::Coordinator => {
                self.group_due = self.group_due.min(now + COORDINATOR_INTERVAL);
                None
            }
            Placement::Delegated(to) => Some(GroupAction::Delegate(to)),
            Placement::Probe(id) => {
                let action = self.request.action_of(&id);
                Some(GroupAction::Probe(id, action))
            }
            Placement::ReadHooks => Some(GroupAction::ReadHooks),
        }
    }

    /// It drains its own, while it cannot be known who else polls.
    fn drain_blind(&mut self) {
        self.assignment.drain_blind();
        self.sessions.values_mut().for_each(|session| session.set_blind(true));
    }

    /// A coordinator drains what waits, a sweep what has waited for long.
    fn take_along(&mut self, now: DateTime<Utc>) -> Option<GroupAction> {
        self.view.read_at()?;
        let new: BTreeMap<Ec2InstanceId, Option<DateTime<Utc>>> = match self.assignment.role() {
            Role::Undecided | Role::Own => return None,
            // New ones of a few are their own messages', unless these found more.
            Role::Coordinator if self.assignment.took_all() && self.view.most_waiting() <= FEW => {
                return None;
            }
            Role::Coordinator => {
                let new = self.view.waiting().keys().filter(|id| !self.sessions.contains_key(*id));
                new.map(|id| (id.clone(), self.standby.first_seen(id))).collect()
            }
            Role::Standby => {
                let ripe = self.standby.ripe(now).into_iter();
                ripe.filter(|(id, _)| !self.sessions.contains_key(id))
                    .map(|(id, at)| (id, Some(at)))
                    .collect()
            }
        };
        if new.is_empty() {
            if self.own_is_over() && self.view.read_at() >= self.last_end {
                self.assignment.has_taken_all();
            }
            return None;
        }
        if self.view.may_read_hooks(now) {
            return Some(GroupAction::ReadHooks);
        }
        // One whose time is up may have been retained, and wait anew.
        let is_timed = |id: &Ec2InstanceId, began: DateTime<Utc>| {
            let deadline = self.timing().schedule(began).deadline(self.request.policy);
            self.standby.was_timed(id) && self.works_until() < deadline
        };
        let untimed = new.iter().filter(|(id, seen)| seen.is_none_or(|seen| !is_timed(id, seen)));
        let untimed: BTreeSet<_> = untimed.map(|(id, _)| id.clone()).collect();
        if self.activities.is_none() && !untimed.is_empty() {
            return Some(GroupAction::ReadActivities(untimed));
        }
        let activities = self.activities.take().unwrap_or_default();
        let only_hook =
            self.assignment.is(Role::Coordinator) && self.view.hooks().is_some() && !self.other_hooks();
        let count = new.len();
        for (id, seen) in new {
            let began = self.timing().began(activities.get(&id).copied(), seen.unwrap_or(now), now);
            if activities.contains_key(&id) {
                self.standby.began(&id, began);
                // It waits anew, for less long than was seen before.
                if self.assignment.is(Role::Standby) && now < began + SWEPT_AFTER {
                    continue;
                }
            }
            let session = Session::new(DrainRequest {
                ec2_instance_id: id.clone(),
                action: self.request.action_of(&id),
                schedule: self.timing().schedule(began),
                policy: self.request.policy,
                poll_interval: self.request.poll_interval,
                absence_allowance: self.request.absence_allowance(),
                // Where no other hook can hold it, its action is open; a young one needs no
                // heartbeat yet.
                is_fresh: only_hook && now < began + FRESH,
                in_passing: self.assignment.is(Role::Standby) && !self.standby.drains(&id),
                seen: self.standby.seen(&id),
            });
            if let Some(state) = self.view.waiting().get(&id) {
                self.held_in.insert(id.clone(), state.clone());
            }
            self.sessions.insert(id, session);
        }
        if self.assignment.is(Role::Coordinator) {
            self.reports.add(Report::Coordinates(count));
        }
        None
    }

    /// Ends what has ended.
    fn conclude(&mut self, now: DateTime<Utc>) {
        let is_right = self.cluster_is_right;
        let over = self.unended().filter(|it| it.next(is_right, now) == Step::End);
        let over: Vec<_> = over.map(|it| it.ec2_instance_id().clone()).collect();
        for id in over {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.conclude();
            }
            self.ended(&id, now);
        }
    }

    fn ended(&mut self, id: &Ec2InstanceId, now: DateTime<Utc>) {
        let Some(session) = self.sessions.get(id) else { return };
        let Some(end) = session.end().cloned() else { return };
        self.last_end = Some(now);
        let is_own = self.request.own() == Some(id);
        if !is_own && !session.is_known() {
            // It waits at another hook only.
            return;
        }
        self.reports.add(Report::Ended(Ended {
            ec2_instance_id: id.clone(),
            end,
            waited_for: self.reports.waited_for(id).cloned(),
            took: between(session.schedule().began, now),
            tasks: session.evidence().stopped_since(session.schedule().began),
            diagnosis: session.diagnosis().cloned(),
        }));
    }

    /// Returns whether there is nothing more to do.
    fn is_done(&mut self, now: DateTime<Utc>, wake: Option<DateTime<Utc>>) -> bool {
        if self.assignment.is(Role::Standby) {
            let read = self.view.read_at().is_some() || self.view.read_due(now) > now;
            return read && wake.is_none_or(|wake| wake > now + SWEEP_WAITS);
        }
        if self.unended().next().is_some() {
            return false;
        }
        // A message of a higher id may have been delegated to this one until its own action ended.
        let ended = self.last_end.unwrap_or(now);
        let unread = self.view.read_at().is_none_or(|read| read < ended);
        let may_read = !self.view.is_refused() && self.view.read_due(now) <= now;
        if unread && may_read && !self.view.is_gone() {
            self.group_due = now;
            return false;
        }
        !self.others_may_wait()
    }

    /// Returns whether others were delegated to it, and the group has not shown since its own end
    /// if they wait.
    fn others_may_wait(&self) -> bool {
        self.assignment.coordinates()
            && !self.view.is_gone()
            && self.view.read_at().is_none_or(|read| Some(read) < self.last_end)
    }

    fn own_is_over(&self) -> bool {
        self.own().is_some_and(|own| own.end().is_some())
    }

    fn diagnosis_due(&self, now: DateTime<Utc>) -> Option<Ec2InstanceId> {
        if !matches!(self.assignment.role(), Role::Own | Role::Coordinator) {
            return None;
        }
        let due = self.unended().filter(|session| session.diagnosis_due(now));
        // One at a time, and of many only now and then: each takes several calls.
        let last = self.sessions.values().filter_map(|it| it.diagnosis().map(|(at, _)| *at)).max();
        let often = self.sessions.len() > 1 && last.is_some_and(|last| now < last + GROUP_INTERVAL / 2);
        due.min_by_key(|it| it.diagnosis().map(|(at, _)| *at))
            .filter(|_| !often)
            .map(|it| it.ec2_instance_id().clone())
    }
}

#[cfg(test)]
mod tests;
