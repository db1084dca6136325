//! The reads of one look at a cluster.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::invocation::InvocationId;
use serde_json::Value;

use super::{WithinTheBucket, page_size};
use crate::rules::{Breach, Rule, read_lag};
use crate::set_up::cluster_name;
use crate::stage::{CALCULATOR, Played};

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
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut left: BTreeMap<&str, VecDeque<DateTime<Utc>>> = BTreeMap::new();
    let mut looks: BTreeMap<InvocationId, Look<'_>> = BTreeMap::new();
    for entry in played.world.history().entries() {
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) => {
                let size = sizes.entry(&to.cluster_arn).or_default();
                // A registration is the first version.
                if to.version == 1 {
                    *size += 1;
                    for look in looks.values_mut().filter(|look| look.cluster == to.cluster_arn) {
                        look.instances += 1;
                    }
                } else if to.status == ContainerInstanceStatus::Inactive {
                    *size = size.saturating_sub(1);
                    left.entry(&to.cluster_arn).or_default().push_back(entry.at);
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
                let instances = sizes.get(cluster).copied().unwrap_or(0) + left.len();
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
                if look.lists > pages || look.describes > pages {
                    let how = format!("[{}] reads more than the {pages} pages of its cluster", by.0);
                    return Err(Breach { rule: WithinTheBucket.name(), at: entry.at, how });
                }
            }
            _ => {}
        }
    }
    Ok(())
}
