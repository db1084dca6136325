//! The end of a task: what is kept of it, and what becomes of it when its host is terminated first.

use std::sync::Arc;

use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::REMEMBERED_SECONDS;
use super::lagging_copy::Change;
use super::task::{LastStatus, StopCode};
use crate::world::World;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;

impl World {
    /// A task has STOPPED. ECS shows it for a while, and no longer among those of its host and
    /// service.
    pub(super) fn remember_stopped(&mut self, cluster: &str, arn: &TaskArn) {
        let forget = Transition::ForgetTask { cluster: cluster.to_owned(), task: arn.clone() };
        self.agenda.enter(self.after(REMEMBERED_SECONDS), forget);
        let Some(cluster) = self.clusters.get_mut(cluster) else { return };
        let Some(task) = cluster.tasks.get(arn) else { return };
        if let Some(tasks) = task.service.as_ref().and_then(|name| cluster.service_tasks.get_mut(name)) {
            tasks.remove(arn);
        }
        if let Some(instance) = cluster.container_instances.get_mut(&task.container_instance) {
            instance.tasks.retain(|known| known != arn);
            instance.stopped_tasks.insert(arn.clone());
        }
    }

    /// A task's host is gone under it. A task that had not STOPPED was cut off: that is what a
    /// drain is there to prevent. Where ECS does not notice, the task stays as it was in ECS's
    /// eyes.
    pub(crate) fn kill_task(&mut self, cluster: &str, arn: &TaskArn, noticed: bool) {
        let now = self.now;
        let Some(task) = self.task_mut(cluster, arn) else { return };
        if task.last_status == LastStatus::Stopped || task.host_gone {
            return;
        }
        task.host_gone = true;
        let killed = Occurrence::TaskKilled {
            task: arn.clone(),
            container_instance: task.container_instance.clone(),
            desired_status: task.desired_status,
            last_status: task.last_status,
        };
        let container_instance = task.container_instance.clone();
        let reserved =
            Some(Arc::clone(&task.definition)).filter(|_| task.desired_status == DesiredStatus::Running);
        if noticed {
            task.desired_status = DesiredStatus::Stopped;
            task.last_status = LastStatus::Stopped;
            task.stopping_at = task.stopping_at.or(Some(now));
            task.stopped_at = Some(now);
            task.stop_code = task.stop_code.or(Some(StopCode::TerminationNotice));
            task.timer = None;
            task.waits_for_agent = false;
            task.holds_host_resources = false;
            task.version += 1;
        }
        self.record(killed);
        if noticed {
            self.record(Occurrence::TaskStatus { task: arn.clone(), status: LastStatus::Stopped });
            let instance = self.container_instance_mut(cluster, &container_instance);
            if let (Some(instance), Some(definition)) = (instance, reserved) {
                instance.reserved.release(&definition);
            }
            self.remember_stopped(cluster, arn);
            self.task_changed(cluster, arn);
        }
    }

    pub(crate) fn forget_task(&mut self, cluster: &str, arn: &TaskArn) {
        let Some(found) = self.clusters.get_mut(cluster) else { return };
        let Some(task) = found.tasks.remove(arn) else { return };
        if let Some(instance) = found.container_instances.get_mut(&task.container_instance) {
            instance.stopped_tasks.remove(arn);
        }
        self.copy_later(cluster, |_| Some(Change::TaskForgotten(arn.clone())));
    }
}
