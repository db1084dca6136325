//! Rule 7, no runaway: what would scale without end, or can't be worked out, is reported and never
//! put.
//!
//! An invocation puts nothing at all
//!
//! - where a read of its own failed, was throttled or was never answered, except of single tasks,
//!   or where ECS did not describe an instance for another reason than that it is MISSING;
//!
//! and none of the book's figures where the worst-case container fits on no host, however empty.
//! That is from 5 s before the invocation began until it put (`READS_LAG_MAX`, the longest that
//! reads are assumed to lag). A host took tasks all that time (ACTIVE, agent connected), and the
//! container fitted on the registered resources of none.
//!
//! It puts none of the book's figures where it could know that there is no worst-case container.
//!
//! `MissingHosts` is never more than twice the highest sum of the services' desired counts
//! meanwhile, and the headroom's. A deployment may want all tasks anew. Where nothing changed that
//! matters:
//!
//! - all groups together miss no more hosts than tasks wait, and one each for the headroom;
//! - a group that misses some could take a task that waits, or one more of a kind for which no host
//!   has room;
//! - none misses any only if no task waits that a further host of a group could take, while none is
//!   coming.
//!
//! Tasks on hosts that leave wait, too. Amid a deployment those of the former ones count in full:
//! ECS does not show which deployment replaces them. Tasks that ECS still counts on an instance
//! that is gone may wait as long as its group lists it.
//!
//! Where alarms and policies scale by the metrics ([`policies`]), they do so for a reason that was
//! real.

mod policies;

use super::metric_puts::{MetricPut, each_metric_put, number};
use super::placing::{Placing, SETTLED};
use super::{Breach, Rule};
use crate::stage::Played;

/// See the module.
#[derive(Debug)]
pub struct NoRunaway;

impl Rule for NoRunaway {
    fn name(&self) -> &'static str {
        "no runaway"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let breach = |(at, how)| Breach { rule: self.name(), at, how };
        each_metric_put(played, metrics).map_err(breach)?;
        policies::scale_for_a_reason(played).map_err(breach)
    }
}

fn metrics(put: &MetricPut<'_>) -> Result<(), String> {
    if put.reads.failed {
        return Err("put metric data though a read had failed".to_owned());
    }
    if put.reads.untold {
        return Err("put metric data though ECS had not described an instance".to_owned());
    }
    missing_hosts(put)?;
    if !put.worst_case_container_is_known() {
        return Ok(());
    }
    let too_small = put.fleet.too_small_since.is_some_and(|since| since < put.seen_from);
    let is_put = put.value("ContainerCapacity").is_some();
    if is_put && too_small && put.fleet.has_host_since(put.seen_from) {
        return Err("put ContainerCapacity though the worst-case container fits on no host".to_owned());
    }
    let of_a_worst_case = ["ContainerCapacity", "PlaceableContainers"];
    let named = of_a_worst_case.into_iter().find(|name| put.value(name).is_some());
    match named.filter(|_| put.fleet.worst.is_none()) {
        Some(name) => Err(format!("put {name} though there is no worst case")),
        None => Ok(()),
    }
}

fn missing_hosts(put: &MetricPut<'_>) -> Result<(), String> {
    // A deployment may want all tasks anew while the former ones run.
    let headroom = put.placing.map_or(0, Placing::headroom_tasks);
    let most = 2 * put.most_desired() + headroom + 1;
    for (group, value) in put.of_groups("MissingHosts") {
        if value > number(most) {
            return Err(format!(
                "put MissingHosts {value} of {group} where at most {most} tasks were wanted"
            ));
        }
    }
    let Some(placing) = put.known_placing() else { return Ok(()) };
    let total: f64 = put.of_groups("MissingHosts").map(|(_, value)| value).sum();
    let groups = number(put.of_groups("MissingHosts").fold(0, |count, _| count + 1));
    let waiting = placing.waiting_tasks() + placing.headroom_tasks();
    if total > number(waiting) + groups {
        return Err(format!("put {total} MissingHosts of all groups where {waiting} tasks wait"));
    }
    for (group, _) in put.of_groups("MissingHosts").filter(|(_, value)| *value > 0.0) {
        placing.may_be_missing(group, put.at)?;
    }
    let quiet = placing.is_still_since(put.seen_from - SETTLED);
    match placing.left_waiting().filter(|_| total == 0.0 && quiet && groups > 0.0) {
        Some(service) => {
            Err(format!("put no MissingHosts where a task of {service} waits that a host more would take"))
        }
        None => Ok(()),
    }
}
