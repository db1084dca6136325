//! The service scheduler: starts, stops and moves services' tasks within their limits.
//!
//! The rules of draining are those of `UpdateContainerInstancesState`: a PENDING task on a DRAINING instance stops at
//! once; a RUNNING one stops as long as enough stay healthy, and its replacement starts as long as there are not too
//! many. Tasks that are stopping count towards the maximum until they have STOPPED, so with a minimum and a maximum of
//! 100 percent nothing can move, ever. Standalone tasks are not touched.

use std::cmp::Reverse;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::Cluster;
use super::placement::Candidates;
use super::service::Service;
use super::task::{LastStatus, StopCode, Task};
use super::task_definition::TaskDefinition;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// What the scheduler does about a service.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    stop: Vec<TaskArn>,
    start: u64,
}

impl World {
    /// Something changed that the scheduler may act upon.
    pub(crate) fn request_service_scheduler(&mut self, name: &str) {
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        if std::mem::replace(&mut cluster.scheduler_due, true) {
            return;
        }
        let due = self.now + TimeDelta::seconds(i64::from(cluster.scheduler_delay_seconds));
        self.agenda.enter(due, Transition::ServiceScheduler { cluster: name.to_owned() });
    }

    /// Something will change by then: a task will have been up long enough to be healthy.
    pub(crate) fn request_service_scheduler_at(&mut self, name: &str, time: DateTime<Utc>) {
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        if cluster.scheduler_looks.insert(time) {
            self.agenda.enter(time, Transition::ServiceScheduler { cluster: name.to_owned() });
        }
    }

    pub(crate) fn run_service_scheduler(&mut self, name: &str) {
        let now = self.now;
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        cluster.scheduler_due = false;
        cluster.scheduler_looks.remove(&now);
        let services: Vec<String> = cluster.services.keys().cloned().collect();
        for service in services {
            let Some(cluster) = self.clusters.get(name) else { return };
            let Some(found) = cluster.services.get(&service) else { continue };
            let definition = Arc::clone(&found.task_definition);
            let plan = plan(cluster, found, self.now);
            for task in &plan.stop {
                self.begin_stopping(name, task, StopCode::ServiceSchedulerInitiated);
            }
            let Some(cluster) = self.clusters.get(name).filter(|_| plan.start > 0) else { continue };
            let mut candidates = Candidates::of(cluster);
            for _ in 0..plan.start {
                if !self.place_for_service(name, &service, &definition, &mut candidates) {
                    break;
                }
            }
        }
    }

    /// Places one task of a service; whether there was room.
    fn place_for_service(
        &mut self,
        cluster: &str,
        service: &str,
        definition: &Arc<TaskDefinition>,
        candidates: &mut Candidates,
    ) -> bool {
        let Some(found) = self.clusters.get_mut(cluster) else { return false };
        let placed = candidates.place(found, definition);
        let failure = placed.as_ref().err().copied();
        let Some(known) = found.services.get_mut(service) else { return false };
        let before = std::mem::replace(&mut known.placement_failure, failure);
        match placed {
            Ok(container_instance) => {
                let service = Some(service.to_owned());
                self.start_placed_task(cluster, &container_instance, Arc::clone(definition), service);
                true
            }
            Err(reason) => {
                if before != failure {
                    self.record(Occurrence::PlacementFailed { service: service.to_owned(), reason });
                }
                false
            }
        }
    }

    /// `RunTask` of one standalone task; an error where nothing has room.
    pub fn run_task(&mut self, cluster: &str, definition: &TaskDefinition) -> Result<TaskArn, ApiError> {
        let found = self.cluster(cluster)?;
        let placed = Candidates::of(found).place(found, definition);
        let container_instance = placed.map_err(ApiError::invalid_parameter)?;
        Ok(self.start_placed_task(cluster, &container_instance, Arc::new(definition.clone()), None))
    }

    /// `StartTask`: one standalone task on the instance of the caller's choice.
    pub fn start_task(
        &mut self,
        cluster: &str,
        definition: &TaskDefinition,
        on: &Ec2InstanceId,
    ) -> Result<TaskArn, ApiError> {
        let arn = self.container_instance_arn(cluster, on)?;
        let found = self.cluster(cluster)?;
        if let Some(instance) = found.container_instances.get(&arn) {
            found.has_room(instance, definition).map_err(ApiError::invalid_parameter)?;
        }
        Ok(self.start_placed_task(cluster, &arn, Arc::new(definition.clone()), None))
    }

    /// A service's tasks that have not STOPPED.
    #[must_use]
    pub fn tasks_of_service(&self, cluster: &str, service: &str) -> Vec<&Task> {
        let Some(cluster) = self.clusters.get(cluster) else { return Vec::new() };
        unstopped(cluster, service)
    }

    /// Whether a service has as many healthy tasks as it wants, none stopping and none on a DRAINING instance.
    #[must_use]
    pub fn is_steady(&self, cluster: &str, service: &str) -> bool {
        let Some(found) = self.clusters.get(cluster) else { return false };
        let Some(known) = found.services.get(service) else { return false };
        let tasks = unstopped(found, service);
        u32::try_from(tasks.len()) == Ok(known.desired_count)
            && tasks.iter().all(|task| {
                task.desired_status == DesiredStatus::Running
                    && task.is_healthy(self.now)
                    && !must_leave(found, task)
            })
    }
}

fn unstopped<'a>(cluster: &'a Cluster, service: &str) -> Vec<&'a Task> {
    let arns = cluster.service_tasks.get(service).into_iter().flatten();
    arns.filter_map(|arn| cluster.tasks.get(arn)).collect()
}

fn must_leave(cluster: &Cluster, task: &Task) -> bool {
    let instance = cluster.container_instances.get(&task.container_instance);
    instance.is_some_and(|instance| instance.status == ContainerInstanceStatus::Draining)
}

fn plan(cluster: &Cluster, service: &Service, now: DateTime<Utc>) -> Plan {
    let all = unstopped(cluster, &service.name);
    let wanted = all.iter().filter(|task| task.desired_status == DesiredStatus::Running);
    let (leaving, mut staying): (Vec<&Task>, Vec<&Task>) = wanted.partition(|task| must_leave(cluster, task));
    let mut stop: Vec<TaskArn> = Vec::new();
    let mut healthy = count(leaving.iter().chain(&staying).filter(|task| task.is_healthy(now)));

    // More than wanted: the unhealthy first, then the newest.
    staying.sort_by_key(|task| (task.is_healthy(now), Reverse(task.created_at), &task.arn));
    let surplus = count(staying.iter()).saturating_sub(u64::from(service.desired_count));
    for task in staying.iter().take(usize::try_from(surplus).unwrap_or(usize::MAX)) {
        healthy -= u64::from(task.is_healthy(now));
        stop.push(task.arn.clone());
    }

    for task in leaving {
        if task.last_status == LastStatus::Pending || !task.is_healthy(now) {
            stop.push(task.arn.clone());
        } else if healthy > service.minimum_healthy() {
            healthy -= 1;
            stop.push(task.arn.clone());
        }
    }

    let missing = u64::from(service.desired_count).saturating_sub(count(staying.iter()));
    let room = service.maximum().saturating_sub(count(all.iter()));
    Plan { stop, start: missing.min(room) }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count, _| count + 1)
}
