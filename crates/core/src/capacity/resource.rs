//! The resources that can run out.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Serialize, Serializer};

use super::worst_case::WorstCaseContainer;
use crate::container_instance::{ContainerInstance, Port, Resources};
use crate::network_interfaces::task_network_interfaces;

/// A resource that can limit capacity. All that differs between two of them is in this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// CPU units.
    Cpu,
    /// Memory.
    Memory,
    /// Static TCP ports.
    TcpPorts,
    /// Static UDP ports.
    UdpPorts,
    /// Network interfaces of tasks (network mode `awsvpc`).
    NetworkInterfaces,
    /// GPUs.
    Gpus,
}

impl Resource {
    /// All of them. Where two bind alike, the one that stands first is named.
    pub const ALL: [Self; 6] =
        [Self::Cpu, Self::Memory, Self::TcpPorts, Self::UdpPorts, Self::NetworkInterfaces, Self::Gpus];

    /// Its name, as in the log and the answer.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "MEMORY",
            Self::TcpPorts => "TCP_PORTS",
            Self::UdpPorts => "UDP_PORTS",
            Self::NetworkInterfaces => "ENI",
            Self::Gpus => "GPU",
        }
    }

    /// The demands of `worst` on this resource; none where it does not use it.
    pub(super) fn demands(self, worst: &WorstCaseContainer) -> impl Iterator<Item = Demand> {
        worst.demands().filter(move |demand| demand.resource() == self)
    }
}

/// One thing that the worst-case container needs of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    Cpu(NonZeroU64),
    Memory(NonZeroU64),
    TcpPort(Port),
    UdpPort(Port),
    NetworkInterface,
    Gpus(NonZeroU64),
}

impl Demand {
    /// The resource that it is of.
    pub(super) fn resource(self) -> Resource {
        match self {
            Self::Cpu(_) => Resource::Cpu,
            Self::Memory(_) => Resource::Memory,
            Self::TcpPort(_) => Resource::TcpPorts,
            Self::UdpPort(_) => Resource::UdpPorts,
            Self::NetworkInterface => Resource::NetworkInterfaces,
            Self::Gpus(_) => Resource::Gpus,
        }
    }

    /// How often `free` and the network interfaces meet the demand. A host has each port once.
    /// Looking up the network interfaces of a host takes longer than all the rest, so that is done
    /// only on demand.
    fn times(self, free: &Resources, network_interfaces: impl FnOnce() -> u64) -> u64 {
        match self {
            Self::Cpu(units) => free.cpu.0 / units,
            Self::Memory(mib) => free.memory.0 / mib,
            Self::TcpPort(port) => u64::from(!free.tcp_ports_taken.contains(&port)),
            Self::UdpPort(port) => u64::from(!free.udp_ports_taken.contains(&port)),
            Self::NetworkInterface => network_interfaces(),
            Self::Gpus(gpus) => u64::from(free.gpus) / gpus,
        }
    }

    /// How often `host` meets it while nothing runs there.
    pub(super) fn when_empty(self, host: &ContainerInstance) -> u64 {
        self.times(&host.registered, || network_interfaces(host))
    }

    /// How often `host` meets it now, and never more often than when it is empty. A port that the
    /// agent keeps for itself is not free, whether or not ECS also lists it among those in use.
    pub(super) fn now(self, host: &ContainerInstance) -> u64 {
        let free = || network_interfaces(host).saturating_sub(network_interfaces_held(host));
        self.times(&host.remaining, free).min(self.when_empty(host))
    }
}

/// The network interfaces that a host has for tasks. One of a type that is not in the table has
/// none that could be promised.
fn network_interfaces(host: &ContainerInstance) -> u64 {
    task_network_interfaces(host).map_or(0, u64::from)
}

/// The network interfaces that a host's tasks hold; where they were not counted, each task may hold
/// one.
fn network_interfaces_held(host: &ContainerInstance) -> u64 {
    host.network_interfaces.map_or_else(|| host.tasks(), u64::from)
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl WorstCaseContainer {
    /// The resources that it uses, hence those that set a limit.
    pub fn resources(&self) -> impl Iterator<Item = Resource> {
        Resource::ALL.into_iter().filter(|resource| resource.demands(self).next().is_some())
    }

    /// All that it needs of one host, in the order of [`Resource::ALL`]. It is asked for each host:
    /// nothing is allocated.
    pub(super) fn demands(&self) -> impl Iterator<Item = Demand> {
        let needs = self.needs();
        let cpu = NonZeroU64::new(needs.cpu.0).map(Demand::Cpu);
        let memory = NonZeroU64::new(needs.memory.0).map(Demand::Memory);
        let tcp_ports = needs.tcp_ports.iter().copied().map(Demand::TcpPort);
        let udp_ports = needs.udp_ports.iter().copied().map(Demand::UdpPort);
        let network_interface = needs.network_interface.then_some(Demand::NetworkInterface);
        let gpus = NonZeroU64::new(needs.gpus.into()).map(Demand::Gpus);
        let amounts = cpu.into_iter().chain(memory);
        amounts.chain(tcp_ports).chain(udp_ports).chain(network_interface).chain(gpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::fixture::{host, worst};

    #[test]
    fn a_resource_that_the_worst_case_container_does_not_use_is_no_demand() {
        let demands: Vec<_> = worst(0, 400).demands().collect();
        assert_eq!(demands, [Demand::Memory(NonZeroU64::new(400).unwrap())]);
        assert_eq!(worst(0, 400).resources().collect::<Vec<_>>(), [Resource::Memory]);
    }

    #[test]
    fn a_port_that_the_agent_keeps_is_not_free_even_if_ecs_does_not_list_it_as_in_use() {
        let mut host = host(1024, 993);
        host.registered.tcp_ports_taken.insert(Port(22));
        let ssh = Demand::TcpPort(Port(22));
        assert_eq!((ssh.when_empty(&host), ssh.now(&host)), (0, 0));
    }
}
