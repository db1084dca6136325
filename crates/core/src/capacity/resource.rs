//! The resources that can run out.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::worst_case::WorstCase;
use crate::container_instance::{ContainerInstance, Port, Resources};

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
}

impl Resource {
    /// All of them. Where two bind alike, the one that stands first is named.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::TcpPorts, Self::UdpPorts];

    /// Its name, as in the metrics' dimension `Resource`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "MEMORY",
            Self::TcpPorts => "TCP_PORTS",
            Self::UdpPorts => "UDP_PORTS",
        }
    }

    /// How many of `worst` fit into `free`, as far as this resource goes; none where `worst` does not use it.
    fn times(self, worst: &WorstCase, free: &Resources) -> Option<u64> {
        match self {
            Self::Cpu => free.cpu.0.checked_div(worst.cpu().0),
            Self::Memory => free.memory.0.checked_div(worst.memory().0),
            Self::TcpPorts => once(worst.tcp_ports(), &free.tcp_ports_taken),
            Self::UdpPorts => once(worst.udp_ports(), &free.udp_ports_taken),
        }
    }
}

/// A host has each port once. A container takes all of its ports on one host, so that the scarcest of them counts.
fn once(wanted: &BTreeSet<Port>, taken: &BTreeSet<Port>) -> Option<u64> {
    (!wanted.is_empty()).then(|| u64::from(wanted.is_disjoint(taken)))
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

impl WorstCase {
    /// The resources that it uses, hence those that set a limit.
    pub fn resources(&self) -> impl Iterator<Item = Resource> {
        Resource::ALL.into_iter().filter(|resource| resource.times(self, &Resources::default()).is_some())
    }
}

/// One host's room for the worst case, as far as one resource goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// The resource.
    pub(super) resource: Resource,
    /// What fits on the host while nothing runs on it.
    pub(super) when_empty: u64,
    /// What fits now.
    pub(super) now: u64,
}

/// The room on `host`, one entry for each resource that `worst` uses.
///
/// No host has more room now than when it is empty: a port that the agent keeps for itself is not to be had, whether
/// or not ECS also lists it among those in use.
pub(super) fn rooms(host: &ContainerInstance, worst: &WorstCase) -> impl Iterator<Item = Room> {
    Resource::ALL.into_iter().filter_map(|resource| {
        let when_empty = resource.times(worst, &host.registered)?;
        let now = resource.times(worst, &host.remaining)?.min(when_empty);
        Some(Room { resource, when_empty, now })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::made_up::{host, worst};

    #[test]
    fn a_resource_that_the_worst_case_does_not_use_sets_no_limit() {
        let rooms: Vec<_> = rooms(&host(1024, 993), &worst(0, 400)).collect();
        assert_eq!(rooms, [Room { resource: Resource::Memory, when_empty: 2, now: 2 }]);
    }

    #[test]
    fn a_port_that_the_agent_keeps_is_not_to_be_had_even_if_ecs_does_not_list_it_as_in_use() {
        let mut host = host(1024, 993);
        host.registered.tcp_ports_taken.insert(Port(22));
        let ssh = worst(0, 400).with_tcp([22]);
        let tcp = rooms(&host, &ssh).find(|room| room.resource == Resource::TcpPorts).unwrap();
        assert_eq!((tcp.when_empty, tcp.now), (0, 0));
    }

    #[test]
    fn one_taken_port_of_several_leaves_no_room() {
        let mut host = host(1024, 993);
        host.remaining.tcp_ports_taken.insert(Port(443));
        let web = worst(250, 400).with_tcp([80, 443]);
        let tcp = rooms(&host, &web).find(|room| room.resource == Resource::TcpPorts).unwrap();
        assert_eq!((tcp.when_empty, tcp.now), (1, 0));
    }
}
