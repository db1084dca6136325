//! The reads of one look at a cluster.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::ports::DESCRIBE_MAX;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::invocation::InvocationId;
use serde_json::Value;

use super::{WithinTheBucket, page_size};
use crate::rules::{Breach, Rule, read_lag};
use crate::set_up::cluster_name;
use crate::stage::{CALCULATOR, Played};

/// What is listed and MISSING is asked for so many times more.
const MISSING_TRIES: usize = 3;

struct Look<'a> {
    cluster: &'a str,
    instances: usize,
    lists: usize,
    describes: usize,
}

pub(super) fn check(played: &Played) -> Result<(), Breach> {
    let of_schedule = cluster_arn(&cluster_name(0));
    let page = page_size(played);
    let lag = read_lag(&played.scenario);
    let mut members: BTreeMap<&str, BTreeSet<&ContainerInstanceArn>> = BTreeMap::new();
    let mut left: BTreeMap<&str, VecDeque<DateTime<Utc>>> = BTreeMap::new();
    let mut looks: BTreeMap<InvocationId, Look<'_>> = BTreeMap::new();
    for entry in played.world.history().entries() {
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) => {
                let members = members.entry(&to.cluster_arn).or_default();
                if to.status == ContainerInstanceStatus::Inactive {
                    if members.remove(&to.arn) {
                        left.entry(&to.cluster_arn).or_default().push_back(entry.at);
                    }
                } else if members.insert(&to.arn) {
                    for look in looks.values_mut().filter(|look| look.cluster == to.cluster_arn) {
                        look.instances += 1;
                    }
                }
            }
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == CALCULATOR =>
            {
                let named = payload.pointer("/detail/clusterArn").and_then(Value::as_str);
                let cluster = named.unwrap_or(&of_schedule);
                // A list that lags behind still has those that just left.
                let left = left.entry(cluster).or_default();
                while left.front().is_some_and(|first| *first < entry.at - lag) {
                    left.pop_front();
                }
                let instances = members.get(cluster).map_or(0, BTreeSet::len) + left.len();
                looks.insert(*invocation, Look { cluster, instances, lists: 0, describes: 0 });
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                looks.remove(invocation);
            }
            Occurrence::ApiCalled { operation, .. } => {
                let Some((by, look)) = entry.by.and_then(|by| looks.get_mut(&by).map(|look| (by, look)))
                else {
                    continue;
                };
                match operation {
                    Operation::ListContainerInstances => look.lists += 1,
                    Operation::DescribeContainerInstances => look.describes += 1,
                    Operation::ListTasks | Operation::DescribeTasks => look.lists = usize::MAX,
                    _ => {}
                }
                let pages = look.instances.div_ceil(page).max(1);
                let asked_again = MISSING_TRIES * look.instances.div_ceil(DESCRIBE_MAX).max(1);
                if look.lists > pages || look.describes > pages + asked_again {
                    let how = format!("[{}] reads more than the {pages} pages of its cluster", by.0);
                    return Err(Breach { rule: WithinTheBucket.name(), at: entry.at, how });
                }
            }
            _ => {}
        }
    }
    Ok(())
}
