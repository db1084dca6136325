//! What the policies do has a reason that was real: within what their alarm looks at, and what the metrics lag behind by.
//!
//! - A scale-out follows a time at which fewer than one worst-case container fitted, by the book's reckoning; and one at
//!   which it fits on some host, however empty, or there is none.
//! - A scale-in follows a time at which more than one host's worth was free; without a worst case, at which more than one
//!   host had no tasks.
//!
//! Nothing is said where the worst case is another one with each kind of host that comes or goes.

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::Occurrence;

use crate::rules::fleet::Fleet;
use crate::rules::read_lag;
use crate::rules::worst_case::WorstCases;
use crate::set_up::cluster_name;
use crate::stage::Played;

/// An alarm of the template looks back over 5 minutes at most, and 2 more where some have no data; each minute's data
/// come from an invocation that may last a minute, and are looked at up to a minute later.
const LOOKS_BACK: TimeDelta = TimeDelta::minutes(5 + 2 + 1 + 1);

/// When something was last so.
#[derive(Debug, Default)]
struct Lasting {
    is: bool,
    until: Option<DateTime<Utc>>,
}

impl Lasting {
    fn see(&mut self, is: bool, now: DateTime<Utc>) {
        if self.is || is {
            self.until = Some(now);
        }
        self.is = is;
    }

    fn was_since(&self, time: DateTime<Utc>) -> bool {
        self.is || self.until.is_some_and(|until| until >= time)
    }
}

/// The first complaint is the answer, with its time.
pub(super) fn scale_for_a_reason(played: &Played) -> Result<(), (DateTime<Utc>, String)> {
    let Some(plan) = played.scenario.calculator.as_ref().filter(|plan| plan.scales) else { return Ok(()) };
    let Some(of) = played.scenario.clusters.first() else { return Ok(()) };
    let cluster = cluster_arn(&cluster_name(0));
    let mut fleet = Fleet::new(WorstCases::of(plan, of));
    if fleet.depends_on_hosts() {
        return Ok(());
    }
    let (mut full, mut idle, mut fits) = (Lasting::default(), Lasting::default(), Lasting::default());
    for entry in played.world.history().entries() {
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) if to.cluster_arn == cluster => {
                fleet.change(to, entry.at);
                full.see(is_full(&fleet), entry.at);
                idle.see(fleet.idles_more_than(1), entry.at);
                fits.see(fleet.all.active == 0 || fleet.all.large_enough > 0, entry.at);
            }
            Occurrence::PolicyExecuted { policy, from, to, .. } => {
                let since = entry.at - LOOKS_BACK - read_lag(&played.scenario);
                let no_hosts_yet = fleet.all.active == 0;
                let reason = if to > from {
                    no_hosts_yet || (full.was_since(since) && fits.was_since(since))
                } else {
                    idle.was_since(since)
                };
                if !reason {
                    return Err((entry.at, format!("{policy} scaled from {from} to {to} without a reason")));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_full(fleet: &Fleet<'_>) -> bool {
    fleet.container_capacity() == Some(0)
}
