//! The worst-case container.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::container_instance::{CpuUnits, Mib, Port};

/// What the most demanding container needs, resource by resource: every figure counts how often this one fits.
///
/// A resource of which it needs nothing sets no limit. One that needs nothing at all would fit without end, so that it
/// cannot be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCase {
    cpu: CpuUnits,
    memory: Mib,
    tcp_ports: BTreeSet<Port>,
    udp_ports: BTreeSet<Port>,
}

/// A worst case that needs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a worst-case container that needs no resource at all fits without end")]
pub struct UsesNothing;

impl WorstCase {
    /// The container that needs this much CPU and memory, and these static host ports.
    pub fn new(
        cpu: CpuUnits,
        memory: Mib,
        tcp_ports: BTreeSet<Port>,
        udp_ports: BTreeSet<Port>,
    ) -> Result<Self, UsesNothing> {
        let worst = Self { cpu, memory, tcp_ports, udp_ports };
        if worst.resources().next().is_some() { Ok(worst) } else { Err(UsesNothing) }
    }

    /// CPU units that it reserves.
    #[must_use]
    pub fn cpu(&self) -> CpuUnits {
        self.cpu
    }

    /// Memory that it reserves.
    #[must_use]
    pub fn memory(&self) -> Mib {
        self.memory
    }

    /// Static TCP ports of its host that it takes.
    #[must_use]
    pub fn tcp_ports(&self) -> &BTreeSet<Port> {
        &self.tcp_ports
    }

    /// Static UDP ports of its host that it takes.
    #[must_use]
    pub fn udp_ports(&self) -> &BTreeSet<Port> {
        &self.udp_ports
    }
}

/// `250 CPU units, 400 MiB, TCP 80 443`.
impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU units, {} MiB", self.cpu.0, self.memory.0)?;
        write_ports(f, ", TCP", &self.tcp_ports)?;
        write_ports(f, ", UDP", &self.udp_ports)
    }
}

impl Serialize for WorstCase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn write_ports(f: &mut fmt::Formatter<'_>, title: &str, ports: &BTreeSet<Port>) -> fmt::Result {
    if !ports.is_empty() {
        f.write_str(title)?;
    }
    ports.iter().try_for_each(|port| write!(f, " {}", port.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_needs_nothing_cannot_be_built() {
        let none = BTreeSet::new;
        assert_eq!(WorstCase::new(CpuUnits(0), Mib(0), none(), none()), Err(UsesNothing));
        assert!(WorstCase::new(CpuUnits(0), Mib(0), none(), BTreeSet::from([Port(53)])).is_ok());
    }

    #[test]
    fn it_reads_as_one_would_say_it() {
        let ports = |ports: &[u16]| ports.iter().copied().map(Port).collect();
        let worst = WorstCase::new(CpuUnits(250), Mib(400), ports(&[443, 80]), ports(&[53])).unwrap();
        assert_eq!(worst.to_string(), "250 CPU units, 400 MiB, TCP 80 443, UDP 53");
    }
}
