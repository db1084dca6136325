//! The scheduler's plan for a REPLICA service.
//!
//! The rules of draining are those of `UpdateContainerInstancesState`. A PENDING task on a DRAINING
//! instance stops at once. A RUNNING one stops as long as enough stay healthy, and its replacement
//! starts as long as there are not too many.
//!
//! Tasks that are stopping count towards the maximum until they have STOPPED. So with a minimum and
//! a maximum of 100 percent nothing can ever move. Standalone tasks are not touched.
//!
//! A protected task stays where it is; what replaces it starts all the same.
//!
//! Of several revisions that a service wants, each has these limits to itself.
//!
//! A task that was started to balance the zones counts beside those that the service wants until it
//! is healthy. Then one in the fullest zone is too many.
//!
//! A rolling deployment replaces tasks by the same rules and within the same limits, after those
//! that are drained.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::Cluster;
use super::placement_mode::PlacementMode;
use super::plan::{Plan, Start, Starting};
use super::revision::Revision;
use super::rollout::Rollout;
use super::service::Service;
use super::surplus;
use super::task::{LastStatus, Task};

pub(crate) fn plan(cluster: &Cluster, service: &Service, mode: PlacementMode, now: DateTime<Utc>) -> Plan {
    let all = cluster.tasks_of_service(&service.name);
    let draining = cluster.draining();
    let (outgrown, wanted): (Vec<&Task>, Vec<&Task>) =
        all.iter().partition(|task| service.has_outgrown(task));
    let mut stop = Vec::new();
    let mut start = Vec::new();
    for (number, revision) in service.revisions().into_iter().enumerate() {
        let own = wanted.iter().copied().filter(|task| revision.made(task));
        // Tasks of nothing that is wanted any more give way to the newest that is.
        let replaced = outgrown.iter().copied().filter(|_| number == 0);
        let tasks: Vec<&Task> = own.chain(replaced).collect();
        let (leaving, count) = plan_of((cluster, &revision, service), &tasks, mode, &draining, now);
        stop.extend(leaving);
        start.push(Starting {
            definition: Arc::clone(revision.definition),
            strategy: revision.strategy.to_vec(),
            count,
        });
    }
    if start.is_empty() {
        let alive = outgrown.iter().filter(|task| task.desired_status == DesiredStatus::Running);
        stop.extend(alive.map(|task| task.arn.clone()));
    }
    Plan { stop, start: Start::Anywhere(start) }
}

/// The tasks of a revision that are stopped, and how many are started.
fn plan_of(
    (cluster, revision, service): (&Cluster, &Revision<'_>, &Service),
    all: &[&Task],
    mode: PlacementMode,
    draining: &BTreeSet<&ContainerInstanceArn>,
    now: DateTime<Utc>,
) -> (Vec<TaskArn>, u64) {
    let wanted = all.iter().copied().filter(|task| task.desired_status == DesiredStatus::Running);
    let (mut leaving, mut staying): (Vec<&Task>, Vec<&Task>) =
        wanted.partition(|task| draining.contains(&task.container_instance) || service.has_outgrown(task));
    let mut stop: Vec<TaskArn> = Vec::new();
    let mut healthy = count(leaving.iter().chain(&staying).filter(|task| task.is_healthy(now)));
    let desired = u64::from(revision.desired);

    // One that was started to balance the zones is too many only once it is healthy.
    let starts_beside = |task: &&&Task| service.rebalancing.contains(&task.arn) && !task.is_healthy(now);
    let started_beside = count(staying.iter().filter(starts_beside));
    let too_many = count(staying.iter()).saturating_sub(desired).saturating_sub(started_beside);
    if too_many > 0 {
        let mode = if service.is_rebalancing() { PlacementMode::SpreadOverZones } else { mode };
        surplus::order(cluster, mode, &mut staying, now);
    }
    let free = staying.iter().filter(|task| !task.is_protected(now));
    for task in free.take(usize::try_from(too_many).unwrap_or(usize::MAX)) {
        healthy -= u64::from(task.is_healthy(now));
        stop.push(task.arn.clone());
    }

    let leaves = !leaving.is_empty();
    leaving.sort_by_key(|task| !draining.contains(&task.container_instance));
    for task in leaving.into_iter().filter(|task| !task.is_protected(now)) {
        if task.last_status == LastStatus::Pending || !task.is_healthy(now) {
            stop.push(task.arn.clone());
        } else if healthy > service.minimum_healthy_of(desired) {
            healthy -= 1;
            stop.push(task.arn.clone());
        }
    }

    let missing = desired.saturating_sub(count(staying.iter()));
    // Of a rolling deployment or, whatever the deployment controller, while instances are drained
    // (API reference, `DeploymentConfiguration`).
    let limited = leaves || matches!(service.rollout, Rollout::Rolling);
    let room = service.maximum_of(revision.desired).saturating_sub(count(all.iter()));
    (stop, if limited { missing.min(room) } else { missing })
}

pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count, _| count + 1)
}
