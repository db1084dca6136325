//! Where a task goes: an ACTIVE instance with its agent connected that meets the task's constraint and has room for it,
//! the one with the fewest tasks, then the first by ARN.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::task::DesiredStatus;

use super::Cluster;
use super::container_instance::ContainerInstance;
use super::task::Task;
use super::task_definition::TaskDefinition;

/// Why nothing had room, as ECS's events and failures put it.
const NO_INSTANCES: &str = "NO_CONTAINER_INSTANCES";
const CPU: &str = "RESOURCE:CPU";
const MEMORY: &str = "RESOURCE:MEMORY";
const PORTS: &str = "RESOURCE:PORTS";
const ENI: &str = "RESOURCE:ENI";
const MEMBER_OF: &str = "MemberOf placement constraint unsatisfied";

/// The instances that may take tasks of one kind, those with the fewest tasks first. While they are being placed room
/// only shrinks: an instance without is not asked again, so that thousands of tasks find their place quickly.
pub(crate) struct Candidates {
    instances: BTreeSet<(usize, ContainerInstanceArn)>,
    lacking: BTreeMap<&'static str, BTreeSet<ContainerInstanceArn>>,
}

/// Nothing had room for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unplaceable {
    /// What the instances that match best lack.
    pub(crate) reason: &'static str,
    /// Those instances.
    pub(crate) closest: BTreeSet<ContainerInstanceArn>,
}

impl Candidates {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let instances = cluster.container_instances.values().filter(|instance| takes_tasks(instance));
        let counted = instances.map(|instance| (instance.wanted_tasks, instance.arn.clone()));
        Self { instances: counted.collect(), lacking: BTreeMap::new() }
    }

    /// One instance and no other.
    pub(crate) fn only(instance: ContainerInstanceArn) -> Self {
        Self { instances: BTreeSet::from([(0, instance)]), lacking: BTreeMap::new() }
    }

    /// The instance for one more task. The reason, where there is none, is that of the instance that lacks least.
    pub(crate) fn place(
        &mut self,
        cluster: &Cluster,
        definition: &TaskDefinition,
    ) -> Result<ContainerInstanceArn, Unplaceable> {
        while let Some((tasks, arn)) = self.instances.pop_first() {
            let Some(instance) = cluster.container_instances.get(&arn) else { continue };
            match cluster.has_room(instance, definition) {
                Ok(()) => {
                    self.instances.insert((tasks + 1, arn.clone()));
                    return Ok(arn);
                }
                Err(reason) => self.lacking.entry(reason).or_default().insert(arn),
            };
        }
        let least = [PORTS, ENI, MEMORY, CPU, MEMBER_OF].into_iter().find_map(|reason| {
            let closest = self.lacking.get(reason)?.clone();
            Some(Unplaceable { reason, closest })
        });
        Err(least.unwrap_or(Unplaceable { reason: NO_INSTANCES, closest: BTreeSet::new() }))
    }
}

impl Cluster {
    /// Whether an instance meets a task's constraint and has room for it in ECS's eyes, whatever its status.
    pub(crate) fn has_room(
        &self,
        instance: &ContainerInstance,
        definition: &TaskDefinition,
    ) -> Result<(), &'static str> {
        if !definition.may_go_to(instance) {
            return Err(MEMBER_OF);
        }
        if let Some(lacking) = self.lacks(instance, definition, counted) {
            return Err(lacking);
        }
        // A task that is stopping holds its network interface, unlike all else, until it has STOPPED.
        if definition.awsvpc && self.awsvpc_tasks(instance) >= instance.awsvpc_task_limit {
            return Err(ENI);
        }
        Ok(())
    }

    /// What an instance lacks for one more task beside those that count.
    pub(crate) fn lacks(
        &self,
        instance: &ContainerInstance,
        definition: &TaskDefinition,
        counts: impl Fn(&Task) -> bool,
    ) -> Option<&'static str> {
        let (mut cpu, mut memory) = (definition.cpu.0, definition.memory.0);
        let mut port_taken = !instance.registered.tcp_ports_taken.is_disjoint(definition.host_tcp_ports())
            || !instance.registered.udp_ports_taken.is_disjoint(definition.host_udp_ports());
        for other in self.tasks_on(instance).filter(|task| counts(task)).map(|task| &task.definition) {
            cpu += other.cpu.0;
            memory += other.memory.0;
            port_taken |= !other.host_tcp_ports().is_disjoint(definition.host_tcp_ports())
                || !other.host_udp_ports().is_disjoint(definition.host_udp_ports());
        }
        if cpu > instance.registered.cpu.0 {
            Some(CPU)
        } else if memory > instance.registered.memory.0 {
            Some(MEMORY)
        } else if port_taken {
            Some(PORTS)
        } else {
            None
        }
    }
}

impl TaskDefinition {
    /// Whether an instance meets its constraint.
    pub(crate) fn may_go_to(&self, instance: &ContainerInstance) -> bool {
        let constraint = self.placement_constraint.as_ref();
        constraint.is_none_or(|constraint| constraint.includes(&instance.attributes))
    }
}

/// A task that ECS counts as there: one that it is stopping is not.
fn counted(task: &Task) -> bool {
    task.desired_status == DesiredStatus::Running
}

/// Whether ECS places tasks there.
pub(crate) fn takes_tasks(instance: &ContainerInstance) -> bool {
    instance.status == ContainerInstanceStatus::Active && instance.agent_connected
}
