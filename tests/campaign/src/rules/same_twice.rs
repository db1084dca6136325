//! Rule 4, same twice: a message delivered twice, late, out of order or after its action ended
//! changes nothing.
//!
//! - A function sets a container instance DRAINING, or stops a task on it, only for an action on
//!   its EC2 instance at the drainer's hook that is open, or was open when the invocation began.
//!   The invocation's notice names the action, or the invocation may act on others of its group.
//! - A function completes an action, or records a heartbeat for it, only if the invocation's notice
//!   names its token, or the invocation may act on others of its group.
//! - An invocation may act on others of its group from the time on at which more than three of them
//!   waited, and its own instance was the lowest with an open action at the drainer's hook. It
//!   cannot see more than two readings of the group: those of both may have waited at once. Where
//!   calls may be slow, one between them may have come too late. A republished message may from the
//!   start: others may have been delegated to it. A sweep may act on all of its group, but on none
//!   whose action was opened less than [`YOUNG`] before. It names the instance: an action may have
//!   superseded, since the sweep began, one that was old enough.
//! - Where more than three of a group wait, and a heartbeat was not answered or denied an action,
//!   the invocation may not know that another message coordinates: it may act on others.
//! - Where more than three of a group wait, or may have waited at once, a heartbeat of a lower
//!   instance's action may ask whether that one coordinates.
//! - No action ends twice.
//! - A message that is neither a termination notice nor a sweep leads to no API call: a test, a
//!   launch, an ordinary notification, an unreadable text.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::{invocations, notices, sweep_of};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::occupancy::Occupancy;
use super::waiting::{ALONE_AT_MOST, Place, places};
use super::{Breach, Rule, group_lag, has_slow_calls};
use crate::scenario::Scenario;
use crate::stage::{DRAINER, HOOK, Played};

/// See the module.
#[derive(Debug)]
pub struct SameTwice;

/// Messages have two minutes; 5 s are granted to what rounds their times.
const YOUNG: TimeDelta = TimeDelta::seconds(115);

impl Rule for SameTwice {
    fn name(&self) -> &'static str {
        "same twice"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let entries = played.world.history().entries();
        let actions = lifecycle_actions(entries, &played.scenario);
        let requests = requests(entries, &played.scenario);
        let mut occupancy = Occupancy::default();
        let mut homes: BTreeMap<&TaskArn, &ContainerInstanceArn> = BTreeMap::new();
        let mut ended: BTreeSet<&str> = BTreeSet::new();
        for (position, entry) in entries.iter().enumerate() {
            occupancy.see(entry);
            if let Occurrence::TaskPlaced { task, container_instance, .. } = &entry.what {
                homes.insert(task, container_instance);
            }
            if let Occurrence::ActionEnded { hook, token, .. } = &entry.what
                && hook == HOOK
                && !ended.insert(token)
            {
                let how = format!("action {token} ended twice");
                return Err(Breach { rule: self.name(), at: entry.at, how });
            }
            let request = entry.by.and_then(|by| requests.get(&by).map(|request| (by, request)));
            let Some((by, request)) = request else { continue };
            let now = Now { position, actions: &actions, occupancy: &occupancy, homes: &homes };
            if let Err(how) = now.meant(entry, request) {
                return Err(Breach { rule: self.name(), at: entry.at, how: format!("[{}] {how}", by.0) });
            }
        }
        Ok(())
    }
}

/// The request of an invocation of the drainer.
struct Request {
    /// When it began, or earlier: as old as its first read of a group may be.
    started: DateTime<Utc>,
    tokens: BTreeSet<String>,
    sweeps: bool,
    /// True if calls may be slow: an answer that comes too late is none.
    slow_calls: bool,
    place: Option<Place>,
}

impl Request {
    /// Returns whether it may act on an action by now.
    fn covers(
        &self,
        token: &str,
        action: &LifecycleAction<'_>,
        actions: &BTreeMap<&str, LifecycleAction<'_>>,
        now: DateTime<Utc>,
    ) -> bool {
        let others = self.place.as_ref().is_some_and(|place| {
            let superseded = || {
                let mut earlier = actions.values().filter(|it| it.instance == action.instance);
                earlier.any(|it| {
                    it.opened + YOUNG <= now && it.opened < action.opened && it.is_open_at(self.started)
                })
            };
            let old = !place.is_sweep() || now >= action.opened + YOUNG || superseded();
            let unanswered = self.slow_calls && place.most_waiting > ALONE_AT_MOST;
            place.group == action.group && (place.may_act_on_others(now) || unanswered) && old
        });
        self.tokens.contains(token) || others
    }
}

impl Request {
    /// Returns whether it may ask by a heartbeat if an action is open.
    fn may_probe(&self, action: &LifecycleAction<'_>) -> bool {
        let place = self.place.as_ref().filter(|place| place.group == action.group);
        place.is_some_and(|place| place.may_probe(action.instance.as_str()))
    }
}

fn requests(entries: &[Entry], scenario: &Scenario) -> BTreeMap<InvocationId, Request> {
    let mut places = places(entries, scenario);
    let slow_calls = has_slow_calls(scenario);
    let all = invocations(entries).into_iter().filter(|(_, it)| it.function == DRAINER);
    all.map(|(id, it)| {
        let tokens = notices(it.payload).into_iter().map(|notice| notice.token).collect();
        let sweeps = sweep_of(it.payload).is_some();
        let started = it.started - group_lag(scenario);
        (id, Request { started, tokens, sweeps, slow_calls, place: places.remove(&id) })
    })
    .collect()
}

/// The world at the time of an entry.
struct Now<'a> {
    position: usize,
    actions: &'a BTreeMap<&'a str, LifecycleAction<'a>>,
    occupancy: &'a Occupancy<'a>,
    homes: &'a BTreeMap<&'a TaskArn, &'a ContainerInstanceArn>,
}

impl Now<'_> {
    /// Returns whether what an invocation did was asked of it.
    fn meant(&self, entry: &Entry, request: &Request) -> Result<(), String> {
        match &entry.what {
            Occurrence::ApiCalled { operation, .. } if request.tokens.is_empty() && !request.sweeps => {
                Err(format!("called {operation} where nothing is to be terminated"))
            }
            Occurrence::ActionEnded { token, hook, .. } | Occurrence::ActionHeartbeat { token, hook, .. }
                if hook == HOOK =>
            {
                let probes = matches!(entry.what, Occurrence::ActionHeartbeat { .. });
                match self.actions.get(token.as_str()) {
                    Some(action)
                        if !(request.covers(token, action, self.actions, entry.at)
                            || probes && request.may_probe(action)) =>
                    {
                        Err(format!("acts on {}, which is none of its own", action.instance))
                    }
                    _ => Ok(()),
                }
            }
            Occurrence::ContainerInstanceStatus { container_instance, status } => {
                let Some(instance) = self.occupancy.ec2_instance(container_instance) else { return Ok(()) };
                if *status == ContainerInstanceStatus::Draining
                    && self.is_asked_for(instance, request, entry.at)
                {
                    return Ok(());
                }
                Err(format!("set {instance} {status} with no action open on it"))
            }
            Occurrence::TaskStopping { task, code: StopCode::UserInitiated } => {
                let home = self.homes.get(task).and_then(|home| self.occupancy.ec2_instance(home));
                match home.filter(|instance| !self.is_asked_for(instance, request, entry.at)) {
                    Some(instance) => Err(format!("stopped {task} on {instance} with no action open on it")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn is_asked_for(&self, instance: &Ec2InstanceId, request: &Request, now: DateTime<Utc>) -> bool {
        let mut of_instance = self.actions.iter().filter(|(_, action)| action.instance == instance);
        of_instance.any(|(token, action)| {
            let open = action.is_open_before(self.position) || action.is_open_at(request.started);
            request.covers(token, action, self.actions, now) && open
        })
    }
}
