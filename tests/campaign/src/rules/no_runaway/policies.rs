//! What the policies do has a reason that was real: within what their alarm looks at, and what the metrics lag behind by.
//!
//! - A scale-out follows a time at which a host was missing; and one at which the worst case fits on some host, however
//!   empty, or there is none.
//! - A scale-in follows a time at which any host could go.
//!
//! Nothing is said where the worst case is another one with each kind of host that comes or goes.

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::Occurrence;

use crate::rules::demand::Demand;
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
    let mut demand = Demand::of(&played.scenario);
    let (mut short, mut spare, mut fits) = (Lasting::default(), Lasting::default(), Lasting::default());
    for entry in played.world.history().entries() {
        demand.see(entry);
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) if to.cluster_arn == cluster => {
                fleet.change(to, entry.at);
                fits.see(fleet.all.active == 0 || fleet.all.large_enough > 0, entry.at);
            }
            Occurrence::DesiredCount { .. } => {}
            Occurrence::PolicyExecuted { policy, from, to, .. } => {
                let since = entry.at - LOOKS_BACK - read_lag(&played.scenario);
                let no_hosts_yet = fleet.all.active == 0;
                let reason = if to > from {
                    no_hosts_yet || (short.was_since(since) && fits.was_since(since))
                } else {
                    spare.was_since(since)
                };
                if !reason {
                    return Err((entry.at, format!("{policy} scaled from {from} to {to} without a reason")));
                }
                continue;
            }
            _ => continue,
        }
        let wanted = demand.wanted(0, &fleet.unfittable().unwrap_or_default());
        short.see(fleet.missing_hosts(wanted) > 0, entry.at);
        spare.see(fleet.removable_hosts(wanted) > 0, entry.at);
    }
    Ok(())
}
