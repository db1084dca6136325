//! Rule 4, same twice: a message delivered twice, late, out of order or after its action ended changes nothing.
//!
//! - A function sets an EC2 instance's container instance DRAINING, or stops a task on it, only for an action on that very
//!   instance that its payload tells of, or that it carries along. The action is open; or it was when the invocation
//!   began, as it may end while the instance is being looked at; or the payload tells of it and the invocation began
//!   within [`FRESH`] of its opening, when it is taken to be there without asking. An action that it carries along is
//!   never taken to be there: a heartbeat of the invocation's own found it open before. (The instance may wait at another
//!   hook.)
//! - A function completes an action, or starts its timer anew, only if its payload tells of it, by its token, or if it
//!   carries it along.
//! - An invocation carries along only actions of its message's group, and only where it was one of the carriers at some
//!   time since it began: fewer instances of the group waited that have a lower id than there are carriers.
//! - No action ends twice.
//! - What is no notice of a termination (a test, a launch, an ordinary notification, what can't be read) leads to no API
//!   call at all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::{invocations, notices};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::occupancy::Occupancy;
use super::stop_timeouts::StopTimeouts;
use super::waiting::{Place, places};
use super::{Breach, Rule};
use crate::stage::{DRAINER, HOOK, Played};

/// See the module.
#[derive(Debug)]
pub struct SameTwice;

/// The drainer takes an action for granted that is younger than this, and 1 s is granted to its cold start.
const FRESH: TimeDelta = TimeDelta::seconds(61);

impl Rule for SameTwice {
    fn name(&self) -> &'static str {
        "same twice"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let entries = played.world.history().entries();
        let actions = lifecycle_actions(entries, &played.scenario);
        let told = told(entries, played);
        let mut occupancy = Occupancy::default();
        let mut stop_timeouts = StopTimeouts::of(&played.scenario);
        let mut ended: BTreeSet<&str> = BTreeSet::new();
        for (position, entry) in entries.iter().enumerate() {
            occupancy.see(entry);
            stop_timeouts.see(entry);
            if let Occurrence::ActionEnded { hook, token, .. } = &entry.what
                && hook == HOOK
                && !ended.insert(token)
            {
                let how = format!("action {token} ended twice");
                return Err(Breach { rule: self.name(), at: entry.at, how });
            }
            let Some((by, told)) = entry.by.and_then(|by| told.get(&by).map(|told| (by, told))) else {
                continue;
            };
            let now = Now { position, actions: &actions, occupancy: &occupancy, homes: &stop_timeouts };
            if let Err(how) = now.meant(entry, told) {
                return Err(Breach { rule: self.name(), at: entry.at, how: format!("[{}] {how}", by.0) });
            }
        }
        Ok(())
    }
}

/// What an invocation of the drainer was told.
struct Told {
    id: InvocationId,
    started: DateTime<Utc>,
    tokens: BTreeSet<String>,
    place: Option<Place>,
}

impl Told {
    fn carries(&self, group: &str, now: DateTime<Utc>) -> bool {
        self.place.as_ref().is_some_and(|place| place.group == group && place.may_carry(now))
    }
}

fn told(entries: &[Entry], played: &Played) -> BTreeMap<InvocationId, Told> {
    let mut places = places(entries, &played.scenario);
    let all = invocations(entries).into_iter().filter(|(_, it)| it.function == DRAINER);
    all.map(|(id, it)| {
        let tokens = notices(it.payload).into_iter().map(|notice| notice.token).collect();
        (id, Told { id, started: it.started, tokens, place: places.remove(&id) })
    })
    .collect()
}

/// The world as it is when something is done.
struct Now<'a> {
    position: usize,
    actions: &'a BTreeMap<&'a str, LifecycleAction<'a>>,
    occupancy: &'a Occupancy<'a>,
    homes: &'a StopTimeouts<'a>,
}

impl Now<'_> {
    /// Whether what an invocation did was asked of it.
    fn meant(&self, entry: &Entry, told: &Told) -> Result<(), String> {
        match &entry.what {
            Occurrence::ApiCalled { operation, .. } if told.tokens.is_empty() => {
                Err(format!("called {operation} though nothing is to be terminated"))
            }
            Occurrence::ActionEnded { token, group, .. }
            | Occurrence::ActionHeartbeat { token, group, .. }
                if !(told.tokens.contains(token) || told.carries(group, entry.at)) =>
            {
                Err(format!("was not told of action {token}, and is no carrier"))
            }
            Occurrence::ContainerInstanceStatus { container_instance, status } => {
                let Some(instance) = self.occupancy.ec2_instance(container_instance) else { return Ok(()) };
                if *status == ContainerInstanceStatus::Draining && self.is_asked_for(instance, told, entry.at)
                {
                    return Ok(());
                }
                Err(format!("set {instance} {status} with no action open on it"))
            }
            Occurrence::TaskStopping { task, code: StopCode::UserInitiated } => {
                let home = self.homes.home(task).and_then(|home| self.occupancy.ec2_instance(home));
                match home.filter(|instance| !self.is_asked_for(instance, told, entry.at)) {
                    Some(instance) => Err(format!("stopped {task} on {instance} with no action open on it")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn is_asked_for(&self, instance: &Ec2InstanceId, told: &Told, now: DateTime<Utc>) -> bool {
        let of_instance = self.actions.iter().filter(|(_, action)| action.instance == instance);
        of_instance.into_iter().any(|(token, action)| {
            let named = told.tokens.contains(*token);
            let found_open = action.heartbeats.iter().any(|(at, by)| *by == Some(told.id) && *at <= now);
            let carried = told.carries(action.group, now) && found_open;
            let open = action.is_open_before(self.position) || action.is_open_at(told.started);
            (named || carried) && open || named && told.started <= action.opened + FRESH
        })
    }
}
