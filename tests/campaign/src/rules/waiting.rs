//! Who waits to be terminated, and what each invocation of the drainer is among the messages of its group.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::drain::CARRIERS;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::notices;
use crate::scenario::Scenario;
use crate::stage::DRAINER;

/// The hook on launches.
const LAUNCHING: &str = "launching";

/// A call of Auto Scaling that takes longer than this is given up.
const PATIENCE_MS: u32 = 10_000;

/// The instances that are in `Terminating:Wait`, by their groups.
#[derive(Debug, Default)]
pub(super) struct Waiting<'a> {
    groups: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// The hooks that hold an instance back.
    hooks: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// On their way to the warm pool, or in it: `Warmed:Pending:Wait`, say.
    warm: BTreeSet<&'a str>,
}

/// What came of an invocation's reads of its group.
#[derive(Debug, Clone, Copy, Default)]
struct GroupRead {
    answered: bool,
    refused: bool,
}

/// The place of an invocation of the drainer among those of its group, from its start to its end.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) group: String,
    pub(super) instance: String,
    /// Since when fewer that have a lower id have waited than there are carriers, if only for a moment.
    carries_from: Option<DateTime<Utc>>,
    /// How many that wait had a lower id, at the most.
    most_before: usize,
    /// The most of the group that waited at once, its own instance included.
    pub(super) most_waiting: usize,
    /// Whether a read of the group may have failed, so that it went on by itself.
    pub(super) blind: bool,
    /// What AWS answered when it asked for its group.
    group_read: GroupRead,
    /// Whether the group did not tell of its instance at some time, so that it was left to nobody: on its way to a warm pool.
    pub(super) untold: bool,
    /// Whether the group's activities may not have told since when others wait.
    pub(super) activities_unread: bool,
    pub(super) started: DateTime<Utc>,
    pub(super) ended: Option<DateTime<Utc>>,
}

impl Place {
    /// Whether it may carry the others by now: there was a time when it was one of the carriers.
    pub(super) fn may_carry(&self, now: DateTime<Utc>) -> bool {
        self.carries_from.is_some_and(|from| from <= now)
    }

    /// Whether it may work on its own instance, though others carry its group.
    pub(super) fn may_go_alone(&self) -> bool {
        self.blind || self.untold
    }

    /// Whether AWS refused to tell it of its group, if only once.
    pub(super) fn was_refused(&self) -> bool {
        self.group_read.refused
    }

    /// Whether AWS refused to tell it of its group, and never told.
    pub(super) fn is_told_nothing(&self) -> bool {
        self.group_read.refused && !self.group_read.answered
    }

    /// Whether it may leave its own instance to others: there was a time when it was no carrier.
    pub(super) fn may_follow(&self) -> bool {
        self.most_before >= CARRIERS
    }
}

impl<'a> Waiting<'a> {
    /// Takes in an entry; the group in which somebody waits now, or no longer.
    pub(super) fn see(&mut self, entry: &'a Entry) -> Option<&'a str> {
        match &entry.what {
            Occurrence::ActionOpened { group, hook, instance, .. } if hook != LAUNCHING => {
                let id = instance.as_str();
                self.hooks.entry(id).or_default().insert(hook);
                let waits = !self.warm.contains(id) && self.groups.entry(group).or_default().insert(id);
                waits.then_some(group)
            }
            Occurrence::ActionEnded { group, hook, instance, .. } => {
                let hooks = self.hooks.get_mut(instance.as_str())?;
                hooks.remove(hook.as_str());
                if hooks.is_empty() { self.leaves(group, instance.as_str()) } else { None }
            }
            Occurrence::InstanceTerminated { group, instance }
            | Occurrence::InstanceRetained { group, instance } => self.leaves(group, instance.as_str()),
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

    fn leaves(&mut self, group: &'a str, id: &'a str) -> Option<&'a str> {
        self.hooks.remove(id);
        self.groups.get_mut(group)?.remove(id).then_some(group)
    }

    fn tells_of(&self, group: &str, id: &str) -> bool {
        self.groups.get(group).is_some_and(|waiting| waiting.contains(id))
    }

    /// How many of a group wait that have a lower id, counted up to the number of carriers, and how many in all.
    fn before(&self, group: &str, id: &str) -> (usize, usize) {
        let Some(waiting) = self.groups.get(group) else { return (0, 1) };
        let before = waiting.iter().take_while(|other| **other < id).take(CARRIERS).count();
        (before, waiting.len() + usize::from(!waiting.contains(id)))
    }
}

/// The actions of instances on their way to a warm pool, of which their group does not tell.
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

/// The places of all invocations of the drainer that were about an instance. An event has one record.
pub(super) fn places(entries: &[Entry], scenario: &Scenario) -> BTreeMap<InvocationId, Place> {
    let slow = calls_are_given_up(scenario);
    let mut waiting = Waiting::default();
    let mut running: BTreeMap<String, BTreeSet<InvocationId>> = BTreeMap::new();
    let mut places: BTreeMap<InvocationId, Place> = BTreeMap::new();
    for entry in entries {
        if let Some(group) = waiting.see(entry) {
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
                let Some(notice) = notices(payload).into_iter().next() else { continue };
                running.entry(notice.group.clone()).or_default().insert(*invocation);
                let mut place = Place {
                    group: notice.group,
                    instance: notice.instance,
                    carries_from: None,
                    most_before: 0,
                    most_waiting: 0,
                    blind: slow,
                    group_read: GroupRead::default(),
                    untold: false,
                    activities_unread: slow,
                    started: entry.at,
                    ended: None,
                };
                place.see(&waiting, entry.at);
                places.insert(*invocation, place);
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                let Some(place) = places.get_mut(invocation) else { continue };
                place.ended = Some(entry.at);
                if let Some(of_group) = running.get_mut(&place.group) {
                    of_group.remove(invocation);
                }
            }
            Occurrence::ApiCalled {
                operation: Operation::DescribeAutoScalingGroups,
                outcome: CallOutcome::Answered,
            } => {
                let Some(place) = entry.by.and_then(|by| places.get_mut(&by)) else { continue };
                place.group_read.answered = true;
            }
            Occurrence::ApiCalled { operation, outcome } if *outcome != CallOutcome::Answered => {
                let Some(place) = entry.by.and_then(|by| places.get_mut(&by)) else { continue };
                let refused = *outcome == CallOutcome::Failed("AccessDenied");
                place.group_read.refused |= refused && *operation == Operation::DescribeAutoScalingGroups;
                place.blind |= *operation == Operation::DescribeAutoScalingGroups;
                place.activities_unread |= *operation == Operation::DescribeScalingActivities;
            }
            _ => {}
        }
    }
    places
}

/// Whether a call of Auto Scaling may be answered only after it was given up.
pub(super) fn calls_are_given_up(scenario: &Scenario) -> bool {
    let calls = &scenario.disorder.calls;
    calls.slow_ms_max + calls.jitter_ms_max >= PATIENCE_MS && calls.slow_per_mille > 0
}

impl Place {
    fn see(&mut self, waiting: &Waiting<'_>, now: DateTime<Utc>) {
        let (before, all) = waiting.before(&self.group, &self.instance);
        self.carries_from = self.carries_from.or((before < CARRIERS).then_some(now));
        self.most_before = self.most_before.max(before);
        self.most_waiting = self.most_waiting.max(all);
        self.untold |= !waiting.tells_of(&self.group, &self.instance);
    }
}
