//! The drains of a group that one invocation works on: mostly that of its own message. A state
//! machine without I/O: [`GroupDrains::next`] gives the next action, and what came of it is
//! recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::batch::{Batch, Next, next};
use super::cluster_lists::ClusterLists;
use super::diagnosis::Diagnosis;
use super::evidence::TaskLists;
use super::group_view::GroupView;
use super::message::Notice;
use super::on_drain_timeout::OnDrainTimeout;
use super::reason::{CompleteReason, WaitReason};
use super::report::{Ended, Failure, Report};
use super::role::{FEW, OwnDrain, Placement, Probes, Role, Standing};
use super::schedule::{DRAIN_TIMEOUT_SECONDS_MAX, HEARTBEAT_TIMEOUT_MIN, HookTimeouts, Schedule};
use super::session::{DrainEnd, DrainRequest, Session, Step};
use super::standby::Standby;
use super::troubles::Kind;
use crate::container_instance::{ContainerInstance, ContainerInstanceArn, Ec2InstanceId};
use crate::lifecycle::{
    AutoScalingGroup, LifecycleAction, LifecycleActionId, LifecycleActionState, LifecycleHook,
};
use crate::ports::{CallError, FILTER_MAX};
use crate::task::{Task, TaskArn};
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

/// A group that cannot be read is waited for this long, and by [`spread`] longer, before a message
/// drains its own.
const GROUP_PATIENCE: Duration = Duration::from_secs(15);

/// Calls that AWS refuses are retried this long. New permissions and clusters take a while to be
/// known everywhere.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(60);

/// A sweep lasts at most this long.
const SWEEP_LASTS: Duration = Duration::from_secs(50);

/// A sweep waits for what is due within this time; anything later is the next sweep's.
const SWEEP_WAITS: Duration = Duration::from_secs(8);

/// How long the cluster must not have listed an instance before that is believed. An instance that
/// registered just before its termination may be listed late.
const ABSENCE_ALLOWANCE: Duration = Duration::from_secs(60);

/// Where another hook may hold an instance, an action is over after this many answers that say so.
const GONE_ANSWERS: u32 = 3;

/// Connection draining of a group's load balancer takes at most this long (API reference, ELB,
/// `deregistration_delay.timeout_seconds`).
const CONNECTION_DRAINING_MAX: Duration = Duration::from_secs(3600);

/// The request of an invocation.
#[derive(Debug, Clone)]
pub struct GroupRequest {
    /// The group.
    pub group: String,
    /// The hook.
    pub hook: String,
    /// The message's notice and its attempt; a sweep has none.
    pub own: Option<(Notice, u32)>,
    /// True if the invocation that republished the message coordinated.
    pub coordinated: bool,
    /// The drain timeout, where no notice or hook gives one.
    pub drain_timeout: Duration,
    /// The policy.
    pub policy: OnDrainTimeout,
    /// Between two polls.
    pub poll_interval: Duration,
    /// When the invocation began.
    pub begins: DateTime<Utc>,
    /// When it must stop working: the rest is for republishing.
    pub until: DateTime<Utc>,
}

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
    own: Option<Ec2InstanceId>,
    role: Role,
    /// True if a coordinator may be needed: the placement is being looked for again.
    reconsiders: bool,
    probes: Probes,
    /// True if other drains may have been delegated to the message, here or in the invocation
    /// before.
    coordinates: bool,
    /// True if every drain is over that may have been delegated to the message before its own drain
    /// ended.
    took_all: bool,
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
    waiting_for: BTreeMap<Ec2InstanceId, WaitReason>,
    /// The last of them that was more than a confirmation.
    waited_for: BTreeMap<Ec2InstanceId, WaitReason>,
    refused_reported: BTreeSet<Ec2InstanceId>,
    last_end: Option<DateTime<Utc>>,
    reports: Vec<Report>,
}

impl GroupDrains {
    /// The drains of an invocation. `standby` is what the function remembers of the group.
    #[must_use]
    pub fn new(request: GroupRequest, standby: Standby) -> Self {
        let (mut sessions, mut held_in) = (BTreeMap::new(), BTreeMap::new());
        let begins = request.begins;
        let own = request.own.as_ref().map(|(notice, attempt)| {
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
                absence_allowance: absence_allowance(&request),
                is_fresh: *attempt == 1 && begins < began + FRESH,
                in_passing: false,
            });
            sessions.insert(id.clone(), session);
            held_in.insert(id.clone(), notice.held_in().to_owned());
            id
        });
        Self {
            role: if own.is_some() { Role::Undecided } else { Role::Standby },
            own,
            reconsiders: false,
            probes: Probes::new(),
            coordinates: request.coordinated,
            took_all: false,
            held_in,
            view: GroupView::default(),
            group_due: begins,
            sessions,
            standby,
            activities: None,
            cluster_is_right: None,
            cluster_lists: ClusterLists::default(),
            waiting_for: BTreeMap::new(),
            waited_for: BTreeMap::new(),
            refused_reported: BTreeSet::new(),
            last_end: None,
            reports: Vec::new(),
            request,
        }
    }

    /// The role of the invocation.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The drains.
    #[must_use]
    pub fn sessions(&self) -> &BTreeMap<Ec2InstanceId, Session> {
        &self.sessions
    }

    /// The drain of the invocation's own message.
    #[must_use]
    pub fn own(&self) -> Option<&Session> {
        self.own.as_ref().and_then(|id| self.sessions.get(id))
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
        std::mem::take(&mut self.reports)
    }

    /// Returns whether other instances' drains may have been delegated to the message. Its next
    /// invocation needs to know.
    #[must_use]
    pub fn coordinates(&self) -> bool {
        self.coordinates
    }

    /// The memory that the invocation leaves for the next sweep.
    #[must_use]
    pub fn into_standby(mut self, now: DateTime<Utc>) -> Standby {
        if self.role == Role::Standby {
            for session in self.sessions.values() {
                let absent_since = session.evidence().absent_since().filter(|_| session.end().is_none());
                self.standby.see_absence(session.ec2_instance_id(), absent_since);
            }
            let under_way = self.sessions.values().all(|session| {
                let evidence = session.evidence();
                session.end().is_some()
                    || session.is_open()
                        && session.trouble().is_none()
                        && evidence.active().is_empty()
                        && evidence.counted() > 0
                        && !self.standby.drains(session.ec2_instance_id())
            });
            let timeouts = self.hook_timeouts().map_or(HEARTBEAT_TIMEOUT_MIN, |hook| hook.heartbeat);
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
        own.refused_for(REFUSAL_PATIENCE).map(|refused| Failure::Refused(refused.error.clone()))
    }

    /// Returns whether an error of this drain is the invocation's error.
    fn drains_alone(&self, id: &Ec2InstanceId) -> bool {
        self.own.as_ref() == Some(id)
            && (self.role == Role::Own || self.unended().all(|other| other.ec2_instance_id() == id))
    }

    fn unended(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().filter(|session| session.end().is_none())
    }

    fn other_hooks(&self) -> bool {
        self.view.has_other_hooks(&self.request.hook)
    }

    fn hook_timeouts(&self) -> Option<HookTimeouts> {
        let hook = self.view.hooks()?.iter().find(|hook| hook.name == self.request.hook)?;
        Some(HookTimeouts::from(hook))
    }

    /// The next action.
    pub fn next(&mut self, now: DateTime<Utc>) -> GroupAction {
        self.conclude(now);
        if now >= self.works_until() {
            let goes_on = self.unended().next().is_some() || self.others_may_wait();
            return if self.own.is_some() && goes_on { GroupAction::Republish } else { GroupAction::Return };
        }
        if let Some(action) = self.before_the_group(now) {
            return action;
        }
        if now >= self.view.read_due(self.group_due) {
            return GroupAction::ReadGroup;
        }
        if self.role == Role::Undecided || self.reconsiders {
            match self.decide_role(now) {
                Some(action) => return action,
                None if self.role == Role::Undecided => {
                    let patience = self.view.read_at().is_none().then(|| self.patient_until());
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
            Next::Batch(batch) => return self.with_hooks_first(batch, now),
            Next::Wait(wake) => wake,
        };
        if let Some(id) = self.diagnosis_due(now) {
            return GroupAction::Diagnose(id);
        }
        if self.is_done(now, wake) {
            return GroupAction::Return;
        }
        if self.reconsiders {
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
        if self.role == Role::Standby { until.min(self.request.begins + SWEEP_LASTS) } else { until }
    }

    /// An old notice's action is asked for before anything is read, and no hook runs out while a
    /// group cannot be read.
    fn before_the_group(&mut self, now: DateTime<Utc>) -> Option<GroupAction> {
        if self.role != Role::Undecided {
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
        let interval = if self.role == Role::Coordinator { COORDINATOR_INTERVAL } else { GROUP_INTERVAL };
        interval.min(self.hook_timeouts().map_or(HEARTBEAT_TIMEOUT_MIN, |hook| hook.heartbeat) / 2)
    }

    /// The group was read: who drains what is decided by that.
    fn decide_role(&mut self, now: DateTime<Utc>) -> Option<GroupAction> {
        let own = self.own.clone()?;
        if self.view.read_at().is_none() {
            if self.view.is_refused() || now >= self.patient_until() {
                self.drain_blind();
            }
            return None;
        }
        let began = self.own().map_or(now, |own| own.schedule().began);
        let is_over = self.own_is_over();
        let was_republished = self.attempt() > 1;
        let listed = self.view.waiting().contains_key(&own);
        if self.role == Role::Undecided
            && !(listed || is_over || was_republished)
            && now < began + GROUP_LAG
            && !self.to_warm_pool()
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
            own_drain: match self.own().and_then(Session::end) {
                None => OwnDrain::Open,
                // Nothing was delegated to an instance that the group does not show.
                Some(DrainEnd::Completed(_)) if !self.to_warm_pool() => OwnDrain::Completed,
                Some(_) => OwnDrain::Over,
            },
            coordinates: self.coordinates,
            waiting: &waiting,
            were_many: self.view.most_waiting() > FEW,
            lowest_is_new: self.took_all
                && waiting
                    .first()
                    .is_some_and(|id| !self.sessions.contains_key(id) && self.view.is_below_all_before(id)),
            only_hook: match self.view.hooks() {
                Some(_) => Some(!self.other_hooks()),
                None => (!self.view.may_read_hooks(now)).then_some(false),
            },
        };
        match standing.placement(&self.probes) {
            Placement::Own => {
                self.role = Role::Own;
                self.coordinates = false;
            }
            Placement::Blind => self.drain_blind(),
            Placement::Coordinator => {
                self.role = Role::Coordinator;
                self.coordinates = true;
                self.group_due = self.group_due.min(now + COORDINATOR_INTERVAL);
            }
            Placement::Delegated(to) => return Some(GroupAction::Delegate(to)),
            Placement::Probe(id) => {
                let action = self.action_of(&id);
                return Some(GroupAction::Probe(id, action));
            }
            Placement::ReadHooks => return Some(GroupAction::ReadHooks),
        }
        self.reconsiders = false;
        None
    }

    /// Which delivery of its message this is.
    fn attempt(&self) -> u32 {
        self.request.own.as_ref().map_or(1, |(_, attempt)| *attempt)
    }

    /// How long a group that cannot be read is waited for.
    fn patient_until(&self) -> DateTime<Utc> {
        self.request.begins + GROUP_PATIENCE + self.own.as_ref().map(spread).unwrap_or_default()
    }

    /// It drains its own, while it cannot be known who else polls.
    fn drain_blind(&mut self) {
        self.role = Role::Own;
        self.sessions.values_mut().for_each(|session| session.set_blind(true));
    }

    fn to_warm_pool(&self) -> bool {
        let destination = self.request.own.as_ref().and_then(|(notice, _)| notice.destination.as_ref());
        destination == Some(&super::message::Destination::WarmPool)
    }

    fn action_of(&self, id: &Ec2InstanceId) -> LifecycleAction {
        LifecycleAction {
            group: self.request.group.clone(),
            hook: self.request.hook.clone(),
            id: LifecycleActionId::Instance(id.clone()),
        }
    }

    /// A coordinator drains what waits, a sweep what has waited for long.
    fn take_along(&mut self, now: DateTime<Utc>) -> Option<GroupAction> {
        self.view.read_at()?;
        let new: BTreeMap<Ec2InstanceId, Option<DateTime<Utc>>> = match self.role {
            Role::Undecided | Role::Own => return None,
            // New ones of a few are their own messages', unless these found more.
            Role::Coordinator if self.took_all && self.view.most_waiting() <= FEW => return None,
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
            self.took_all |= self.own_is_over() && self.view.read_at() >= self.last_end;
            return None;
        }
        if self.view.may_read_hooks(now) {
            return Some(GroupAction::ReadHooks);
        }
        let untimed: BTreeSet<_> = new.keys().filter(|id| !self.standby.was_timed(id)).cloned().collect();
        if self.activities.is_none() && !untimed.is_empty() {
            return Some(GroupAction::ReadActivities(untimed));
        }
        let activities = self.activities.take().unwrap_or_default();
        let only_hook = self.role == Role::Coordinator && self.view.hooks().is_some() && !self.other_hooks();
        let count = new.len();
        for (id, seen) in new {
            let began = self.began(activities.get(&id).copied(), seen.unwrap_or(now));
            if activities.contains_key(&id) {
                self.standby.began(&id, began);
            }
            let mut session = Session::new(DrainRequest {
                ec2_instance_id: id.clone(),
                action: self.action_of(&id),
                schedule: Schedule { began, drain_timeout: self.drain_timeout(), hook: self.hook_timeouts() },
                policy: self.request.policy,
                poll_interval: self.request.poll_interval,
                absence_allowance: absence_allowance(&self.request),
                // Where no other hook can hold it, its action is open; a young one needs no
                // heartbeat yet.
                is_fresh: only_hook && now < began + FRESH,
                in_passing: self.role == Role::Standby && !self.standby.drains(&id),
            });
            if let Some(state) = self.view.waiting().get(&id) {
                self.held_in.insert(id.clone(), state.clone());
            }
            if let Some(at) = self.standby.absent_since(&id) {
                session.was_absent_since(at);
            }
            self.sessions.insert(id, session);
        }
        if self.role == Role::Coordinator {
            self.reports.push(Report::Coordinates(count));
        }
        None
    }

    /// When an action began for which there is no notice: never earlier than its notice can have
    /// been. A termination's activity begins with the connection draining of the group's load
    /// balancer, which is over before the hook begins.
    fn began(&self, activity: Option<DateTime<Utc>>, seen: DateTime<Utc>) -> DateTime<Utc> {
        match activity {
            None => seen,
            Some(activity) if self.view.has_load_balancer() => seen.min(activity + CONNECTION_DRAINING_MAX),
            Some(activity) => seen.min(activity),
        }
    }

    fn drain_timeout(&self) -> Duration {
        let own = self.request.own.as_ref().and_then(|(notice, _)| notice.drain_timeout);
        let hook =
            self.view.hooks().and_then(|hooks| hooks.iter().find(|hook| hook.name == self.request.hook));
        own.or_else(|| hook.and_then(|hook| hook.drain_timeout)).unwrap_or(match self.view.hooks() {
            // A sweep that could not read the hook does not know what its metadata asks for.
            None if self.own.is_none() => Duration::from_secs(DRAIN_TIMEOUT_SECONDS_MAX),
            _ => self.request.drain_timeout,
        })
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
        let is_own = self.own.as_ref() == Some(id);
        if !is_own && !session.is_known() {
            // It waits at another hook only.
            return;
        }
        self.reports.push(Report::Ended(Ended {
            ec2_instance_id: id.clone(),
            end,
            waited_for: self.waited_for.get(id).cloned(),
            took: between(session.schedule().began, now),
            tasks: session.evidence().stopped_since(session.schedule().began),
            diagnosis: session.diagnosis().cloned(),
        }));
    }

    /// Returns whether there is nothing more to do.
    fn is_done(&mut self, now: DateTime<Utc>, wake: Option<DateTime<Utc>>) -> bool {
        if self.role == Role::Standby {
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
        self.coordinates
            && !self.view.is_gone()
            && self.view.read_at().is_none_or(|read| Some(read) < self.last_end)
    }

    fn own_is_over(&self) -> bool {
        self.own().is_some_and(|own| own.end().is_some())
    }

    fn diagnosis_due(&self, now: DateTime<Utc>) -> Option<Ec2InstanceId> {
        if !matches!(self.role, Role::Own | Role::Coordinator) {
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

    /// The group was read, from `began` to `now`. The answer may be as old as its call, and as new
    /// as its end: an action that was denied since it began may be gone already, and an instance
    /// has not waited for longer than since its end.
    pub fn group_read(
        &mut self,
        answer: Result<Option<AutoScalingGroup>, Arc<CallError>>,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        let read = answer.is_ok();
        let as_of = if read { began } else { now };
        self.group_due = if read { as_of + self.group_interval() } else { as_of };
        if let Err(error) = &answer {
            self.reports.push(Report::CallFailed(None, error.clone(), 1));
        }
        self.view.see(answer, as_of);
        if !read {
            return;
        }
        if self.view.is_gone() {
            self.reports.push(Report::NoGroup);
            self.sessions.values_mut().for_each(Session::group_is_gone);
            return;
        }
        self.standby.see_waiting(self.view.waiting(), now);
        if self.role == Role::Standby {
            let hooks = self.standby.hooks().map(<[LifecycleHook]>::to_vec);
            if let Some(hooks) = hooks {
                self.view.see_hooks(Ok(hooks), now);
            }
        }
        self.sessions.values_mut().for_each(|session| session.set_blind(false));
        let other_hooks = self.other_hooks();
        let mut completed = Vec::new();
        // Another lifecycle state is another wait, of which only the message about it has the
        // token. A termination supersedes the replacement of a root volume, say.
        let (own, held_in, waiting) = (&self.own, &self.held_in, self.view.waiting());
        let waits_on =
            |id: &Ec2InstanceId| waiting.get(id).is_none_or(|state| held_in.get(id) == Some(state));
        self.sessions
            .retain(|id, session| session.end().is_some() || own.as_ref() == Some(id) || waits_on(id));
        let to_warm_pool = self.to_warm_pool();
        for (id, session) in self.sessions.iter_mut().filter(|(_, session)| session.end().is_none()) {
            let is_own = self.own.as_ref() == Some(id);
            let (state, held_in) = (self.view.waiting().get(id), self.held_in.get(id));
            let waits = state == held_in;
            // The group never shows an instance on its way to the warm pool.
            let unseen = is_own && to_warm_pool;
            // The next sweep asks again.
            let answers = if self.role == Role::Standby { 1 } else { GONE_ANSWERS };
            let believed = (other_hooks || unseen).then_some(answers);
            session.group_shows(waits || unseen, believed, as_of);
            if session.end().is_some() {
                completed.push(id.clone());
            }
            // A group may be slow to show that an instance waits, and never shows it in two states.
            let young = as_of < session.schedule().began + GROUP_LAG;
            let doubtful = state.is_some() || !young || !is_own;
            if !waits && doubtful {
                session.doubt();
            }
        }
        for id in completed {
            self.ended(&id, as_of);
        }
        let coordinates = self.coordinates || self.view.most_waiting() > FEW;
        // A lower message that began later coordinates, too: two would read everything twice.
        let lowest = self.view.waiting().keys().next();
        let another_may = self.role == Role::Coordinator && lowest < self.own.as_ref();
        let own_is_over = self.own_is_over() && self.role != Role::Standby;
        if self.role == Role::Own && coordinates || another_may || own_is_over {
            self.reconsiders = true;
            self.probes.clear();
        }
    }

    /// The hooks were read.
    pub fn hooks_read(&mut self, answer: Result<Vec<LifecycleHook>, Arc<CallError>>, now: DateTime<Utc>) {
        if let Err(error) = &answer {
            self.reports.push(Report::CallFailed(None, error.clone(), 1));
        }
        if let Ok(hooks) = &answer {
            self.standby.see_hooks(hooks);
            if hooks.iter().all(|hook| hook.name != self.request.hook) {
                self.reports.push(Report::NoHook);
            }
        }
        self.view.see_hooks(answer, now);
        if let Some(read) = self.view.read_at().filter(|_| self.group_due > now) {
            self.group_due = self.group_due.max(read + self.group_interval());
        }
        let hook = self.hook_timeouts();
        for session in self.sessions.values_mut() {
            let schedule = Schedule { hook, ..*session.schedule() };
            session.reschedule(schedule);
        }
    }

    /// The group's activities were read: since when instances are being terminated, as far as they
    /// say.
    pub fn activities_read(
        &mut self,
        answer: Result<BTreeMap<Ec2InstanceId, DateTime<Utc>>, Arc<CallError>>,
    ) {
        let activities = answer.unwrap_or_else(|error| {
            self.reports.push(Report::CallFailed(None, error, 1));
            BTreeMap::new()
        });
        self.activities = Some(activities);
    }

    /// Takes in the answer whether another instance's action is open.
    pub fn probe_answered(
        &mut self,
        id: Ec2InstanceId,
        answer: Result<LifecycleActionState, Arc<CallError>>,
    ) {
        let state = answer.map_err(|error| {
            self.reports.push(Report::CallFailed(Some(id.clone()), error, 1));
        });
        self.probes.insert(id, state.ok());
    }

    /// A heartbeat was answered, sent at `began`.
    pub fn heartbeat_answered(
        &mut self,
        id: &Ec2InstanceId,
        answer: Result<LifecycleActionState, Arc<CallError>>,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        match answer {
            Ok(state) => {
                if state == LifecycleActionState::Active && session.said_gone_at().is_some() {
                    // It may be another action: the group shows.
                    self.group_due = self.group_due.min(now);
                }
                session.heartbeat(Some(state), began, now);
            }
            Err(error) => {
                session.heartbeat(None, began, now);
                self.group_due = self.group_due.min(now);
                self.reports.push(Report::CallFailed(Some(id.clone()), error, 1));
            }
        }
        if session.heartbeats_fail(now) {
            self.reports.push(Report::HeartbeatsFail(id.clone()));
        }
        self.after_the_action(id, now);
    }

    /// A completion was answered.
    pub fn completion_answered(
        &mut self,
        id: &Ec2InstanceId,
        reason: CompleteReason,
        answer: Result<LifecycleActionState, Arc<CallError>>,
        now: DateTime<Utc>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        match answer {
            Ok(state) => session.completed(reason, state, now),
            Err(error) => {
                if error.may_have_taken_effect() {
                    session.completion_is_uncertain(reason, now);
                }
                session.failed(Kind::Complete, error.clone(), now);
                self.group_due = self.group_due.min(now);
                self.failed(id, Kind::Complete, error);
            }
        }
        self.after_the_action(id, now);
    }

    fn after_the_action(&mut self, id: &Ec2InstanceId, now: DateTime<Utc>) {
        let Some(session) = self.sessions.get(id) else { return };
        if session.said_gone_at().is_some() {
            // The group must agree.
            self.group_due = self.group_due.min(now);
        }
        if session.end().is_some() {
            self.ended(id, now);
        }
    }

    /// A call for drains failed: the whole of it, or for one of them.
    pub fn call_failed(
        &mut self,
        id: &Ec2InstanceId,
        kind: Kind,
        error: &Arc<CallError>,
        now: DateTime<Utc>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.failed(kind, error.clone(), now);
        self.failed(id, kind, error.clone());
    }

    fn failed(&mut self, id: &Ec2InstanceId, kind: Kind, error: Arc<CallError>) {
        let Some(trouble) = self.sessions.get(id).and_then(|session| session.trouble_with(kind)) else {
            return;
        };
        let for_long = trouble.was_refused_for(REFUSAL_PATIENCE);
        self.reports.push(Report::CallFailed(Some(id.clone()), error.clone(), trouble.tries));
        if for_long && !self.drains_alone(id) && self.refused_reported.insert(id.clone()) {
            self.reports.push(Report::Refused(id.clone(), error));
        }
    }

    /// A call reached some of a drain's resources, or without a failure, all of them.
    fn reached(
        &mut self,
        id: &Ec2InstanceId,
        kind: Kind,
        failure: Option<&Arc<CallError>>,
        now: DateTime<Utc>,
    ) {
        match (failure, self.sessions.get_mut(id)) {
            (Some(error), _) => self.call_failed(id, kind, error, now),
            (None, Some(session)) => session.succeeded(kind),
            (None, None) => {}
        }
    }

    /// A change of a drain, and what it then waits for.
    fn change(&mut self, id: &Ec2InstanceId, now: DateTime<Utc>, change: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        change(session);
        let Some(reason) = session.waiting_for(now) else { return };
        if self.waiting_for.get(id) != Some(&reason) {
            if reason != WaitReason::Settling {
                self.waited_for.insert(id.clone(), reason.clone());
            }
            self.waiting_for.insert(id.clone(), reason.clone());
            self.reports.push(Report::Waiting(id.clone(), reason));
        }
    }

    /// The cluster was asked for instances: what it described of each, and how many more it listed.
    pub fn found(
        &mut self,
        id: &Ec2InstanceId,
        described: &[ContainerInstance],
        unresolved: usize,
        now: DateTime<Utc>,
    ) {
        if described.iter().any(|it| it.ec2_instance_id == id.as_str()) {
            self.cluster_is_right = Some(true);
        }
        self.reached(id, Kind::Find, None, now);
        self.change(id, now, |session| session.found(described, unresolved, now));
    }

    /// The cluster was asked for ACTIVE registrations of an instance.
    pub fn found_active(&mut self, id: &Ec2InstanceId, any: bool, now: DateTime<Utc>) {
        self.reached(id, Kind::FindActive, None, now);
        self.change(id, now, |session| session.found_active(any, now));
    }

    /// Registrations were described.
    pub fn described(&mut self, id: &Ec2InstanceId, described: &[ContainerInstance], now: DateTime<Utc>) {
        self.reached(id, Kind::Describe, None, now);
        self.change(id, now, |session| session.described(described, now));
    }

    /// Registrations were set DRAINING.
    pub fn was_set_draining(
        &mut self,
        id: &Ec2InstanceId,
        answered: &[ContainerInstance],
        failure: Option<&Arc<CallError>>,
        now: DateTime<Utc>,
    ) {
        if !answered.is_empty() {
            let arns = answered.iter().map(|it| it.arn.clone()).collect();
            self.reports.push(Report::SetDraining(id.clone(), arns));
        }
        if self.role == Role::Standby && !answered.is_empty() {
            self.standby.has_set_draining(id);
            if let Some(session) = self.sessions.get_mut(id) {
                session.take_over();
            }
        }
        self.reached(id, Kind::SetDraining, failure, now);
        self.change(id, now, |session| session.was_set_draining(answered, now));
    }

    /// Both lists of a registration were read, from `began` to `now`.
    pub fn listed(
        &mut self,
        id: &Ec2InstanceId,
        on: &ContainerInstanceArn,
        lists: &TaskLists,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        self.reached(id, Kind::List, None, now);
        self.change(id, now, |session| session.listed(on, lists, began, now));
    }

    /// Both lists of the whole cluster were read, from `began` to `now`.
    pub fn cluster_listed(
        &mut self,
        of: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>,
        lists: TaskLists,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        self.cluster_lists.read(of, lists, began, now);
        self.assign_lists();
    }

    /// The cluster's lists are too long to be read: each instance's are read separately for a
    /// while.
    pub fn cluster_lists_are_too_long(&mut self, now: DateTime<Utc>) {
        self.cluster_lists.are_too_long(now);
    }

    /// Tasks of the cluster's lists were described. Where one is not found, its instance cannot be
    /// known: the lists of each instance are read instead.
    pub fn placed(&mut self, described: &[Task], all_found: bool, now: DateTime<Utc>) {
        self.cluster_lists.place(described, all_found, now);
        self.assign_lists();
    }

    fn assign_lists(&mut self) {
        for of in self.cluster_lists.take() {
            self.listed(&of.id, &of.on, &of.lists, of.began, of.ended);
        }
    }

    /// Tasks were described.
    pub fn polled(
        &mut self,
        id: &Ec2InstanceId,
        described: &[Task],
        missing: &BTreeSet<String>,
        failure: Option<&Arc<CallError>>,
        now: DateTime<Utc>,
    ) {
        self.reached(id, Kind::DescribeTasks, failure, now);
        self.change(id, now, |session| session.polled(described, missing, now));
    }

    /// A task was asked to stop.
    pub fn stop_answered(&mut self, id: &Ec2InstanceId, task: &TaskArn, now: DateTime<Utc>) {
        self.reports.push(Report::TaskStopped(id.clone(), task.clone()));
        self.reached(id, Kind::StopTasks, None, now);
        self.change(id, now, |session| session.stop_answered(task));
    }

    /// Takes in the answer whether another instance of the group is in the cluster.
    pub fn cluster_proven(&mut self, answer: Result<bool, Arc<CallError>>, now: DateTime<Utc>) {
        match answer {
            Ok(right) => {
                self.cluster_is_right = Some(right);
                let wrong: Vec<_> = self
                    .unended()
                    .filter(|it| it.is_in_no_known_cluster(self.cluster_is_right, now))
                    .filter(|it| !self.drains_alone(it.ec2_instance_id()))
                    .map(|it| it.ec2_instance_id().clone())
                    .collect();
                self.reports.extend(wrong.into_iter().map(Report::WrongCluster));
            }
            Err(error) => {
                let seeking = self.unended().filter(|it| it.evidence().absent_since().is_some());
                let seeking: Vec<_> = seeking.map(|it| it.ec2_instance_id().clone()).collect();
                for id in seeking {
                    self.call_failed(&id, Kind::ProveCluster, &error, now);
                }
            }
        }
    }

    /// A diagnosis was tried, and perhaps made.
    pub fn diagnosed(&mut self, id: &Ec2InstanceId, diagnosis: Option<Diagnosis>, now: DateTime<Utc>) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let news = diagnosis.as_ref().filter(|it| session.diagnosis().is_none_or(|(_, known)| known != *it));
        if let Some(news) = news {
            self.reports.push(Report::Diagnosed(id.clone(), news.clone()));
        }
        session.diagnosed(diagnosis, now);
    }
}

/// How long the cluster must not have listed an instance before an invocation believes that: half
/// of its time where that is short, or short invocations would republish without end.
fn absence_allowance(request: &GroupRequest) -> Duration {
    let time = between(request.begins, request.until);
    ABSENCE_ALLOWANCE.min(time / 2)
}

/// Spreads over a minute and more what many invocations do that began at the same time.
fn spread(id: &Ec2InstanceId) -> Duration {
    let hash = id.as_str().bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_secs(hash % 75)
}

#[cfg(test)]
mod tests;
