//! Rule 6, never optimistic: `PlaceableContainers` never promises more than ECS could place, and
//! `RemovableHosts` never gives away a host that is needed.
//!
//! `PlaceableContainers` is at most the sum, over the container instances, of the most worst-case
//! containers that each had room for at any time. The time is from 5 s before the invocation began
//! until it put. The 5 s are `READS_LAG_MAX`, the longest that reads are assumed to lag. A read is
//! not of one instant, and network interfaces are read after everything else.
//!
//! A task that stops goes from one list of tasks to another one. Where reads lag longer than
//! `READS_LAG_MAX`, neither list may show it, and a function that has just started has not seen it
//! before. There a task that began to stop within that time counts as holding no network interface.
//!
//! Where no instance changed meanwhile, the figure is exactly the number that fits, host by host.
//! For identical containers that is the best that any placement can do.
//!
//! `RemovableHosts` of all groups at once: an adversary picks as many hosts of each group,
//! whichever, and places all tasks that must move. It places them in any order, wherever there is
//! room that the constraints allow. It never leaves a task over that some group could take. The
//! rule tries this where nothing changed that matters, from 5 s before the invocation began until
//! it put. A host that gets a new root volume without a drain comes back with its former container
//! instance, on which ECS still shows tasks: what they need is not known then.
//!
//! A host with a standalone task or a protected one is never removable. And the figure is 0
//! wherever `MissingHosts` of the group is not.
//!
//! Where the calculator discovers the worst-case container, the invocation could know another one
//! than the present one. A host may have come or left on which other tasks fit, or ECS answered
//! MISSING for a service. Then only the parts hold that are true for any such container.

use super::metric_puts::{MetricPut, each_metric_put, number};
use super::{Breach, Rule};
use crate::stage::Played;

/// See the module.
#[derive(Debug)]
pub struct NeverOptimistic;

impl Rule for NeverOptimistic {
    fn name(&self) -> &'static str {
        "never optimistic"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        each_metric_put(played, promises).map_err(|(at, how)| Breach { rule: self.name(), at, how })
    }
}

fn promises(put: &MetricPut<'_>) -> Result<(), String> {
    can_be_placed(put)?;
    are_removable(put)
}

fn can_be_placed(put: &MetricPut<'_>) -> Result<(), String> {
    if !put.worst_case_container_is_known() || put.fleet.worst.is_none() {
        return Ok(());
    }
    // Where the worst-case container fits on no host there is no figure of it.
    if put.fleet.container_capacity().is_none() {
        return Ok(());
    }
    let Some(value) = put.value("PlaceableContainers") else {
        let known = if put.is_known() { Err("put no PlaceableContainers".to_owned()) } else { Ok(()) };
        return known;
    };
    let most = put.fleet.most_placeable_since(put.seen_from, put.misses_stopping);
    if value > number(most) {
        return Err(format!("put PlaceableContainers {value} where at most {most} ever fitted"));
    }
    let fits = put.fleet.all.placeable;
    if put.is_known() && value < number(fits) {
        return Err(format!("put PlaceableContainers {value} where {fits} fit"));
    }
    Ok(())
}

fn are_removable(put: &MetricPut<'_>) -> Result<(), String> {
    let removable = put.of_groups("RemovableHosts").filter(|(_, value)| *value > 0.0);
    let removable: Vec<_> = removable.map(|(group, value)| (group.to_owned(), whole(value))).collect();
    for (group, hosts) in &removable {
        let missing = put.of_groups("MissingHosts").find(|(of, missing)| of == group && *missing > 0.0);
        if let Some((_, missing)) = missing {
            return Err(format!("put RemovableHosts {hosts} of {group} where MissingHosts is {missing}"));
        }
    }
    let Some(placing) = put.known_placing().filter(|_| !removable.is_empty()) else { return Ok(()) };
    if placing.has_returning_host() {
        return Ok(());
    }
    let seed = put.at.timestamp().unsigned_abs();
    placing
        .are_removable(&removable, seed, put.at)
        .map_err(|how| format!("put RemovableHosts {removable:?}: {how}"))
}

/// A count of hosts that a metric has.
fn whole(value: f64) -> u64 {
    (0..=GROUP_MOST).find(|count| number(*count) >= value).unwrap_or(GROUP_MOST)
}

/// More hosts than any group here may have.
const GROUP_MOST: u64 = 10_000;
