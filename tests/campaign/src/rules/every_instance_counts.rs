//! Rule 5, every instance counts: no page, batch or `failures[]` entry is skipped, at any size of the cluster.
//!
//! What the calculator puts for a cluster of which no container instance changed from 5 s (`SETTLE`, the most that reads
//! are taken to lag behind) before the invocation began is exactly what the cluster comes to: `ContainerCapacity`, whatever
//! the size of a page; none where there is no worst case. So are `ActiveHosts`, `DrainingHosts` and `DisconnectedHosts` of
//! each group of which no host leaves, and `UnplaceableServices` where each group has a host. One whose reads went wrong puts
//! nothing, which is rule 7.
//!
//! Passed over is an invocation that could not know: it was not told of a task, or was told that a service is MISSING of
//! which the worst case may be; or a host came or went meanwhile, and with it what fits on some host.

use fleetkeeper_core::container_instance::ContainerInstanceStatus;

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
    is_put(put, "ContainerCapacity", put.fleet.container_capacity())?;
    let Some(placing) = put.known_placing() else { return Ok(()) };
    if let Some(services) = placing.unplaceable_services() {
        is_put(put, "UnplaceableServices", Some(services))?;
    }
    for (name, counted) in &HOSTS {
        for (group, value) in put.of_groups(name) {
            match placing.hosts(group, counted) {
                Some(truth) if Some(number(truth)) != Some(value) => {
                    return Err(format!("put {name} {value} of {group} that has {truth}"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What a metric counts: the status, and whether the agent is connected where that matters.
const HOSTS: [(&str, (ContainerInstanceStatus, Option<bool>)); 3] = [
    ("ActiveHosts", (ContainerInstanceStatus::Active, Some(true))),
    ("DrainingHosts", (ContainerInstanceStatus::Draining, None)),
    ("DisconnectedHosts", (ContainerInstanceStatus::Active, Some(false))),
];

fn is_put(put: &MetricPut<'_>, name: &str, truth: Option<u64>) -> Result<(), String> {
    let value = put.value(name);
    if value == truth.map(number) {
        return Ok(());
    }
    Err(format!("put {name} {value:?} of a cluster that comes to {truth:?}"))
}
