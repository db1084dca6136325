//! Rule 6, never optimistic: `PlaceableContainers` never promises more than ECS could place, and `RemovableHosts` never gives
//! away a host that is needed.
//!
//! What an invocation puts as `PlaceableContainers` is at most the sum, over the container instances, of the most of the
//! worst case that each had room for at any time from 5 s (`SETTLE`, the most that reads are taken to lag behind) before the
//! invocation began until it put: a read is not of one instant, and network interfaces are read after all else. Where no
//! instance changed meanwhile it is exactly what fits, host by host, which for identical containers is the best that any
//! placement can do.
//!
//! `RemovableHosts` is at most the hosts that took tasks at any time meanwhile.
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
    let Some(value) = put.value("PlaceableContainers") else {
        return Err("put no PlaceableContainers".to_owned());
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
    let Some(value) = put.value("RemovableHosts") else { return Ok(()) };
    let hosts = put.fleet.hosts_since(put.seen_from);
    if value > number(hosts) {
        return Err(format!("put RemovableHosts {value} of at most {hosts} hosts"));
    }
    Ok(())
}
