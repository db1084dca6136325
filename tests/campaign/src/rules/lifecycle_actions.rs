//! The lifecycle actions of the drainer's hook, from their opening to their end.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::history::{ActionEnd, Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use crate::scenario::{GroupPlan, Metadata, Scenario};
use crate::set_up::group_name;
use crate::stage::HOOK;

/// An action of the drainer's hook.
#[derive(Debug)]
pub(super) struct LifecycleAction<'a> {
    pub(super) group: &'a str,
    pub(super) instance: &'a Ec2InstanceId,
    pub(super) opened: DateTime<Utc>,
    /// When heartbeats were recorded, and by whom.
    pub(super) heartbeats: Vec<(DateTime<Utc>, Option<InvocationId>)>,
    pub(super) ended: Option<Ended>,
    pub(super) timeouts: Timeouts,
}

/// The end of an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// Its entry's place in the history.
    pub(super) position: usize,
    pub(super) at: DateTime<Utc>,
    pub(super) how: How,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Somebody completed it.
    Completed,
    /// By the hook's own timeout.
    Expired,
    /// With its instance.
    InstanceGone,
    /// Its instance, which waited for a new root volume, is terminated: another action was opened.
    Superseded,
}

/// A drain ends this long before the hook's global timeout at the latest.
const HOOK_RESERVE: TimeDelta = TimeDelta::seconds(30);

/// Tasks are stopped this much earlier than a drain ends, at most, where the hook's global timeout
/// ends it.
const STOPS_AHEAD: TimeDelta = TimeDelta::seconds(450);

/// The bounds of an action in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// The hook's heartbeat timeout.
    pub(super) heartbeat: TimeDelta,
    /// The drain timeout, and never more than the hook's global timeout less the [`HOOK_RESERVE`].
    pub(super) drain: TimeDelta,
    /// The hook's global timeout: 100 heartbeat timeouts, and never more than 48 hours.
    pub(super) global: TimeDelta,
}

impl LifecycleAction<'_> {
    /// Returns whether it was open when the entry at this place of the history was made.
    pub(super) fn is_open_before(&self, position: usize) -> bool {
        self.ended.is_none_or(|ended| ended.position > position)
    }

    /// Returns whether it was open at a time, or ended just then.
    pub(super) fn is_open_at(&self, time: DateTime<Utc>) -> bool {
        self.ended.is_none_or(|ended| ended.at >= time)
    }

    /// When the drain timeout has passed.
    pub(super) fn drain_ends(&self) -> DateTime<Utc> {
        self.opened + self.timeouts.drain
    }

    /// The earliest time at which tasks may be stopped.
    pub(super) fn stops_from(&self) -> DateTime<Utc> {
        let ahead = self.hook_ends() - STOPS_AHEAD;
        self.drain_ends().min(ahead.max(self.opened))
    }

    /// Until when stopped tasks are waited for: shortly before the hook's global timeout.
    pub(super) fn hook_ends(&self) -> DateTime<Utc> {
        self.opened + self.timeouts.global - HOOK_RESERVE
    }

    /// When its hook ends it if no heartbeat is recorded after a time.
    pub(super) fn expires_after(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        let until = self.heartbeats.iter().map(|(at, _)| *at).take_while(|at| *at <= time);
        let last = until.last().unwrap_or(self.opened);
        (last + self.timeouts.heartbeat).min(self.opened + self.timeouts.global)
    }
}

/// The actions of the drainer's hook, by their tokens.
pub(super) fn lifecycle_actions<'a>(
    entries: &'a [Entry],
    scenario: &Scenario,
) -> BTreeMap<&'a str, LifecycleAction<'a>> {
    let groups = timeouts_of_groups(scenario);
    let mut actions: BTreeMap<&str, LifecycleAction<'_>> = BTreeMap::new();
    let mut waits: BTreeMap<&Ec2InstanceId, &str> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        match &entry.what {
            Occurrence::ActionOpened { group, hook, instance, token } if hook == HOOK => {
                let Some(timeouts) = groups.get(group).copied() else { continue };
                waits.insert(instance, token);
                let (opened, heartbeats) = (entry.at, Vec::new());
                let action = LifecycleAction { group, instance, opened, heartbeats, ended: None, timeouts };
                actions.insert(token, action);
            }
            Occurrence::ActionHeartbeat { token, .. } => {
                if let Some(action) = actions.get_mut(token.as_str()) {
                    action.heartbeats.push((entry.at, entry.by));
                }
            }
            Occurrence::ActionEnded { token, end, .. } => {
                let how = match end {
                    ActionEnd::Completed(_) => How::Completed,
                    ActionEnd::Expired(_) => How::Expired,
                    // Nobody was asked to wait, and no deadline passed.
                    ActionEnd::NotificationRefused(_) => How::InstanceGone,
                };
                if let Some(action) = actions.get_mut(token.as_str()) {
                    action.ended = action.ended.or(Some(Ended { position, at: entry.at, how }));
                }
            }
            // The instance is gone and waits for nothing any more.
            Occurrence::InstanceTerminated { instance, .. }
            | Occurrence::InstanceTerminating { instance, .. }
            | Occurrence::InstanceRetained { instance, .. } => {
                let superseded = matches!(entry.what, Occurrence::InstanceTerminating { .. });
                let how = if superseded { How::Superseded } else { How::InstanceGone };
                if let Some(action) = waits.remove(instance).and_then(|token| actions.get_mut(token)) {
                    action.ended = action.ended.or(Some(Ended { position, at: entry.at, how }));
                }
            }
            _ => {}
        }
    }
    actions
}

fn timeouts_of_groups(scenario: &Scenario) -> BTreeMap<String, Timeouts> {
    let mut groups = BTreeMap::new();
    for (cluster, plan) in scenario.clusters.iter().enumerate() {
        for (group, plan) in plan.groups.iter().enumerate() {
            groups.insert(group_name(cluster, group), timeouts(plan, scenario));
        }
    }
    groups
}

fn timeouts(group: &GroupPlan, scenario: &Scenario) -> Timeouts {
    let seconds = |seconds: u32| TimeDelta::seconds(i64::from(seconds));
    let global = seconds(group.heartbeat_seconds.saturating_mul(100).min(172_800));
    let named = group.metadata == Metadata::Named;
    let drain = group.metadata_drain_timeout_seconds.filter(|_| named);
    let drain = drain.unwrap_or(scenario.drainer.drain_timeout_seconds);
    Timeouts {
        heartbeat: seconds(group.heartbeat_seconds),
        drain: seconds(drain).min(global - HOOK_RESERVE),
        global,
    }
}
