//! The reads of the drainer: of all invocations of a group together, of one that drains alone; and
//! that its message becomes one message.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{InvocationEnd, InvocationId};

use super::{GROUP_BURST, GROUP_PER_SECOND, STOPPING_POLL, WINDOW, WithinTheBucket, is_read, page_size};
use crate::rules::invocations::{answered, notices};
use crate::rules::lifecycle_actions::{How, LifecycleAction, lifecycle_actions};
use crate::rules::occupancy::Occupancy;
use crate::rules::waiting::{Place, places};
use crate::rules::{Breach, Rule};
use crate::scenario::Scenario;
use crate::stage::{DRAINER, Played};
use fleetkeeper_sim::world::disorder::Disorder;

/// A change or a failed call may be behind reads this much later: the longest lag of a read, a
/// pause, a step.
const BEHIND: TimeDelta = TimeDelta::seconds(180);

/// The rounds of everything that one minute has without a reason: at the start, and to confirm the
/// end.
const ROUNDS: usize = 6;

/// The calls of a lone drain besides its polls.
const LONE_CALLS: i64 = 12;

/// The calls of a diagnosis: services, protections, the group, its activities.
const DIAGNOSIS: i64 = 5;

/// The heartbeats in a minute of each instance that waits, failed ones included.
const HEARTBEATS: usize = 20;

#[derive(Default)]
struct Delivery<'a> {
    instances: Vec<&'a Ec2InstanceId>,
    reads: VecDeque<DateTime<Utc>>,
    heartbeats: VecDeque<DateTime<Utc>>,
    /// What may make it read everything anew: changes of its instance, and calls that failed.
    reasons: VecDeque<DateTime<Utc>>,
    changes: usize,
    /// True if at some time all tasks on its instance were stopping.
    only_stopping: bool,
    published: usize,
    records: usize,
    /// Publishes of which it does not know whether AWS took them.
    doubtful: usize,
    calls: i64,
    /// The reads of a poll, and of everything, at their most.
    costs: (usize, usize),
    place: Option<Place>,
    has_read: bool,
}

/// The part of their burst that a group's invocations have used.
#[derive(Default)]
struct Bucket {
    used: f64,
    at: Option<DateTime<Utc>>,
    /// How many worked on the same drains at once lately, and until when: the burst of each may
    /// have been used up, whoever reads now.
    copies: Option<(u32, DateTime<Utc>)>,
}

pub(super) fn check(played: &Played) -> Result<(), Breach> {
    let entries = played.world.history().entries();
    let actions = lifecycle_actions(entries, &played.scenario);
    let mut places = places(entries, &played.scenario);
    let mut occupancy = Occupancy::default();
    let mut deliveries: BTreeMap<InvocationId, Delivery<'_>> = BTreeMap::new();
    let mut of_instances: BTreeMap<&Ec2InstanceId, Vec<InvocationId>> = BTreeMap::new();
    let mut buckets: BTreeMap<String, Bucket> = BTreeMap::new();
    let mut stopping: BTreeSet<&TaskArn> = BTreeSet::new();
    let breach = |at, how| Err(Breach { rule: WithinTheBucket.name(), at, how });
    let heartbeats_refused = played
        .scenario
        .faults
        .iter()
        .any(|plan| plan.throughout && plan.operation == Some(Operation::RecordLifecycleActionHeartbeat));
    let mut groups = played.scenario.clusters.iter().flat_map(|cluster| &cluster.groups);
    let warm_pools = groups.any(|group| group.warm_pool.is_some());
    for entry in entries {
        if let Occurrence::TaskStopping { task, .. } = &entry.what {
            stopping.insert(task);
        }
        if let Some(changed) = occupancy.see(entry) {
            for id in of_instances.get(changed).into_iter().flatten() {
                if let Some(delivery) = deliveries.get_mut(id) {
                    delivery.reasons.push_back(entry.at);
                    delivery.changes += 1;
                }
            }
        }
        match &entry.what {
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == DRAINER =>
            {
                let mut delivery = Delivery { place: places.remove(invocation), ..Delivery::default() };
                for notice in notices(payload) {
                    delivery.records += 1;
                    if let Some(action) = actions.get(notice.token.as_str()) {
                        delivery.instances.push(action.instance);
                        of_instances.entry(action.instance).or_default().push(*invocation);
                    }
                }
                delivery.grow(page_size(played), &occupancy);
                deliveries.insert(*invocation, delivery);
            }
            Occurrence::InvocationEnded { invocation, end } => {
                let Some(delivery) = deliveries.remove(invocation) else { continue };
                if let Err(how) = delivery.ends(end, entry.at, &actions, played) {
                    return breach(entry.at, format!("[{}] {how}", invocation.0));
                }
                for instance in delivery.instances {
                    let of = of_instances.entry(instance).or_default();
                    of.retain(|id| id != invocation);
                }
            }
            Occurrence::ApiCalled { .. } | Occurrence::MessagePublished { .. } => {
                let found = entry.by.and_then(|by| deliveries.get_mut(&by).map(|delivery| (by, delivery)));
                let Some((by, delivery)) = found else { continue };
                delivery.grow(page_size(played), &occupancy);
                delivery.note_stopping(&occupancy, &stopping);
                if let Err(how) = delivery.see(entry, played) {
                    return breach(entry.at, format!("[{}] {how}", by.0));
                }
                let reads =
                    matches!(&entry.what, Occurrence::ApiCalled { operation, .. } if is_read(*operation));
                let group = delivery.place.as_ref().map(|place| place.group.clone());
                let unread = deliveries.values().filter_map(|it| it.place.as_ref()).any(|it| it.group_unread);
                if let Some(group) = group.filter(|_| reads && !unread && !heartbeats_refused && !warm_pools)
                {
                    let copies = copies_of_a_message(&deliveries, &group)
                        + u32::from(one_was_republished(&deliveries, &group));
                    let copies = copies.max(coordinators(&deliveries, &group, entry.at));
                    let used = buckets.entry(group.clone()).or_default().read(entry.at, copies);
                    if used > GROUP_BURST {
                        return breach(
                            entry.at,
                            format!("the drains of {group} read faster than their share"),
                        );
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl Bucket {
    /// One read while this many invocations work on the same message; how much of the burst is used
    /// then.
    fn read(&mut self, now: DateTime<Utc>, copies: u32) -> f64 {
        let lately = self.copies.filter(|(_, until)| now < *until).map_or(1, |(copies, _)| copies);
        if copies >= lately {
            self.copies = Some((copies, now + WINDOW));
        }
        let copies = copies.max(lately);
        let since = self.at.replace(now).map_or(0.0, |at| (now - at).as_seconds_f64());
        self.used = (self.used - since * GROUP_PER_SECOND).max(0.0) + 1.0 / f64::from(copies.max(1));
        self.used
    }
}

/// How many invocations work on the same message of a group at once, at most: SNS delivers at least
/// once.
fn copies_of_a_message(deliveries: &BTreeMap<InvocationId, Delivery<'_>>, group: &str) -> u32 {
    let mut copies: BTreeMap<&Option<String>, u32> = BTreeMap::new();
    let places = deliveries.values().filter_map(|delivery| delivery.place.as_ref());
    for place in places.filter(|place| place.group == group) {
        *copies.entry(&place.instance).or_default() += 1;
    }
    copies.into_values().max().unwrap_or(1)
}

/// How many messages may coordinate a group at once: of several whose own actions end together none
/// knows to which of them the others were delegated.
fn coordinators(deliveries: &BTreeMap<InvocationId, Delivery<'_>>, group: &str, now: DateTime<Utc>) -> u32 {
    let places = deliveries.values().filter_map(|delivery| delivery.place.as_ref());
    let may =
        places.filter(|place| place.group == group && !place.is_sweep() && place.may_act_on_others(now));
    u32::try_from(may.count()).unwrap_or(u32::MAX)
}

/// Returns whether a republished message of a group is among several that are worked on: it may
/// coordinate beside the lowest.
fn one_was_republished(deliveries: &BTreeMap<InvocationId, Delivery<'_>>, group: &str) -> bool {
    let places = deliveries.values().filter_map(|delivery| delivery.place.as_ref());
    let places: Vec<_> = places.filter(|place| place.group == group).collect();
    places.len() > 1 && places.iter().any(|place| place.republished)
}

impl Delivery<'_> {
    fn see(&mut self, entry: &Entry, played: &Played) -> Result<(), String> {
        let Occurrence::ApiCalled { operation, outcome } = &entry.what else {
            self.published += 1;
            let most = self.records * 2;
            return if self.published > self.records + self.doubtful || self.published > most {
                Err(format!("publishes {} times", self.published))
            } else {
                Ok(())
            };
        };
        self.calls += 1;
        let slow = is_slow(&played.scenario);
        if *outcome != CallOutcome::Answered {
            self.reasons.push_back(entry.at);
        }
        if *operation == Operation::Publish && (slow || *outcome != CallOutcome::Answered) {
            self.doubtful += 1;
        }
        if *operation == Operation::RecordLifecycleActionHeartbeat {
            self.heartbeats.push_back(entry.at);
            forget(&mut self.heartbeats, entry.at - WINDOW);
            let waiting = self.place.as_ref().map_or(0, |place| place.most_waiting);
            let most = HEARTBEATS * (waiting + 2);
            if self.heartbeats.len() > most {
                return Err(format!(
                    "sends {} heartbeats in a minute, of {most} at most",
                    self.heartbeats.len()
                ));
            }
        }
        if !is_read(*operation) {
            return Ok(());
        }
        self.has_read = true;
        if !self.place.as_ref().is_some_and(Place::is_lone) {
            return Ok(());
        }
        self.reads.push_back(entry.at);
        forget(&mut self.reads, entry.at - WINDOW);
        forget(&mut self.reasons, entry.at - WINDOW - BEHIND);
        let poll = TimeDelta::seconds(i64::from(played.scenario.drainer.poll_seconds.max(1)));
        let shortest = if self.only_stopping { poll.min(STOPPING_POLL) } else { poll };
        let polls = usize::try_from(WINDOW.num_seconds() / shortest.num_seconds()).unwrap_or(0) + 1;
        let (a_poll, all) = self.costs;
        let most = polls * a_poll + (ROUNDS + self.reasons.len()) * all;
        if self.reads.len() > most {
            return Err(format!("makes {} reads in a minute, of {most} at most", self.reads.len()));
        }
        Ok(())
    }

    /// An invocation that ends has not read what it delegated, and a lone one has made no more
    /// calls than it needs.
    fn ends(
        &self,
        end: &InvocationEnd,
        now: DateTime<Utc>,
        actions: &BTreeMap<&str, LifecycleAction<'_>>,
        played: &Played,
    ) -> Result<(), String> {
        let Some(place) = &self.place else { return Ok(()) };
        let began_alone = place.most_waiting > place.coordinators.len() + 3;
        let at_once = now - place.started < TimeDelta::seconds(5);
        // Not to one that began to wait after it had read.
        let to = answered(end, "coordinator");
        let was_there = actions
            .values()
            .any(|action| to == Some(action.instance.as_str()) && action.opened <= place.started);
        let delegates = answered(end, "outcome") == Some("delegated") && place.found_coordinator && was_there;
        // Auto Scaling may have said of the coordinator's action that it has ended, and later that
        // it is open.
        let misled = played.scenario.denies_open_actions();
        if delegates && self.has_read && began_alone && at_once && !misled {
            return Err("reads what it delegates".to_owned());
        }
        let costs = page_size(played) < 100 || self.costs.0 > 1;
        // A message without an `Action` may go on with an action that superseded its own.
        let mut groups = played.scenario.clusters.iter().flat_map(|cluster| &cluster.groups);
        let without_action = groups.any(|group| group.options.without_action_member);
        let superseded = without_action
            && actions.values().any(|action| {
                let how = action.ended.map(|ended| ended.how);
                place.is_about(action.instance.as_str()) && how == Some(How::Superseded)
            });
        if !place.is_lone() || costs || superseded || !is_untroubled(&played.scenario) {
            return Ok(());
        }
        let lasted = (now - place.started).num_seconds();
        let poll = i64::from(played.scenario.drainer.poll_seconds.max(1));
        let heartbeat = actions.values().find(|action| place.is_about(action.instance.as_str()));
        let heartbeat = heartbeat.map_or(30, |action| (action.timeouts.heartbeat.num_seconds() / 4).max(5));
        let polls = lasted / if self.only_stopping { poll.min(STOPPING_POLL.num_seconds()) } else { poll };
        let minutes = lasted / 60 + 1;
        let changes = i64::try_from(self.changes).unwrap_or(i64::MAX / 64);
        let most = LONE_CALLS + polls + lasted / heartbeat + minutes * DIAGNOSIS + changes.min(1_000) * 4;
        if self.calls > most {
            return Err(format!("makes {} calls in {lasted} s, of {most} at most", self.calls));
        }
        Ok(())
    }

    /// The tasks of a ghost stay RUNNING in ECS's eyes. The drainer does not wait for them, so they
    /// do not slow its polls.
    fn note_stopping(&mut self, occupancy: &Occupancy<'_>, stopping: &BTreeSet<&TaskArn>) {
        let on =
            self.instances.iter().flat_map(|instance| occupancy.of(instance)).filter(|it| !it.is_ghost());
        self.only_stopping |= on.flat_map(|it| it.unfinished.keys()).all(|task| stopping.contains(*task));
    }

    fn grow(&mut self, page: usize, occupancy: &Occupancy<'_>) {
        let (mut a_poll, mut all) = (0, 0);
        for instance in &self.instances {
            let tasks = occupancy.of(instance).map(|occupied| occupied.ever);
            let pages = tasks.map(|tasks| (tasks.div_ceil(page) + 1) * 4);
            let tasks: usize = occupancy.of(instance).map(|occupied| occupied.ever).sum();
            a_poll += tasks.div_ceil(100).max(1);
            all += pages.sum::<usize>() + occupancy.len().div_ceil(page).max(1) * 2 + 1;
        }
        self.costs = (a_poll.max(self.costs.0).max(1), all.max(self.costs.1).max(3));
    }
}

/// Returns whether a publish may count as failed that is only slow.
fn is_slow(scenario: &Scenario) -> bool {
    let calls = &scenario.disorder.calls;
    calls.slow_ms_max + calls.jitter_ms_max >= 1_000
}

/// Returns whether every call is answered, in time.
fn is_untroubled(scenario: &Scenario) -> bool {
    let api = &scenario.api;
    let answered = scenario.faults.is_empty() && api.request_rates.is_none() && !api.filters_ignored;
    answered && scenario.disorder == Disorder::default() && api.lagging_reads.is_none()
}

fn forget(times: &mut VecDeque<DateTime<Utc>>, before: DateTime<Utc>) {
    while times.front().is_some_and(|first| *first <= before) {
        times.pop_front();
    }
}
