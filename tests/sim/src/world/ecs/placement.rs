//! Where a task goes: an ACTIVE instance with its agent connected that meets the task's constraint and has room for it,
//! the one with the fewest tasks, then the first by ARN.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::task::DesiredStatus;

use super::Cluster;
use super::container_instance::ContainerInstance;
use super::service::{SchedulingStrategy, Service};
use super::task::Task;
use super::task_definition::TaskDefinition;

/// Why nothing had room, as ECS's events and failures put it.
const NO_INSTANCES: &str = "NO_CONTAINER_INSTANCES";
const CPU: &str = "RESOURCE:CPU";
const MEMORY: &str = "RESOURCE:MEMORY";
const PORTS: &str = "RESOURCE:PORTS";
const ENI: &str = "RESOURCE:ENI";
const GPU: &str = "RESOURCE:GPU";
const MEMBER_OF: &str = "MemberOf placement constraint unsatisfied";

/// The instances that have room for a task of one kind, those with the fewest tasks first. While they are being placed
/// room only shrinks: an instance without is not asked again, so that thousands of tasks find their place quickly.
pub(crate) struct Candidates {
    instances: BTreeSet<(u32, ContainerInstanceArn)>,
    lacking: BTreeSet<&'static str>,
}

impl Candidates {
    pub(crate) fn of(cluster: &Cluster, definition: &TaskDefinition) -> Self {
        Self::among(cluster, definition, cluster.container_instances.values())
    }

    /// One instance and no other.
    pub(crate) fn only(cluster: &Cluster, definition: &TaskDefinition, arn: &ContainerInstanceArn) -> Self {
        Self::among(cluster, definition, cluster.container_instances.get(arn))
    }

    fn among<'a>(
        cluster: &Cluster,
        definition: &TaskDefinition,
        instances: impl IntoIterator<Item = &'a ContainerInstance>,
    ) -> Self {
        let mut candidates = Self { instances: BTreeSet::new(), lacking: BTreeSet::new() };
        for instance in instances.into_iter().filter(|instance| takes_tasks(instance)) {
            match cluster.has_room(instance, definition) {
                Ok(()) => {
                    candidates.instances.insert((instance.reserved.tasks, instance.arn.clone()));
                }
                Err(reason) => {
                    candidates.lacking.insert(reason);
                }
            }
        }
        candidates
    }

    /// The instance for one more task. The reason, where there is none, is that of the instance that lacks least.
    pub(crate) fn place(
        &mut self,
        cluster: &Cluster,
        definition: &TaskDefinition,
    ) -> Result<ContainerInstanceArn, &'static str> {
        while let Some((tasks, arn)) = self.instances.pop_first() {
            let Some(instance) = cluster.container_instances.get(&arn) else { continue };
            match cluster.has_room(instance, definition) {
                Ok(()) => {
                    self.instances.insert((tasks + 1, arn.clone()));
                    return Ok(arn);
                }
                Err(reason) => self.lacking.insert(reason),
            };
        }
        // Most instances have no GPU at all, and never will: those that lack no more than CPU are closer.
        let least = [PORTS, ENI, MEMORY, CPU, GPU, MEMBER_OF]
            .into_iter()
            .find(|reason| self.lacking.contains(reason));
        Err(least.unwrap_or(NO_INSTANCES))
    }
}

impl Cluster {
    /// Whether an instance meets a task's constraint and has room for it in ECS's eyes, whatever its status.
    pub(crate) fn has_room(
        &self,
        instance: &ContainerInstance,
        definition: &TaskDefinition,
    ) -> Result<(), &'static str> {
        let reserved = &instance.reserved;
        if !definition.may_go_to(instance) {
            Err(MEMBER_OF)
        } else if reserved.gpus + definition.gpus > instance.registered.gpus {
            Err(GPU)
        } else if reserved.cpu.0 + definition.cpu.0 > instance.registered.cpu.0 {
            Err(CPU)
        } else if reserved.memory.0 + definition.memory.0 > instance.registered.memory.0 {
            Err(MEMORY)
        } else if self.port_taken(instance, definition, |task| task.desired_status == DesiredStatus::Running)
        {
            Err(PORTS)
        } else if definition.awsvpc && self.awsvpc_tasks(instance) >= instance.awsvpc_task_limit {
            // A task that is stopping holds its network interface, unlike all else, until it has STOPPED.
            Err(ENI)
        } else {
            Ok(())
        }
    }

    /// Whether one of a task's ports is taken by the agent or by a task that counts.
    pub(crate) fn port_taken(
        &self,
        instance: &ContainerInstance,
        definition: &TaskDefinition,
        counts: impl Fn(&Task) -> bool,
    ) -> bool {
        let (tcp, udp) = (definition.host_tcp_ports(), definition.host_udp_ports());
        if tcp.is_empty() && udp.is_empty() {
            return false;
        }
        let registered = &instance.registered;
        !registered.tcp_ports_taken.is_disjoint(tcp)
            || !registered.udp_ports_taken.is_disjoint(udp)
            || self.tasks_on(instance).filter(|task| counts(task)).any(|task| {
                let other = &task.definition;
                !other.host_tcp_ports().is_disjoint(tcp) || !other.host_udp_ports().is_disjoint(udp)
            })
    }

    /// The instances that match a service's task best, and lack this.
    pub(crate) fn closest(&self, service: &Service, lacking: &'static str) -> Vec<ContainerInstanceArn> {
        let instances = self.container_instances.values().filter(|instance| takes_tasks(instance));
        let closest =
            instances.filter(|instance| self.has_room(instance, &service.task_definition) == Err(lacking));
        // A DAEMON service wants no second task where it has one.
        let wants = |instance: &&ContainerInstance| match service.scheduling_strategy {
            SchedulingStrategy::Replica => true,
            SchedulingStrategy::Daemon => {
                !self.tasks_on(instance).any(|task| task.service.as_ref() == Some(&service.name))
            }
        };
        closest.filter(wants).map(|instance| instance.arn.clone()).collect()
    }
}

impl TaskDefinition {
    /// Whether an instance meets its constraint.
    pub(crate) fn may_go_to(&self, instance: &ContainerInstance) -> bool {
        let constraint = self.placement_constraint.as_ref();
        constraint.is_none_or(|constraint| constraint.includes(&instance.attributes))
    }
}

/// Whether ECS places tasks there.
pub(crate) fn takes_tasks(instance: &ContainerInstance) -> bool {
    instance.status == ContainerInstanceStatus::Active && instance.agent_connected
}
