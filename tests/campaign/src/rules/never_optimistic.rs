//! Rule 6, never optimistic: `PlaceableContainers` never promises more than ECS could place, and `RemovableHosts` never gives
//! away a host that is needed.
//!
//! What an invocation puts as `PlaceableContainers` is at most the sum, over the container instances, of the most of the
//! worst case that each had room for at any time from 5 s (`SETTLE`, the most that reads are taken to lag behind) before the
//! invocation began until it put: a read is not of one instant, and network interfaces are read after all else. Where no
//! instance changed meanwhile it is exactly what fits, host by host, which for identical containers is the best that any
//! placement can do.
//!
//! `RemovableHosts` of all groups at once: an adversary picks as many hosts of each group, whichever, and places all that must
//! move, in any order, wherever there is room that the constraints allow. It never leaves a task over that some group could
//! take. This is tried where nothing changed that matters, from 5 s before the invocation began until it put. A host with a
//! standalone task or a protected one never goes. And it is 0 wherever `MissingHosts` of the group is not.
//!
//! Where the worst case is discovered and the invocation could have another one in mind than there is now (a host came or
//! went on which other tasks fit, or a service was told to be MISSING), only that holds which is said of any.

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
    can_go(put)
}

fn can_be_placed(put: &MetricPut<'_>) -> Result<(), String> {
    if !put.worst_case_is_known() || put.fleet.worst.is_none() {
        return Ok(());
    }
    // Where the worst case fits on no host there is no figure of it.
    if put.fleet.container_capacity().is_none() {
        return Ok(());
    }
    let Some(value) = put.value("PlaceableContainers") else {
        let known = if put.is_known() { Err("put no PlaceableContainers".to_owned()) } else { Ok(()) };
        return known;
    };
    let most = put.fleet.most_placeable_since(put.seen_from);
    if value > number(most) {
        return Err(format!("put PlaceableContainers {value} where at most {most} ever fitted"));
    }
    let fits = put.fleet.all.placeable;
    if put.is_known() && value < number(fits) {
        return Err(format!("put PlaceableContainers {value} where {fits} fit"));
    }
    Ok(())
}

fn can_go(put: &MetricPut<'_>) -> Result<(), String> {
    let removable = put.of_groups("RemovableHosts").filter(|(_, value)| *value > 0.0);
    let removable: Vec<_> = removable.map(|(group, value)| (group.to_owned(), whole(value))).collect();
    for (group, hosts) in &removable {
        let missing = put.of_groups("MissingHosts").find(|(of, missing)| of == group && *missing > 0.0);
        if let Some((_, missing)) = missing {
            return Err(format!("put RemovableHosts {hosts} of {group} where MissingHosts is {missing}"));
        }
    }
    let Some(placing) = put.known_placing().filter(|_| !removable.is_empty()) else { return Ok(()) };
    let seed = put.at.timestamp().unsigned_abs();
    placing.can_go(&removable, seed, put.at).map_err(|how| format!("put RemovableHosts {removable:?}: {how}"))
}

/// A count of hosts that a metric has.
fn whole(value: f64) -> u64 {
    (0..=GROUP_MOST).find(|count| number(*count) >= value).unwrap_or(GROUP_MOST)
}

/// More hosts than any group here may have.
const GROUP_MOST: u64 = 10_000;
