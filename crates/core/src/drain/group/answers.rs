//! The recording of what came of an invocation's actions.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{GROUP_LAG, GroupDrains, REFUSAL_PATIENCE};
use crate::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use crate::drain::diagnosis::Diagnosis;
use crate::drain::evidence::TaskLists;
use crate::drain::observation::Observation;
use crate::drain::reason::CompleteReason;
use crate::drain::report::Report;
use crate::drain::role::{FEW, Role};
use crate::drain::schedule::Schedule;
use crate::drain::session::Session;
use crate::drain::troubles::Kind;
use crate::drain::waiting_action::Shown;
use crate::lifecycle::{
    AutoScalingGroup, LifecycleActionState, LifecycleHook, REPLACING_ROOT_VOLUME, WAITS_TO_TERMINATE,
};
use crate::ports::CallError;
use crate::task::Task;

/// Where another hook may hold an instance, an action is over after this many answers that say so.
const GONE_ANSWERS: u32 = 3;

impl GroupDrains {
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
            self.reports.call_failed(None, error, 1);
        }
        self.view.see(answer, as_of);
        if !read {
            return;
        }
        self.standby.see_waiting(self.view.waiting(), now);
        if self.view.is_gone() {
            self.reports.add(Report::NoGroup);
            self.sessions.values_mut().for_each(Session::group_is_gone);
            return;
        }
        if self.assignment.is(Role::Standby) {
            let hooks = self.standby.hooks().map(<[LifecycleHook]>::to_vec);
            if let Some(hooks) = hooks {
                self.view.see_hooks(Ok(hooks), now);
            }
        }
        self.sessions.values_mut().for_each(|session| session.set_blind(false));
        // Another lifecycle state is another wait, of which only the message about it has the
        // token. A termination supersedes the replacement of a root volume, say.
        let (own, waiting) = (self.request.own(), self.view.waiting());
        // Where its message does not say, the first state that the group shows is its action's.
        if let Some((own, state)) = own.and_then(|own| waiting.get_key_value(own)) {
            self.held_in.entry(own.clone()).or_insert_with(|| state.clone());
        }
        let held_in = &self.held_in;
        let waits_on =
            |id: &Ec2InstanceId| waiting.get(id).is_none_or(|state| held_in.get(id) == Some(state));
        self.sessions.retain(|id, session| session.end().is_some() || own == Some(id) || waits_on(id));
        for id in self.unended().map(|it| it.ec2_instance_id().clone()).collect::<Vec<_>>() {
            let shown = self.shown(&id, as_of);
            let Some((session, shown)) = self.sessions.get_mut(&id).zip(shown) else { continue };
            session.group_shows(shown, as_of);
            if session.end().is_some() {
                self.ended(&id, as_of);
            }
        }
        let coordinates = self.assignment.coordinates() || self.view.most_waiting() > FEW;
        // A lower message that began later coordinates, too: two would read everything twice.
        let lowest = self.view.waiting().keys().next();
        let another_may = self.assignment.is(Role::Coordinator) && lowest < self.request.own();
        let own_is_over = self.own_is_over() && !self.assignment.is(Role::Standby);
        if self.assignment.is(Role::Own) && coordinates || another_may || own_is_over {
            self.assignment.doubt();
        }
    }

    /// The state of a drain's action, as the group shows it.
    fn shown(&self, id: &Ec2InstanceId, as_of: DateTime<Utc>) -> Option<Shown> {
        let session = self.sessions.get(id)?;
        let is_own = self.request.own() == Some(id);
        let (state, held_in) = (self.view.waiting().get(id), self.held_in.get(id));
        let waits = state.is_some() && state == held_in;
        let (held_in, is) = (held_in.map(String::as_str), state.map(String::as_str));
        // The group never shows an instance on its way to the warm pool.
        let unseen = is_own && self.request.to_warm_pool();
        // A group may be slow to show that an instance waits, and never shows it in two states.
        let young = as_of < session.schedule().began + GROUP_LAG;
        let not_yet = young && state.is_none() && !session.may_have_completed();
        // The next sweep asks again.
        let answers = if self.assignment.is(Role::Standby) { 1 } else { GONE_ANSWERS };
        Some(Shown {
            holds: waits || unseen || not_yet,
            believed: (self.other_hooks() || unseen).then_some(answers),
            doubtful: !waits && (state.is_some() || !young || !is_own),
            superseded: held_in == Some(REPLACING_ROOT_VOLUME) && is == Some(WAITS_TO_TERMINATE),
        })
    }

    /// The hooks were read.
    pub fn hooks_read(&mut self, answer: Result<Vec<LifecycleHook>, Arc<CallError>>, now: DateTime<Utc>) {
        if let Err(error) = &answer {
            self.reports.call_failed(None, error, 1);
        }
        if let Ok(hooks) = &answer {
            self.standby.see_hooks(hooks);
            if hooks.iter().all(|hook| hook.name != self.request.hook) {
                self.reports.add(Report::NoHook);
            }
        }
        self.view.see_hooks(answer, now);
        if let Some(read) = self.view.read_at().filter(|_| self.group_due > now) {
            self.group_due = self.group_due.max(read + self.group_interval());
        }
        let hook = self.timing().hook_timeouts();
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
            self.reports.call_failed(None, &error, 1);
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
            self.reports.call_failed(Some(&id), &error, 1);
        });
        self.assignment.probed(id, state.ok());
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
                self.reports.call_failed(Some(id), &error, 1);
            }
        }
        if session.heartbeats_fail(now) {
            self.reports.add(Report::HeartbeatsFail(id.clone()));
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
        let Some(trouble) = self.sessions.get(id).and_then(|session| session.troubles().with(kind)) else {
            return;
        };
        let for_long = trouble.was_refused_for(REFUSAL_PATIENCE);
        self.reports.call_failed(Some(id), &error, trouble.tries);
        if for_long && !self.drains_alone(id) {
            self.reports.refused(id, error);
        }
    }

    /// Takes in the result of a drain's step. `failure` is that of a call that reached only some of
    /// its resources.
    pub fn record(
        &mut self,
        id: &Ec2InstanceId,
        observation: &Observation,
        failure: Option<&Arc<CallError>>,
        now: DateTime<Utc>,
    ) {
        match observation {
            Observation::SetDraining(answered) if !answered.is_empty() => {
                let arns = answered.iter().map(|it| it.arn.clone()).collect();
                self.reports.add(Report::SetDraining(id.clone(), arns));
                if self.assignment.is(Role::Standby) {
                    self.standby.has_set_draining(id);
                    if let Some(session) = self.sessions.get_mut(id) {
                        session.take_over();
                    }
                }
            }
            Observation::StopAsked(task) => self.reports.add(Report::TaskStopped(id.clone(), task.clone())),
            _ => {}
        }
        if let Some(error) = failure {
            self.call_failed(id, observation.kind(), error, now);
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.record(observation, failure.is_none(), now);
        if session.evidence().was_in_cluster() {
            self.cluster_is_right = Some(true);
        }
        if let Some(reason) = session.waiting_for(now) {
            self.reports.waits(id, reason);
        }
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
        for (id, lists, ended) in self.cluster_lists.take() {
            self.record(&id, &lists, None, ended);
        }
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
                for id in wrong {
                    self.reports.add(Report::WrongCluster(id));
                }
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
            self.reports.add(Report::Diagnosed(id.clone(), news.clone()));
        }
        session.diagnosed(diagnosis, now);
    }
}
