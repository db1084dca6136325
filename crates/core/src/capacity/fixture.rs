//! Hosts and worst cases for the tests of this module.

use super::worst_case::WorstCaseContainer;
use crate::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Port,
};
use crate::task_needs::TaskNeeds;

/// An empty host: ACTIVE, connected, all free.
pub(super) fn host(cpu: u64, memory: u64) -> ContainerInstance {
    ContainerInstance::empty(cpu, memory)
}

/// A worst-case container without ports.
pub(super) fn worst(cpu: u64, memory: u64) -> WorstCaseContainer {
    WorstCaseContainer::new(TaskNeeds { cpu: CpuUnits(cpu), memory: Mib(memory), ..TaskNeeds::default() })
        .unwrap()
}

impl ContainerInstance {
    /// The same host with only this much left.
    pub(super) fn with_left(mut self, cpu: u64, memory: u64) -> Self {
        (self.remaining.cpu, self.remaining.memory) = (CpuUnits(cpu), Mib(memory));
        self
    }

    /// The same host where a task has this TCP port.
    pub(super) fn with_tcp_in_use(mut self, port: u16) -> Self {
        self.remaining.tcp_ports_taken.insert(Port(port));
        self
    }

    /// The same host in another status.
    pub(super) fn with_status(mut self, status: ContainerInstanceStatus) -> Self {
        self.status = status;
        self
    }

    /// The same host by another EC2 instance id.
    pub(super) fn named(mut self, ec2_instance_id: &str) -> Self {
        ec2_instance_id.clone_into(&mut self.ec2_instance_id);
        self.arn = ContainerInstanceArn(format!("arn:{ec2_instance_id}"));
        self
    }
}

impl WorstCaseContainer {
    /// The same container with a network interface of its own.
    pub(super) fn with_network_interface(&self) -> Self {
        Self::new(TaskNeeds { network_interface: true, ..self.needs().clone() }).unwrap()
    }

    /// The same container that takes these TCP ports.
    pub(super) fn with_tcp<const N: usize>(&self, ports: [u16; N]) -> Self {
        Self::new(TaskNeeds { tcp_ports: ports.map(Port).into(), ..self.needs().clone() }).unwrap()
    }
}
