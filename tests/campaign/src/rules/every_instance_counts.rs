//! Rule 5, every instance counts: no page, batch or `failures[]` entry is skipped, at any size of
//! the cluster.
//!
//! The rule covers a cluster of which no container instance changed from 5 s before the invocation
//! began. That is `READS_LAG_MAX`, the longest that reads are assumed to lag. The calculator puts
//! the cluster's exact `ContainerCapacity`, whatever the size of a page, and none where there is no
//! worst-case container.
//!
//! It also puts the exact `ActiveHosts`, `DrainingHosts` and `DisconnectedHosts` of each group that
//! no host leaves. `UnplaceableServices` is exact where each group has a host. An invocation whose
//! reads failed puts nothing, which is rule 7.
//!
//! The rule skips an invocation that could not know: ECS did not describe a task, or answered
//! MISSING for a service that may need the most. It also skips one during which a host came or
//! left, because that changes which tasks fit on some host.

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
