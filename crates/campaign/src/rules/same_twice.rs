//! Rule 4, same twice: a message delivered twice, late, out of order or after its action ended changes nothing.
//!
//! - A function sets an EC2 instance's container instance DRAINING only for an action on that very instance that its
//!   payload tells of. The action is open; or it was when the invocation began, as it may end while the instance is
//!   being looked at; or the invocation began within [`FRESH`] of its opening, when it is taken to be there without
//!   asking.
//! - A function completes an action, or starts its timer anew, only if its payload tells of it, by its token.
//! - No action ends twice.
//! - What is no notice of a termination (a test, a launch, an ordinary notification, what can't be read) leads to no API
//!   call at all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;

use super::invocations::{invocations, notices};
use super::lifecycle_actions::{LifecycleAction, lifecycle_actions};
use super::occupancy::Occupancy;
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
        let told = told(entries);
        let mut occupancy = Occupancy::default();
        let mut ended: BTreeSet<&str> = BTreeSet::new();
        for (position, entry) in entries.iter().enumerate() {
            occupancy.see(entry);
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
            if let Err(how) = meant(entry, position, told, &actions, &occupancy) {
                return Err(Breach { rule: self.name(), at: entry.at, how: format!("[{}] {how}", by.0) });
            }
        }
        Ok(())
    }
}

/// What an invocation of the drainer was told.
struct Told {
    started: chrono::DateTime<chrono::Utc>,
    tokens: BTreeSet<String>,
}

fn told(entries: &[Entry]) -> BTreeMap<InvocationId, Told> {
    let all = invocations(entries).into_iter().filter(|(_, it)| it.function == DRAINER);
    all.map(|(id, it)| {
        let tokens = notices(it.payload).into_iter().map(|notice| notice.token).collect();
        (id, Told { started: it.started, tokens })
    })
    .collect()
}

/// Whether what an invocation did was asked of it.
fn meant(
    entry: &Entry,
    position: usize,
    told: &Told,
    actions: &BTreeMap<&str, LifecycleAction<'_>>,
    occupancy: &Occupancy<'_>,
) -> Result<(), String> {
    match &entry.what {
        Occurrence::ApiCalled { operation, .. } if told.tokens.is_empty() => {
            Err(format!("called {operation} though nothing is to be terminated"))
        }
        Occurrence::ActionEnded { token, .. } | Occurrence::ActionHeartbeat { token, .. }
            if !told.tokens.contains(token) =>
        {
            Err(format!("was not told of action {token}"))
        }
        Occurrence::ContainerInstanceStatus { container_instance, status } => {
            let Some(instance) = occupancy.ec2_instance(container_instance) else { return Ok(()) };
            let named = told.tokens.iter().filter_map(|token| actions.get(token.as_str()));
            let asked_for = named.filter(|action| action.instance == instance).any(|action| {
                action.is_open_before(position)
                    || action.is_open_at(told.started)
                    || told.started <= action.opened + FRESH
            });
            if *status == ContainerInstanceStatus::Draining && asked_for {
                return Ok(());
            }
            Err(format!("set {instance} {status} with no action open on it"))
        }
        _ => Ok(()),
    }
}
