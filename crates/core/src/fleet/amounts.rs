//! Amounts of resources: those that a task takes of a host, and those that the host has.

use crate::container_instance::{ContainerInstance, Port, Resources};
use crate::network_interfaces::task_network_interfaces;
use crate::task_needs::TaskNeeds;

/// The host ports that ECS lets tasks and the agent reserve on one instance (API reference,
/// `PortMapping.hostPort`).
const HOST_PORTS_MAX: u64 = 100;

/// How many resources there are.
pub(super) const RESOURCES: usize = 5;

/// Their names, in the order of [`Amounts`].
pub(super) const NAMES: [&str; RESOURCES] = ["CPU", "MEMORY", "GPU", "ENI", "PORTS"];

/// An amount of each resource that adds up: CPU units, MiB, GPUs, network interfaces, and host
/// ports by their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Amounts(pub(super) [u64; RESOURCES]);

impl Amounts {
    /// The amounts that a task takes.
    pub(super) fn needed(needs: &TaskNeeds) -> Self {
        let ports = count(needs.tcp_ports.len() + needs.udp_ports.len());
        Self([needs.cpu.0, needs.memory.0, needs.gpus.into(), needs.network_interface.into(), ports])
    }

    /// The amounts that a host has for tasks, were none there.
    pub(super) fn registered(host: &ContainerInstance, network_interfaces: u64) -> Self {
        Self::of(&host.registered, &host.registered, network_interfaces)
    }

    /// The amounts that a host has for further tasks.
    pub(super) fn remaining(host: &ContainerInstance, network_interfaces: u64) -> Self {
        let held = host.network_interfaces.map_or_else(|| host.tasks(), u64::from);
        let free = Self::of(&host.remaining, &host.registered, network_interfaces.saturating_sub(held));
        free.at_most(&Self::registered(host, network_interfaces))
    }

    fn of(free: &Resources, registered: &Resources, network_interfaces: u64) -> Self {
        let taken = free.tcp_ports_taken.union(&registered.tcp_ports_taken).count()
            + free.udp_ports_taken.union(&registered.udp_ports_taken).count();
        let ports = HOST_PORTS_MAX.saturating_sub(count(taken));
        Self([free.cpu.0, free.memory.0, free.gpus.into(), network_interfaces, ports])
    }

    /// Returns whether `free` has these amounts.
    pub(super) fn fit_in(&self, free: &Self) -> bool {
        self.0.iter().zip(free.0).all(|(needed, free)| *needed <= free)
    }

    /// The first resource of which `free` has too little.
    pub(super) fn lacking_in(&self, free: &Self) -> Option<&'static str> {
        let lacking = self.0.iter().zip(free.0).position(|(needed, free)| *needed > free)?;
        NAMES.get(lacking).copied()
    }

    /// The sum, resource by resource.
    pub(super) fn plus(&self, other: &Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// The difference, resource by resource, at least 0.
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    /// The lesser of both, resource by resource.
    pub(super) fn at_most(&self, other: &Self) -> Self {
        self.each(other, u64::min)
    }

    /// The greater of both, resource by resource.
    pub(super) fn at_least(&self, other: &Self) -> Self {
        self.each(other, u64::max)
    }

    fn each(&self, other: &Self, of: impl Fn(u64, u64) -> u64) -> Self {
        let mut amounts = self.0;
        for (amount, other) in amounts.iter_mut().zip(other.0) {
            *amount = of(*amount, other);
        }
        Self(amounts)
    }
}

/// The network interfaces that a host has for tasks; none where its type is not in the table.
pub(super) fn known_network_interfaces(host: &ContainerInstance) -> Option<u64> {
    task_network_interfaces(host).map(u64::from)
}

/// A static port of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostPort {
    Tcp(Port),
    Udp(Port),
}

/// The static ports that a task takes.
pub(super) fn host_ports(needs: &TaskNeeds) -> Vec<HostPort> {
    let tcp = needs.tcp_ports.iter().copied().map(HostPort::Tcp);
    tcp.chain(needs.udp_ports.iter().copied().map(HostPort::Udp)).collect()
}

/// Returns whether a port is taken.
pub(super) fn is_taken(port: HostPort, by: &Resources) -> bool {
    match port {
        HostPort::Tcp(port) => by.tcp_ports_taken.contains(&port),
        HostPort::Udp(port) => by.udp_ports_taken.contains(&port),
    }
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
