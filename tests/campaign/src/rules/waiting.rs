//! Which instances wait to be terminated, and what each invocation of the drainer is among those of
//! its group.
//!
//! Up to [`ALONE_AT_MOST`] instances of a group are drained each by its own message. Of more, the
//! message with the lowest instance id whose action at the drainer's hook is open coordinates all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::has_slow_calls;
use super::invocations::{attempt_of, notices, sweep_of};
use crate::scenario::Scenario;
use crate::stage::{DRAINER, HOOK};

/// The most waiting instances of a group that are drained without a coordinator.
pub(super) const ALONE_AT_MOST: usize = 3;

/// An invocation reads its group about each minute: within this it finds out that it coordinates.
const FOUND_WITHIN: TimeDelta = TimeDelta::seconds(80);

/// The hook on launches.
const LAUNCHING: &str = "launching";

/// The instances that wait to be terminated, by their groups, each with the hooks that it waits at.
#[derive(Debug, Default)]
pub(super) struct Waiting<'a> {
    groups: BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<&'a str>>>,
    /// On their way to the warm pool, or in it: `Warmed:Pending:Wait`, say.
    warm: BTreeSet<&'a str>,
    /// Those whose last action at the drainer's hook has ended.
    over: BTreeSet<&'a str>,
}

/// The instance of an invocation of the drainer, and its place among the group's, from its start to
/// its end.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that happened or did not")]
pub(super) struct Place {
    pub(super) group: String,
    /// The instance of its notice; none for a sweep.
    pub(super) instance: Option<String>,
    pub(super) started: DateTime<Utc>,
    pub(super) ended: Option<DateTime<Utc>>,
    /// True if its message was republished: others may have been delegated to it.
    pub(super) republished: bool,
    /// The most of the group that waited at once, its own instance included.
    pub(super) most_waiting: usize,
    /// When its message first was the coordinating one.
    pub(super) coordinates_from: Option<DateTime<Utc>>,
    /// Since when it is the coordinating one.
    coordinates_since: Option<DateTime<Utc>>,
    /// Since when it must know that it coordinates.
    knows_from: Option<DateTime<Utc>>,
    /// When another message became the coordinating one after that.
    knows_until: Option<DateTime<Utc>>,
    /// The coordinating messages of others meanwhile, by their instances.
    pub(super) coordinators: BTreeSet<String>,
    /// True if one of them was there when it started.
    pub(super) found_coordinator: bool,
    /// When it read its group, and how many waited then, its own instance included until its action
    /// is over.
    pub(super) readings: Vec<(DateTime<Utc>, usize)>,
    /// Those that waited when it read its group last.
    last_read: BTreeSet<String>,
    /// Those that waited when it read its group before that.
    read_before: BTreeSet<String>,
    /// True if calls may be slow: a reading that comes too late is none to it.
    slow_calls: bool,
    /// True if by its reads more than a few may have waited at once, of which its own was the
    /// lowest.
    many_by_readings: bool,
    /// The same, whichever was the lowest.
    many_read: bool,
    /// True if a read of the group failed: then each message drains its own instance.
    pub(super) group_unread: bool,
    /// True if a heartbeat was not answered: it may have asked if another message coordinates.
    probe_failed: bool,
    /// True if a read of the group's activities failed.
    pub(super) activities_unread: bool,
    /// How long it coordinates before it must know it.
    found_within: TimeDelta,
}

impl<'a> Waiting<'a> {
    /// Takes in an entry; the group in which an instance waits now at a hook, or no longer.
    pub(super) fn see(&mut self, entry: &'a Entry) -> Option<&'a str> {
        match &entry.what {
            Occurrence::ActionOpened { group, hook, instance, .. } if hook != LAUNCHING => {
                let id = instance.as_str();
                if *hook == HOOK {
                    self.over.remove(id);
                }
                if self.warm.contains(id) {
                    return None;
                }
                self.groups.entry(group).or_default().entry(id).or_default().insert(hook);
                Some(group)
            }
            Occurrence::ActionEnded { group, hook, instance, .. } => {
                if *hook == HOOK {
                    self.over.insert(instance.as_str());
                }
                let waiting = self.groups.get_mut(group.as_str())?;
                let hooks = waiting.get_mut(instance.as_str())?;
                hooks.remove(hook.as_str());
                if hooks.is_empty() {
                    waiting.remove(instance.as_str());
                }
                Some(group)
            }
            Occurrence::InstanceTerminated { group, instance }
            | Occurrence::InstanceTerminating { group, instance }
            | Occurrence::InstanceRetained { group, instance } => {
                self.groups.get_mut(group.as_str())?.remove(instance.as_str()).map(|_| group.as_str())
            }
            Occurrence::InstanceEnteringWarmPool { instance, .. } => {
                self.warm.insert(instance.as_str());
                None
            }
            Occurrence::InstanceInService { instance, .. } => {
                self.warm.remove(instance.as_str());
                None
            }
            _ => None,
        }
    }

    fn shows(&self, group: &str, id: &str) -> bool {
        self.groups.get(group).is_some_and(|waiting| waiting.contains_key(id))
    }

    /// The instance whose message coordinates its group, where one does.
    fn coordinator(&self, group: &str) -> Option<&'a str> {
        let waiting = self.groups.get(group).filter(|waiting| waiting.len() > ALONE_AT_MOST)?;
        waiting.iter().find(|(_, hooks)| hooks.contains(HOOK)).map(|(id, _)| *id)
    }

    fn count(&self, group: &str) -> usize {
        self.groups.get(group).map_or(0, BTreeMap::len)
    }

    fn of(&self, group: &str) -> BTreeSet<String> {
        self.groups.get(group).into_iter().flat_map(BTreeMap::keys).map(|id| (*id).to_owned()).collect()
    }
}

/// How far behind the truth the group of a read was, at most.
fn longest_lag_of_groups(entries: &[Entry]) -> TimeDelta {
    let lags = entries.iter().filter_map(|entry| match &entry.what {
        Occurrence::GroupsReadLate { as_of } => Some(entry.at - *as_of),
        _ => None,
    });
    lags.max().unwrap_or_default()
}

/// The instances that waited in a group from some time on.
#[derive(Debug)]
struct WaitedFrom {
    from: DateTime<Utc>,
    ids: BTreeSet<String>,
}

/// The instances that waited, by group, each change of them.
#[derive(Debug, Default)]
struct Past<'a>(BTreeMap<&'a str, Vec<WaitedFrom>>);

impl<'a> Past<'a> {
    fn keep(&mut self, waiting: &Waiting<'_>, group: &'a str, now: DateTime<Utc>, lag: TimeDelta) {
        if lag > TimeDelta::zero() {
            self.0.entry(group).or_default().push(WaitedFrom { from: now, ids: waiting.of(group) });
        }
    }

    /// The instances that waited after all that happened by then.
    fn of(&self, group: &str, as_of: DateTime<Utc>) -> BTreeSet<String> {
        let of_group = self.0.get(group).map(Vec::as_slice).unwrap_or_default();
        of_group.iter().rev().find(|it| it.from <= as_of).map(|it| it.ids.clone()).unwrap_or_default()
    }
}

/// The actions of instances on their way to a warm pool, which their group does not show waiting.
pub(super) fn to_warm_pool(entries: &[Entry]) -> BTreeSet<&str> {
    let (mut warm, mut actions) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        match &entry.what {
            Occurrence::InstanceEnteringWarmPool { instance, .. } => {
                warm.insert(instance);
            }
            Occurrence::InstanceInService { instance, .. } => {
                warm.remove(instance);
            }
            Occurrence::ActionOpened { instance, token, .. } if warm.contains(instance) => {
                actions.insert(token.as_str());
            }
            _ => {}
        }
    }
    actions
}

/// The places of all invocations of the drainer that were about a group. An event has one record.
pub(super) fn places(entries: &[Entry], scenario: &Scenario) -> BTreeMap<InvocationId, Place> {
    let mut waiting = Waiting::default();
    let lag = longest_lag_of_groups(entries);
    let mut past = Past::default();
    let mut running: BTreeMap<String, BTreeSet<InvocationId>> = BTreeMap::new();
    let mut places: BTreeMap<InvocationId, Place> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        if let Some(group) = waiting.see(entry) {
            past.keep(&waiting, group, entry.at, lag);
            for id in running.get(group).into_iter().flatten() {
                if let Some(place) = places.get_mut(id) {
                    place.see(&waiting, entry.at);
                }
            }
        }
        match &entry.what {
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == DRAINER =>
            {
                let notice = notices(payload).into_iter().next().map(|it| (it.group, Some(it.instance)));
                let about = notice.or_else(|| sweep_of(payload).map(|group| (group, None)));
                let Some((group, instance)) = about else { continue };
                running.entry(group.clone()).or_default().insert(*invocation);
                let mut place = Place::new(group, instance, entry.at);
                place.found_within = FOUND_WITHIN + lag;
                place.slow_calls = has_slow_calls(scenario);
                place.republished = attempt_of(payload) > 1;
                place.see(&waiting, entry.at);
                places.insert(*invocation, place);
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                let Some(place) = places.get_mut(invocation) else { continue };
                place.ends(entry.at);
                if let Some(of_group) = running.get_mut(&place.group) {
                    of_group.remove(invocation);
                }
            }
            Occurrence::ApiCalled {
                operation: Operation::DescribeAutoScalingGroups,
                outcome: CallOutcome::Answered,
            } => {
                let Some(place) = entry.by.and_then(|by| places.get_mut(&by)) else { continue };
                let listed = match entries.get(position + 1).map(|next| &next.what) {
                    Some(Occurrence::GroupsReadLate { as_of }) => {
                        let listed = past.of(&place.group, *as_of);
                        place.reads_coordinator(&listed);
                        listed
                    }
                    _ => waiting.of(&place.group),
                };
                let own = place.instance.as_deref();
                let unlisted = own.is_some_and(|own| !listed.contains(own) && !waiting.over.contains(own));
                let count = listed.len() + usize::from(unlisted);
                place.reads(count, listed, entry.at);
            }
            Occurrence::ApiCalled { operation, outcome } if *outcome != CallOutcome::Answered => {
                let Some(place) = entry.by.and_then(|by| places.get_mut(&by)) else { continue };
                place.group_unread |= *operation == Operation::DescribeAutoScalingGroups;
                place.probe_failed |= *operation == Operation::RecordLifecycleActionHeartbeat;
                place.activities_unread |= *operation == Operation::DescribeScalingActivities;
            }
            _ => {}
        }
    }
    let last = entries.last().map(|entry| entry.at).unwrap_or_default();
    places.values_mut().filter(|place| place.ended.is_none()).for_each(|place| place.note_knowledge(last));
    places
}

impl Place {
    fn new(group: String, instance: Option<String>, started: DateTime<Utc>) -> Self {
        let instance_alone = instance.iter().cloned().collect();
        Self {
            group,
            instance,
            started,
            ended: None,
            republished: false,
            most_waiting: 0,
            coordinates_from: None,
            coordinates_since: None,
            knows_from: None,
            knows_until: None,
            coordinators: BTreeSet::new(),
            found_coordinator: false,
            readings: Vec::new(),
            last_read: instance_alone,
            read_before: BTreeSet::new(),
            many_by_readings: false,
            slow_calls: false,
            many_read: false,
            group_unread: false,
            probe_failed: false,
            activities_unread: false,
            found_within: FOUND_WITHIN,
        }
    }

    pub(super) fn is_sweep(&self) -> bool {
        self.instance.is_none()
    }

    pub(super) fn is_about(&self, instance: &str) -> bool {
        self.instance.as_deref() == Some(instance)
    }

    /// Returns whether it was alone with its instance all the time.
    pub(super) fn is_lone(&self) -> bool {
        !self.is_sweep() && self.most_waiting <= 1
    }

    /// Returns whether it may act on other instances of its group by now.
    pub(super) fn may_act_on_others(&self, now: DateTime<Utc>) -> bool {
        let coordinates = self.coordinates_from.is_some_and(|from| from <= now);
        let may = coordinates || self.many_by_readings || self.may_not_know_the_coordinator();
        self.is_sweep() || self.republished || may
    }

    /// Returns whether it may not know that another message coordinates, because its heartbeat for
    /// that was not answered or denied.
    fn may_not_know_the_coordinator(&self) -> bool {
        self.probe_failed && self.most_waiting > ALONE_AT_MOST
    }

    /// Returns whether it may probe by a heartbeat if another instance's action is open, to know
    /// whether that one coordinates.
    pub(super) fn may_probe(&self, instance: &str) -> bool {
        let lower = self.instance.as_deref().is_some_and(|own| instance < own);
        lower && (self.most_waiting > ALONE_AT_MOST || self.many_read)
    }

    /// Returns whether it may have coordinated others of its group.
    pub(super) fn may_have_coordinated(&self) -> bool {
        let may = self.coordinates_from.is_some() || self.many_by_readings;
        self.republished || may || self.may_not_know_the_coordinator()
    }

    /// From when until when it must attend to all waiting instances of its group.
    pub(super) fn must_coordinate(&self) -> Option<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        self.knows_from.map(|from| (from, self.knows_until))
    }

    fn see(&mut self, waiting: &Waiting<'_>, now: DateTime<Utc>) {
        self.note_knowledge(now);
        let Some(own) = self.instance.clone() else {
            self.most_waiting = self.most_waiting.max(waiting.count(&self.group));
            return;
        };
        let listed = waiting.shows(&self.group, &own);
        self.most_waiting = self.most_waiting.max(waiting.count(&self.group) + usize::from(!listed));
        match waiting.coordinator(&self.group) {
            Some(coordinator) if coordinator == own => {
                self.coordinates_from = self.coordinates_from.or(Some(now));
                self.coordinates_since = self.coordinates_since.or(Some(now));
            }
            Some(other) => {
                // Once it knows, it goes on past the end of its own drain, until a lower id takes
                // over.
                if self.knows_from.is_some() && *other < *own {
                    self.knows_until = self.knows_until.or(Some(now));
                }
                self.coordinators.insert(other.to_owned());
                self.found_coordinator |= now == self.started;
                self.coordinates_since = None;
            }
            None => self.coordinates_since = None,
        }
    }

    /// Reads its group. Between two readings, those of both may have waited at once.
    fn reads(&mut self, count: usize, waiting: BTreeSet<String>, now: DateTime<Utc>) {
        self.readings.push((now, count));
        self.most_waiting = self.most_waiting.max(count);
        let is_lowest = waiting.first().is_none_or(|lowest| self.instance.as_ref() <= Some(lowest));
        let are_many = |read: &BTreeSet<String>| read.union(&waiting).count() > ALONE_AT_MOST;
        let many = are_many(&self.last_read) || self.slow_calls && are_many(&self.read_before);
        self.many_read |= many;
        self.many_by_readings |= is_lowest && many;
        self.read_before = std::mem::replace(&mut self.last_read, waiting);
    }

    /// Reads an older state of its group, by which a lower message may coordinate: it cannot know
    /// better.
    fn reads_coordinator(&mut self, listed: &BTreeSet<String>) {
        let Some(own) = self.instance.as_deref().filter(|_| listed.len() > ALONE_AT_MOST) else { return };
        let lower: Vec<String> = listed.iter().filter(|id| id.as_str() < own).cloned().collect();
        self.coordinators.extend(lower);
    }

    fn note_knowledge(&mut self, now: DateTime<Utc>) {
        let since = self.coordinates_since.filter(|since| now >= *since + self.found_within);
        self.knows_from = self.knows_from.or_else(|| since.map(|since| since + self.found_within));
    }

    fn ends(&mut self, now: DateTime<Utc>) {
        self.note_knowledge(now);
        self.ended = Some(now);
    }
}
