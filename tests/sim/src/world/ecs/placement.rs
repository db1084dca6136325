//! Which instances a task may go to: ACTIVE ones with their agent connected that meet the
//! constraints and have room.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::task::DesiredStatus;

use super::Cluster;
use super::constraint::PlacementConstraint;
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
const ATTRIBUTE: &str = "ATTRIBUTE";
const MEMBER_OF: &str = "MemberOf placement constraint unsatisfied";
const DISTINCT_INSTANCE: &str = "DistinctInstance placement constraint unsatisfied";

/// Most instances have no GPU at all, and never will: those that lack no more than CPU are closer.
const LEAST_FIRST: [&str; 8] = [DISTINCT_INSTANCE, PORTS, ENI, MEMORY, CPU, GPU, MEMBER_OF, ATTRIBUTE];

/// The most reserved host ports of an instance, the agent's own among them (API reference,
/// `PortMapping`).
const HOST_PORTS_MAX: u32 = 100;

/// What is placed: a task of a kind, for whoever wants it.
#[derive(Clone, Copy)]
pub(crate) struct Placing<'a> {
    pub(crate) definition: &'a TaskDefinition,
    /// None for a standalone task.
    pub(crate) service: Option<&'a Service>,
    /// The capacity provider that the task was given; none with a launch type.
    pub(crate) capacity_provider: Option<&'a str>,
}

impl<'a> Placing<'a> {
    pub(crate) fn standalone(definition: &'a TaskDefinition) -> Self {
        Self { definition, service: None, capacity_provider: None }
    }

    /// Returns whether an instance is one of the task's capacity provider.
    pub(crate) fn is_provided_by(&self, instance: &ContainerInstance) -> bool {
        self.capacity_provider.is_none_or(|wanted| instance.capacity_provider.as_deref() == Some(wanted))
    }

    /// Returns whether the task may be placed on an instance, whatever room there is.
    pub(crate) fn may_go_to(
        &self,
        cluster: &Cluster,
        instance: &ContainerInstance,
    ) -> Result<(), &'static str> {
        if !self.definition.runs_on(instance) {
            return Err(ATTRIBUTE);
        }
        if !self.definition.allows(cluster, instance) {
            return Err(MEMBER_OF);
        }
        let Some(service) = self.service else { return Ok(()) };
        let forbids =
            |constraint: &&PlacementConstraint| !constraint.allows(cluster, instance, &service.name);
        match service.placement_constraints.iter().find(forbids) {
            None => Ok(()),
            Some(PlacementConstraint::DistinctInstance) => Err(DISTINCT_INSTANCE),
            Some(PlacementConstraint::MemberOf(_)) => Err(MEMBER_OF),
        }
    }
}

/// The reason of the instance that lacks least.
pub(crate) fn least(lacking: &BTreeSet<&'static str>) -> &'static str {
    LEAST_FIRST.into_iter().find(|reason| lacking.contains(reason)).unwrap_or(NO_INSTANCES)
}

impl Cluster {
    /// Returns whether an instance meets a task's constraints and has room for it in ECS's eyes,
    /// whatever its status.
    pub(crate) fn has_room(
        &self,
        instance: &ContainerInstance,
        placing: &Placing<'_>,
    ) -> Result<(), &'static str> {
        let (reserved, definition) = (&instance.reserved, placing.definition);
        placing.may_go_to(self, instance)?;
        if reserved.gpus + definition.gpus > instance.registered.gpus {
            Err(GPU)
        } else if reserved.cpu.0 + definition.cpu.0 > instance.registered.cpu.0 {
            Err(CPU)
        } else if reserved.memory.0 + definition.memory.0 > instance.registered.memory.0 {
            Err(MEMORY)
        } else if self.port_taken(instance, definition, |task| task.desired_status == DesiredStatus::Running)
            || too_many_ports(instance, definition)
        {
            Err(PORTS)
        } else if definition.awsvpc && self.awsvpc_tasks(instance) >= instance.awsvpc_task_limit {
            // A task that is stopping holds its network interface, unlike all else, until it has
            // STOPPED.
            Err(ENI)
        } else {
            Ok(())
        }
    }

    /// Returns whether one of a task's ports is taken by the agent or by a task that counts.
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
        let placing =
            Placing { definition: &service.task_definition, service: Some(service), capacity_provider: None };
        let closest = instances.filter(|instance| self.has_room(instance, &placing) == Err(lacking));
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

fn too_many_ports(instance: &ContainerInstance, definition: &TaskDefinition) -> bool {
    let more = definition.host_ports();
    let ports = [&instance.registered.tcp_ports_taken, &instance.registered.udp_ports_taken];
    let agents = ports.map(|ports| u32::try_from(ports.len()).unwrap_or(u32::MAX));
    more > 0 && agents.iter().sum::<u32>() + instance.reserved.host_ports + more > HOST_PORTS_MAX
}

/// Returns whether ECS places tasks there.
pub(crate) fn takes_tasks(instance: &ContainerInstance) -> bool {
    instance.status == ContainerInstanceStatus::Active && instance.agent_connected
}
