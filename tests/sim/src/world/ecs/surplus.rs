//! Which tasks a service stops first when it has more than it wants.
//!
//! Unhealthy tasks go first. Among the others, ECS goes by the placement strategy (developer guide,
//! "task-placement-strategies"): under binpack it takes from the instances with the most left,
//! under spread it keeps the zones balanced. Elsewhere the newest go first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Cluster;
use super::placement_mode::PlacementMode;
use super::task::Task;

/// Puts those that ECS stops first to the front.
pub(super) fn order(cluster: &Cluster, mode: PlacementMode, tasks: &mut [&Task], now: DateTime<Utc>) {
    match mode {
        PlacementMode::FewestTasks | PlacementMode::Random => {
            tasks.sort_by_key(|task| (task.is_healthy(now), Reverse(task.created_at), &task.arn));
        }
        PlacementMode::BinpackCpu | PlacementMode::BinpackMemory => tasks.sort_by_cached_key(|task| {
            let left = left(cluster, mode, task);
            (task.is_healthy(now), Reverse(left), task.container_instance.clone(), Reverse(task.created_at))
        }),
        PlacementMode::SpreadOverZones => spread(cluster, tasks, now),
    }
}

/// The free amount, on a task's instance, of the resource that the mode goes by.
fn left(cluster: &Cluster, mode: PlacementMode, task: &Task) -> u64 {
    cluster.container_instances.get(&task.container_instance).map_or(0, |host| match mode {
        PlacementMode::BinpackCpu => host.registered.cpu.0.saturating_sub(host.reserved.cpu.0),
        _ => host.registered.memory.0.saturating_sub(host.reserved.memory.0),
    })
}

/// The nth task of the fuller zones before the nth of the others, so that whatever number goes,
/// the zones stay balanced.
fn spread(cluster: &Cluster, tasks: &mut [&Task], now: DateTime<Utc>) {
    let zone = |task: &Task| {
        let host = cluster.container_instances.get(&task.container_instance);
        host.map(|host| host.zone().to_owned()).unwrap_or_default()
    };
    tasks.sort_by_key(|task| (!task.is_healthy(now), &task.arn));
    // From 1 in each zone, those that stay longest first.
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let places: BTreeMap<_, u64> = tasks
        .iter()
        .map(|task| {
            let count = counts.entry(zone(task)).or_default();
            *count += 1;
            (task.arn.clone(), *count)
        })
        .collect();
    tasks.sort_by_key(|task| {
        let place = places.get(&task.arn).copied().unwrap_or(0);
        (task.is_healthy(now), Reverse(place), &task.arn)
    });
}
