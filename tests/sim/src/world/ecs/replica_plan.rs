//! What the scheduler does about a REPLICA service.
//!
//! The rules of draining are those of `UpdateContainerInstancesState`: a PENDING task on a DRAINING instance stops at
//! once; a RUNNING one stops as long as enough stay healthy, and its replacement starts as long as there are not too
//! many. Tasks that are stopping count towards the maximum until they have STOPPED, so with a minimum and a maximum of
//! 100 percent nothing can move, ever. Standalone tasks are not touched.
//!
//! A protected task stays where it is; what replaces it starts all the same.
//!
//! A rolling deployment replaces tasks by the same rules and within the same limits, after those that are drained.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::Cluster;
use super::service::Service;
use super::service_scheduler::{Plan, Start};
use super::task::{LastStatus, Task};

pub(crate) fn plan(cluster: &Cluster, service: &Service, now: DateTime<Utc>) -> Plan {
    let all = cluster.tasks_of_service(&service.name);
    let draining = cluster.draining();
    let wanted = all.iter().filter(|task| task.desired_status == DesiredStatus::Running);
    let (mut leaving, mut staying): (Vec<&Task>, Vec<&Task>) =
        wanted.partition(|task| draining.contains(&task.container_instance) || service.has_outgrown(task));
    let mut stop: Vec<TaskArn> = Vec::new();
    let mut healthy = count(leaving.iter().chain(&staying).filter(|task| task.is_healthy(now)));

    // More than wanted: the unhealthy first, then the newest.
    let surplus = count(staying.iter()).saturating_sub(u64::from(service.desired_count));
    if surplus > 0 {
        staying.sort_by_key(|task| (task.is_healthy(now), Reverse(task.created_at), &task.arn));
    }
    let free = staying.iter().filter(|task| !task.is_protected(now));
    for task in free.take(usize::try_from(surplus).unwrap_or(usize::MAX)) {
        healthy -= u64::from(task.is_healthy(now));
        stop.push(task.arn.clone());
    }

    leaving.sort_by_key(|task| !draining.contains(&task.container_instance));
    for task in leaving.into_iter().filter(|task| !task.is_protected(now)) {
        if task.last_status == LastStatus::Pending || !task.is_healthy(now) {
            stop.push(task.arn.clone());
        } else if healthy > service.minimum_healthy() {
            healthy -= 1;
            stop.push(task.arn.clone());
        }
    }

    let missing = u64::from(service.desired_count).saturating_sub(count(staying.iter()));
    let room = service.maximum().saturating_sub(count(all.iter()));
    Plan { stop, start: Start::Anywhere(missing.min(room)) }
}

pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count, _| count + 1)
}
