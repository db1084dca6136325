//! Direct scaling does to groups what it should, and no more. The truth of the world decides, at
//! the moment of each act.
//!
//! | module | what holds |
//! | --- | --- |
//! | `truth` | groups as they really are, and who has known what since when |
//! | `raises` | capacities that the calculator set |
//! | `removals` | instances that it terminated |
//! | [`turns`] | how often it changed its mind |
//!
//! Nothing is done by a calculator that only publishes, or in a dry run. Every act:
//!
//! - leaves a group alone of which `Launch`, `Terminate` or `AlarmNotification` is suspended, that
//!   is being refreshed, or that ECS scales by a provider that a host or a service names: from the
//!   lag of reads after that began.
//!
//! A capacity is set:
//!
//! - within the group's limits: Auto Scaling refuses none for another reason than that the group is
//!   gone;
//! - upwards alone, unless somebody else changed it meanwhile, and by no more hosts than tasks
//!   wait, with the headroom: where nothing changed since the invocation may have seen the cluster.
//!   What was set within the last minute without an answer may be set again;
//! - without an instance that is terminated for it.
//!
//! A termination:
//!
//! - is of the one instance that was named, and of none that leaves already: one request, one host;
//! - leaves each task room, whatever ECS picks: an adversary tries;
//! - is of no host with a standalone or a protected task, none that is protected from scale-in or
//!   has the attribute `fleetkeeper.keep`, and not of the last one of its zone while a service
//!   spreads its tasks over zones;
//! - is of no host of a service that is being deployed;
//! - comes ten minutes or more after the group was scaled out;
//! - comes once the environment has been there for `SCALE_IN_MINUTES`: until then it cannot know
//!   that the host was removable all the time;
//! - is one of `MAX_DRAINING_HOSTS` of the group at once at most, for each invocation that runs.
//!
//! What must be known for it was known where the invocation could: what services want did not
//! change since it may have seen the cluster, and no host changed since it read hosts for the last
//! time.

mod raises;
mod removals;
mod truth;
mod turns;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence};

use super::{Breach, Rule};
use crate::stage::Played;
use truth::Truth;

/// See the module.
#[derive(Debug)]
pub struct DirectScaling;

impl Rule for DirectScaling {
    fn name(&self) -> &'static str {
        "direct scaling"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let Some(plan) = &played.scenario.calculator else { return Ok(()) };
        let breach = |at, how| Breach { rule: self.name(), at, how };
        let mut truth = Truth::of(played);
        // The fault of the termination that was requested last, if it happens.
        let mut requested: Option<removals::Requested<'_>> = None;
        for entry in played.world.history().entries() {
            let acted = truth.invocation(entry).map(|_| acts(entry));
            if let Some(Some(act)) = acted
                && plan.direct.as_ref().is_none_or(|direct| direct.dry_run)
            {
                return Err(breach(entry.at, format!("{act} by a calculator that only publishes")));
            }
            if let (Some(_), Some(by)) = (acted, entry.by) {
                let checked = match &entry.what {
                    Occurrence::ApiCalled { operation, outcome } => {
                        requested = None;
                        refused(&truth, *operation, outcome)
                    }
                    Occurrence::TerminationRequested { group, instance } => {
                        requested = Some(removals::requested(&truth, entry, group, instance));
                        Ok(())
                    }
                    Occurrence::InstanceTerminating { group, instance } => {
                        removals::terminates(&truth, entry, requested.as_mut(), group, instance)
                    }
                    Occurrence::DesiredCapacity { group, desired_capacity } => {
                        raises::sets(&truth, entry, requested.is_some(), (group, *desired_capacity))
                    }
                    _ => Ok(()),
                };
                checked.map_err(|how| breach(entry.at, format!("[{}] {how}", by.0)))?;
            }
            truth.see(entry);
        }
        turns::settle(played).map_err(|(at, how): (DateTime<Utc>, String)| breach(at, how))
    }
}

/// The action of an invocation that changes a group.
fn acts(entry: &Entry) -> Option<&'static str> {
    match &entry.what {
        Occurrence::ApiCalled { operation: Operation::SetDesiredCapacity, .. } => Some("a capacity set"),
        Occurrence::ApiCalled { operation: Operation::TerminateInstanceInAutoScalingGroup, .. } => {
            Some("a termination")
        }
        _ => None,
    }
}

/// Auto Scaling refuses a capacity beyond the group's limits, and one of a group that is gone.
fn refused(truth: &Truth<'_>, operation: Operation, outcome: &CallOutcome) -> Result<(), String> {
    let beyond =
        operation == Operation::SetDesiredCapacity && *outcome == CallOutcome::Failed("ValidationError");
    if beyond && !truth.any_deleted() {
        return Err("set a capacity beyond the group's limits".to_owned());
    }
    Ok(())
}
