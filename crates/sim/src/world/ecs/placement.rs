//! Where a task goes: an ACTIVE instance with its agent connected and room for it, the one with the fewest tasks.

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Resources};

use super::Cluster;
use super::container_instance::ContainerInstance;
use super::task::LastStatus;
use super::task_definition::TaskDefinition;

/// Why nothing had room, as ECS's events and failures put it.
const NO_INSTANCES: &str = "NO_CONTAINER_INSTANCES";
const CPU: &str = "RESOURCE:CPU";
const MEMORY: &str = "RESOURCE:MEMORY";
const PORTS: &str = "RESOURCE:PORTS";

impl Cluster {
    /// The instance for one more task: the fewest tasks, then the first ARN. The reason, where there is none, is that
    /// of the instance that lacks least.
    pub(crate) fn place(&self, definition: &TaskDefinition) -> Result<ContainerInstanceArn, &'static str> {
        let mut best: Option<(usize, &ContainerInstance)> = None;
        let mut reasons = Vec::new();
        for instance in self.container_instances.values().filter(|instance| takes_tasks(instance)) {
            if let Some(reason) = lacks(&self.remaining(instance), definition) {
                reasons.push(reason);
                continue;
            }
            let tasks = self.unstopped_tasks(instance);
            if best.is_none_or(|(fewest, _)| tasks < fewest) {
                best = Some((tasks, instance));
            }
        }
        match best {
            Some((_, instance)) => Ok(instance.arn.clone()),
            None => {
                Err([PORTS, MEMORY, CPU].into_iter().find(|r| reasons.contains(r)).unwrap_or(NO_INSTANCES))
            }
        }
    }

    /// Whether an instance has room for a task, whatever its status.
    pub(crate) fn has_room(
        &self,
        instance: &ContainerInstance,
        definition: &TaskDefinition,
    ) -> Result<(), &'static str> {
        lacks(&self.remaining(instance), definition).map_or(Ok(()), Err)
    }

    pub(crate) fn unstopped_tasks(&self, instance: &ContainerInstance) -> usize {
        let tasks = instance.tasks.iter().filter_map(|arn| self.tasks.get(arn));
        tasks.filter(|task| task.last_status != LastStatus::Stopped).count()
    }
}

fn takes_tasks(instance: &ContainerInstance) -> bool {
    instance.status == ContainerInstanceStatus::Active && instance.agent_connected
}

fn lacks(remaining: &Resources, definition: &TaskDefinition) -> Option<&'static str> {
    if remaining.cpu < definition.cpu {
        Some(CPU)
    } else if remaining.memory < definition.memory {
        Some(MEMORY)
    } else if !remaining.tcp_ports_taken.is_disjoint(&definition.tcp_ports)
        || !remaining.udp_ports_taken.is_disjoint(&definition.udp_ports)
    {
        Some(PORTS)
    } else {
        None
    }
}
