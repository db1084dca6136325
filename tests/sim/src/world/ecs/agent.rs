//! The agent on an instance: it starts what ECS placed there once the host really has room.
//!
//! To place more at once, ECS counts a task's resources as free as soon as the task is being
//! stopped. The agent does not: a task that comes too early stays PENDING until those before it
//! have STOPPED. This is task resource accounting, of agent 1.73 (July 2023). Before, the agent
//! waited for all stopping tasks.

use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::Cluster;
use super::container_instance::ContainerInstance;
use super::task::{LastStatus, Task};
use super::task_definition::TaskDefinition;
use crate::world::World;

impl World {
    /// Starts the tasks that wait on an instance, in the order of their placement, as far as there
    /// is room.
    pub(crate) fn start_waiting_tasks(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        while let Some((task, pending_seconds)) =
            self.clusters.get(cluster).and_then(|c| c.next_to_start(arn))
        {
            if let Some(task) = self.task_mut(cluster, &task) {
                task.holds_host_resources = true;
            }
            self.start_timer(cluster, &task, pending_seconds);
        }
    }

    /// An instance's agent is connected again: what waited for it happens.
    pub(crate) fn agent_is_back(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let found = self.clusters.get(cluster).and_then(|cluster| cluster.container_instances.get(arn));
        for task in found.map(|instance| instance.tasks.clone()).unwrap_or_default() {
            let Some(task) = self.task_mut(cluster, &task) else { continue };
            if std::mem::take(&mut task.waits_for_agent) {
                let task = task.arn.clone();
                self.step(cluster, &task);
            }
        }
        self.start_waiting_tasks(cluster, arn);
    }

    pub(crate) fn agent_connected(&self, cluster: &str, arn: &ContainerInstanceArn) -> bool {
        let instance = self.clusters.get(cluster).and_then(|cluster| cluster.container_instances.get(arn));
        instance.is_some_and(|instance| instance.agent_connected)
    }
}

impl Cluster {
    /// The first task that waits on an instance, if there is room for it, and how long it takes to
    /// start.
    fn next_to_start(&self, arn: &ContainerInstanceArn) -> Option<(TaskArn, u32)> {
        let instance = self.container_instances.get(arn).filter(|instance| instance.agent_connected)?;
        let first = self.tasks_on(instance).find(|task| waits(task))?;
        let fits = self.really_fits(instance, &first.definition);
        fits.then(|| (first.arn.clone(), first.definition.pending_seconds))
    }

    /// Returns whether there is room beside the tasks that hold the host's resources.
    fn really_fits(&self, instance: &ContainerInstance, definition: &TaskDefinition) -> bool {
        let holding = self.tasks_on(instance).filter(|task| task.holds_host_resources);
        let own = (definition.cpu.0, definition.memory.0, definition.gpus);
        let (cpu, memory, gpus) = holding.fold(own, |(cpu, memory, gpus), task| {
            let other = &task.definition;
            (cpu + other.cpu.0, memory + other.memory.0, gpus + other.gpus)
        });
        cpu <= instance.registered.cpu.0
            && memory <= instance.registered.memory.0
            && gpus <= instance.registered.gpus
            && !self.port_taken(instance, definition, |task| task.holds_host_resources)
    }
}

fn waits(task: &Task) -> bool {
    !task.holds_host_resources
        && (task.desired_status, task.last_status) == (DesiredStatus::Running, LastStatus::Pending)
}
