//! The worst-case container.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::container_instance::Port;
use crate::task_needs::TaskNeeds;

/// What the most demanding container needs, resource by resource: every figure counts how often
/// this one fits.
///
/// A resource of which it needs nothing sets no limit. One that needs nothing at all would fit
/// without end, so that it cannot be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCaseContainer(TaskNeeds);

/// A worst-case container that needs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a worst-case container that needs no resource at all fits without end")]
pub struct UsesNothing;

impl WorstCaseContainer {
    /// The container that needs this much.
    pub fn new(needs: TaskNeeds) -> Result<Self, UsesNothing> {
        if needs == TaskNeeds::default() { Err(UsesNothing) } else { Ok(Self(needs)) }
    }

    /// The container's needs.
    #[must_use]
    pub fn needs(&self) -> &TaskNeeds {
        &self.0
    }

    /// The container that needs of each resource the most of either, and the ports of both.
    #[must_use]
    pub fn most(self, other: &Self) -> Self {
        Self(TaskNeeds {
            cpu: self.0.cpu.max(other.0.cpu),
            memory: self.0.memory.max(other.0.memory),
            tcp_ports: &self.0.tcp_ports | &other.0.tcp_ports,
            udp_ports: &self.0.udp_ports | &other.0.udp_ports,
            network_interface: self.0.network_interface || other.0.network_interface,
            gpus: self.0.gpus.max(other.0.gpus),
        })
    }
}

/// `250 CPU units, 400 MiB, TCP 80 443, a network interface, 1 GPUs`.
impl fmt::Display for WorstCaseContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU units, {} MiB", self.0.cpu.0, self.0.memory.0)?;
        write_ports(f, ", TCP", &self.0.tcp_ports)?;
        write_ports(f, ", UDP", &self.0.udp_ports)?;
        if self.0.network_interface {
            f.write_str(", a network interface")?;
        }
        if self.0.gpus > 0 { write!(f, ", {} GPUs", self.0.gpus) } else { Ok(()) }
    }
}

impl Serialize for WorstCaseContainer {
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
    use crate::capacity::fixture::worst;

    #[test]
    fn one_that_needs_nothing_cannot_be_built() {
        assert_eq!(WorstCaseContainer::new(TaskNeeds::default()), Err(UsesNothing));
        assert!(
            WorstCaseContainer::new(TaskNeeds { udp_ports: [Port(53)].into(), ..TaskNeeds::default() })
                .is_ok()
        );
    }

    #[test]
    fn it_reads_as_one_would_say_it() {
        let needs =
            TaskNeeds { udp_ports: [Port(53)].into(), ..worst(250, 400).with_tcp([443, 80]).needs().clone() };
        let said = |needs: &TaskNeeds| WorstCaseContainer::new(needs.clone()).unwrap().to_string();
        assert_eq!(said(&needs), "250 CPU units, 400 MiB, TCP 80 443, UDP 53");
        let needs = TaskNeeds { network_interface: true, gpus: 2, ..needs };
        assert!(said(&needs).ends_with("UDP 53, a network interface, 2 GPUs"));
    }
}
