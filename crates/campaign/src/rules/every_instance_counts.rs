//! Rule 5, every instance counts: no page, batch or `failures[]` entry is skipped, at any size of the cluster.
//!
//! What the calculator puts for a cluster of which no container instance changed from 5 s (`SETTLE`, the most that reads
//! are taken to lag behind) before the invocation began is exactly what the cluster comes to: `ActiveHosts`,
//! `DrainingHosts`, `DisconnectedHosts` and `ContainerCapacity`, whatever the size of a page. An invocation that ECS told
//! that an instance is MISSING, though it was not, can't know better and is passed over; one whose reads went wrong
//! otherwise puts nothing, which is rule 7.

use super::metric_puts::{MetricPut, each_metric_put, number};
use super::{Breach, Rule};
use crate::stage::Played;

/// See the module.
#[derive(Debug)]
pub struct EveryInstanceCounts;

impl Rule for EveryInstanceCounts {
    fn name(&self) -> &'static str {
        "every instance counts"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        each_metric_put(played, counts).map_err(|(at, how)| Breach { rule: self.name(), at, how })
    }
}

fn counts(put: &MetricPut<'_>) -> Result<(), String> {
    if !put.is_known() {
        return Ok(());
    }
    let all = put.fleet.all;
    for (name, truth) in [
        ("ActiveHosts", all.active),
        ("DrainingHosts", all.draining),
        ("DisconnectedHosts", all.disconnected),
        ("ContainerCapacity", all.container_capacity(put.worst)),
    ] {
        if put.value(name) != Some(number(truth)) {
            return Err(format!("put {name} {:?} of a cluster that comes to {truth}", put.value(name)));
        }
    }
    Ok(())
}
