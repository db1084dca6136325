//! Rule 9 for drains, no silence: success is never reported for a drain that was cut short, and a
//! drain that was cut short is never passed over.
//!
//! - An invocation answers `completed` only if a function completed the action of its notice:
//!   mostly itself, or a copy of it where the answer to its own call was lost. Where its own
//!   completion was answered with an internal failure, or not in time, and the action is gone after
//!   that, nothing shows who ended it: AWS may have taken the completion.
//! - A drain is *cut short* where its action ends otherwise than by a function (the hook ran out,
//!   somebody else completed it, the instance is gone) while a task on the instance has not
//!   STOPPED; ghosts do not count. An invocation of its notice that was working on it then, and
//!   must have seen such a task (`evidence`), publishes `DrainCutShort` or `DrainErrors` of at
//!   least 1 after that. It need not where it failed, timed out or died, where a call of its own
//!   was refused, or where it ended sooner than it had to notice: within two polls and 90 s, or
//!   half of the heartbeat timeout where that is longer. Where none of its heartbeats was answered
//!   from then on, it cannot know, and publishes `DrainErrors` since the last that was. The same
//!   holds where AWS may have taken its own completion. Of a task that was stopping already ECS
//!   does not say how it ended. Nothing could show that it was cut short where AWS also denied that
//!   the action was open, or where the invocation described tasks before it next asked for the
//!   action: they may as well have stopped while it was open. Where AWS denied actions that were
//!   open, what was reported before the end counts as well.
//! - An invocation does not answer `cut-short` where a termination superseded the action of its
//!   notice and the action of that is still open: the instance waits, and its tasks go on. A
//!   message without an `Action` may be handled as that of the termination.
//! - A sweep fails only where a call of its own was refused, or where its group is not in its
//!   cluster.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{ActionEnd, CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{InvocationEnd, InvocationId};
use serde_json::Value;

use super::evidence::Evidence;
use super::invocations::{Invocation, answered, invocations, notices, sweep_of};
use super::lifecycle_actions::{How, LifecycleAction, lifecycle_actions};
use super::occupancy::Occupancy;
use super::{Breach, Rule, has_slow_calls, longest_lag};
use crate::scenario::Metadata;
use crate::stage::{DRAINER, HOOK, Played};

/// See the module.
#[derive(Debug)]
pub struct NoSilence;

/// An invocation notices within two polls and this that its action is over.
const NOTICES_WITHIN: TimeDelta = TimeDelta::seconds(90);

/// A call that has not answered after this long may be given up.
const GIVEN_UP_AFTER_MS: u32 = 10_000;

impl Rule for NoSilence {
    fn name(&self) -> &'static str {
        "no silence"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let entries = played.world.history().entries();
        let actions = lifecycle_actions(entries, &played.scenario);
        let invocations = invocations(entries);
        let calls = &played.scenario.disorder.calls;
        let slow = has_slow_calls(&played.scenario) && calls.slow_ms_max >= GIVEN_UP_AFTER_MS;
        let reports = Reports::of(entries, slow);
        let denied = played.scenario.denies_open_actions();
        let breach = |at, how| Err(Breach { rule: self.name(), at, how });
        for (id, invocation) in invocations.iter().filter(|(_, it)| it.function == DRAINER) {
            let Some(ended) = invocation.ended else { continue };
            let token = notices(invocation.payload).into_iter().next().map(|notice| notice.token);
            let completed = answered(ended.how, "outcome") == Some("completed");
            let completed = completed && !reports.may_have_completed.contains(id);
            if let Some(token) =
                token.filter(|token| completed && !reports.completed.contains(token.as_str()))
            {
                return breach(ended.at, format!("[{}] reports that it completed action {token}", id.0));
            }
            let cut_short = answered(ended.how, "outcome") == Some("cut-short");
            let own = notices(invocation.payload).into_iter().next();
            let own = own.filter(|notice| cut_short && notice.names_its_action());
            let own = own.and_then(|notice| actions.get(notice.token.as_str()));
            if own.is_some_and(|own| goes_on(&actions, own, ended.at)) {
                return breach(ended.at, format!("[{}] reports as cut short what goes on", id.0));
            }
            let sweeps = sweep_of(invocation.payload).is_some();
            let failed = matches!(ended.how, InvocationEnd::Failed(_));
            let excused = reports.refused.contains(id) || has_wrong_clusters(played);
            if sweeps && failed && !excused {
                return breach(ended.at, format!("sweep [{}] fails", id.0));
            }
        }
        for cut in cuts(played, &actions, &invocations) {
            let Some(invocation) = invocations.get(&cut.by) else { continue };
            if let Some(ended) = invocation.ended
                && matches!(ended.how, InvocationEnd::Returned(_))
                && ended.at >= cut.noticed_by
                && !reports.reported_since(cut.by, reports.unheard_since(cut.by, cut.at))
                && !(denied && reports.reported_since(cut.by, DateTime::UNIX_EPOCH))
                && !(reports.may_have_completed.contains(&cut.by)
                    && reports.reported_since(cut.by, reports.last_heard(cut.by, cut.at)))
                && !reports.refused.contains(&cut.by)
                && !(cut.was_stopping && reports.described_before_it_asked(cut.by, cut.at))
            {
                let how = format!("[{}] passes over that {} was cut short", cut.by.0, cut.task);
                return breach(ended.at, how);
            }
        }
        Ok(())
    }
}

/// Returns whether another action superseded an action, and was open all the time until now.
fn goes_on(
    actions: &BTreeMap<&str, LifecycleAction<'_>>,
    own: &LifecycleAction<'_>,
    now: DateTime<Utc>,
) -> bool {
    let Some(ended) = own.ended.filter(|ended| ended.how == How::Superseded) else { return false };
    let mut others = actions.values().filter(|other| other.instance == own.instance);
    others.any(|other| (ended.at..=now).contains(&other.opened) && other.is_open_at(now))
}

fn has_wrong_clusters(played: &Played) -> bool {
    let mut groups = played.scenario.clusters.iter().flat_map(|cluster| &cluster.groups);
    groups.any(|group| group.metadata != Metadata::Named)
}

/// The invocations' actions, which show their reports.
#[derive(Default)]
struct Reports<'a> {
    /// The actions that functions completed.
    completed: BTreeSet<&'a str>,
    /// Those whose completion may have been taken, as far as its answer shows.
    may_have_completed: BTreeSet<InvocationId>,
    /// When each published `DrainCutShort` or `DrainErrors`.
    bad_ends: BTreeMap<InvocationId, Vec<DateTime<Utc>>>,
    /// Those of which a call was refused.
    refused: BTreeSet<InvocationId>,
    /// When each sent a heartbeat, and whether it was answered.
    heartbeats: BTreeMap<InvocationId, Vec<(DateTime<Utc>, bool)>>,
    /// When each asked for an action or described tasks, and whether that were tasks.
    looks: BTreeMap<InvocationId, Vec<(DateTime<Utc>, bool)>>,
}

impl<'a> Reports<'a> {
    fn of(entries: &'a [Entry], slow: bool) -> Self {
        let mut reports = Self::default();
        for entry in entries {
            let Some(by) = entry.by else { continue };
            if let Occurrence::ApiCalled { operation, .. } = &entry.what {
                let of_tasks = *operation == Operation::DescribeTasks;
                let asks = [Operation::RecordLifecycleActionHeartbeat, Operation::CompleteLifecycleAction];
                if of_tasks || asks.contains(operation) {
                    reports.looks.entry(by).or_default().push((entry.at, of_tasks));
                }
            }
            match &entry.what {
                Occurrence::ActionEnded { token, end: ActionEnd::Completed(_), .. } => {
                    reports.completed.insert(token);
                }
                Occurrence::EmbeddedMetricsPut { document } if reports_a_bad_end(document) => {
                    reports.bad_ends.entry(by).or_default().push(entry.at);
                }
                Occurrence::ApiCalled { outcome: CallOutcome::Failed(code), .. }
                    if ["AccessDeniedException", "AccessDenied", "AuthorizationError"].contains(code) =>
                {
                    reports.refused.insert(by);
                }
                Occurrence::ApiCalled { operation: Operation::RecordLifecycleActionHeartbeat, outcome } => {
                    let answered =
                        matches!(outcome, CallOutcome::Answered | CallOutcome::Failed("ValidationError"));
                    reports.heartbeats.entry(by).or_default().push((entry.at, answered));
                }
                Occurrence::ApiCalled { operation: Operation::CompleteLifecycleAction, outcome }
                    if slow
                        || matches!(outcome, CallOutcome::Failed("InternalFailure") | CallOutcome::Hung) =>
                {
                    reports.may_have_completed.insert(by);
                }
                _ => {}
            }
        }
        reports
    }

    /// Since when no heartbeat of an invocation was answered, if none was from the end of its
    /// action on: that end it cannot know. Otherwise that end.
    fn unheard_since(&self, by: InvocationId, ended: DateTime<Utc>) -> DateTime<Utc> {
        let sent = self.heartbeats.get(&by).map(Vec::as_slice).unwrap_or_default();
        let mut after = sent.iter().filter(|(at, _)| *at >= ended).peekable();
        let answered = after.peek().is_none() || after.any(|(_, answered)| *answered);
        if answered { ended } else { self.last_heard(by, ended) }
    }

    /// When a heartbeat of an invocation was last answered before the end of its action.
    fn last_heard(&self, by: InvocationId, ended: DateTime<Utc>) -> DateTime<Utc> {
        let sent = self.heartbeats.get(&by).map(Vec::as_slice).unwrap_or_default();
        let before = sent.iter().rfind(|(at, answered)| *at < ended && *answered);
        before.map_or(DateTime::UNIX_EPOCH, |(at, _)| *at)
    }

    fn described_before_it_asked(&self, by: InvocationId, ended: DateTime<Utc>) -> bool {
        let mut since = self.looks.get(&by).into_iter().flatten().skip_while(|(at, _)| *at < ended);
        since.next().is_some_and(|(_, of_tasks)| *of_tasks)
    }

    fn reported_since(&self, by: InvocationId, time: DateTime<Utc>) -> bool {
        self.bad_ends.get(&by).into_iter().flatten().any(|at| *at >= time)
    }
}

fn reports_a_bad_end(document: &Value) -> bool {
    let value = |name: &str| document.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    value("DrainCutShort") >= 1.0 || value("DrainErrors") >= 1.0
}

/// A drain that was cut short under an invocation.
struct Cut<'a> {
    by: InvocationId,
    /// One of its tasks: if there is one, one that ECS was not stopping.
    task: &'a TaskArn,
    was_stopping: bool,
    at: DateTime<Utc>,
    noticed_by: DateTime<Utc>,
}

fn cuts<'a>(
    played: &'a Played,
    actions: &BTreeMap<&'a str, LifecycleAction<'a>>,
    invocations: &BTreeMap<InvocationId, Invocation<'a>>,
) -> Vec<Cut<'a>> {
    let by_function = |entry: &Entry| match &entry.what {
        Occurrence::ActionEnded { hook, end: ActionEnd::Completed(_), .. } => {
            hook == HOOK && entry.by.is_some()
        }
        _ => false,
    };
    let entries = played.world.history().entries();
    let mut ends: BTreeMap<usize, &str> = BTreeMap::new();
    for (token, action) in actions {
        let Some(ended) = action.ended else { continue };
        let superseded = ended.how == How::Superseded;
        if !superseded && !entries.get(ended.position).is_some_and(by_function) {
            ends.insert(ended.position, token);
        }
    }
    let mut works_on: BTreeMap<String, Vec<InvocationId>> = BTreeMap::new();
    for (id, invocation) in invocations.iter().filter(|(_, it)| it.function == DRAINER) {
        for notice in notices(invocation.payload) {
            works_on.entry(notice.token).or_default().push(*id);
        }
    }
    let poll = TimeDelta::seconds(i64::from(played.scenario.drainer.poll_seconds));
    let mut evidence = Evidence::with_lag(longest_lag(&played.scenario));
    let mut occupancy = Occupancy::default();
    let mut cuts = Vec::new();
    let denied = played.scenario.denies_open_actions();
    let mut stopping: BTreeSet<&TaskArn> = BTreeSet::new();
    for (position, entry) in entries.iter().enumerate() {
        // An instance that is gone has the tasks that it had before.
        let token = ends.get(&position).copied();
        if let Some((token, action)) = token.and_then(|token| Some((token, actions.get(token)?))) {
            let notices_within = (NOTICES_WITHIN + poll * 2).max(action.timeouts.heartbeat / 2);
            for by in works_on.get(token).into_iter().flatten() {
                let on = occupancy.of(action.instance).filter(|it| !it.is_ghost());
                let seen = |task: &&TaskArn| {
                    evidence.surely_listed(*by, task) && !(denied && stopping.contains(*task))
                };
                let tasks = on.flat_map(|it| it.unfinished.keys().copied()).filter(seen);
                let task = tasks.min_by_key(|task| stopping.contains(*task));
                let noticed_by = entry.at + notices_within;
                let was_stopping = task.is_some_and(|task| stopping.contains(task));
                cuts.extend(task.map(|task| Cut { by: *by, task, was_stopping, at: entry.at, noticed_by }));
            }
        }
        if let Occurrence::TaskStopping { task, .. } = &entry.what {
            stopping.insert(task);
        }
        occupancy.see(entry);
        evidence.see(entry);
    }
    cuts
}
