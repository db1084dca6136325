//! The given part of the worst-case container: it wins over discovery.

use std::collections::BTreeSet;

use crate::container_instance::{CpuUnits, Mib, Port};
use crate::task_needs::TaskNeeds;

/// The worst-case container by resource, as the settings give it. The calculator discovers the
/// resources that are None.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// CPU units that it reserves.
    pub cpu: Option<CpuUnits>,
    /// Memory that it reserves.
    pub memory: Option<Mib>,
    /// Static TCP ports of its host that it takes.
    pub tcp_ports: Option<BTreeSet<Port>>,
    /// Static UDP ports of its host that it takes.
    pub udp_ports: Option<BTreeSet<Port>>,
    /// True if the container has a network interface of its own.
    pub network_interface: Option<bool>,
    /// GPUs that it reserves.
    pub gpus: Option<u32>,
}

impl Given {
    /// Returns whether the settings give every resource, so that discovery has nothing to add.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let Self { cpu, memory, tcp_ports, udp_ports, network_interface, gpus } = self;
        let ports = tcp_ports.is_some() && udp_ports.is_some();
        cpu.is_some() && memory.is_some() && ports && network_interface.is_some() && gpus.is_some()
    }

    /// Returns whether the settings give no resource that the container needs.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.over(TaskNeeds::default()) == TaskNeeds::default()
    }

    /// `needs`, where nothing else is given.
    pub(super) fn over(&self, needs: TaskNeeds) -> TaskNeeds {
        let given = self.clone();
        TaskNeeds {
            cpu: given.cpu.unwrap_or(needs.cpu),
            memory: given.memory.unwrap_or(needs.memory),
            tcp_ports: given.tcp_ports.unwrap_or(needs.tcp_ports),
            udp_ports: given.udp_ports.unwrap_or(needs.udp_ports),
            network_interface: given.network_interface.unwrap_or(needs.network_interface),
            gpus: given.gpus.unwrap_or(needs.gpus),
        }
    }

    /// What is left of `needs` to discover: nothing of what is given.
    pub(super) fn left_of(&self, needs: TaskNeeds) -> TaskNeeds {
        let nothing = TaskNeeds::default();
        TaskNeeds {
            cpu: if self.cpu.is_some() { nothing.cpu } else { needs.cpu },
            memory: if self.memory.is_some() { nothing.memory } else { needs.memory },
            tcp_ports: if self.tcp_ports.is_some() { nothing.tcp_ports } else { needs.tcp_ports },
            udp_ports: if self.udp_ports.is_some() { nothing.udp_ports } else { needs.udp_ports },
            network_interface: self.network_interface.is_none() && needs.network_interface,
            gpus: if self.gpus.is_some() { nothing.gpus } else { needs.gpus },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> (TaskNeeds, Given) {
        let needs = TaskNeeds {
            cpu: CpuUnits(1),
            memory: Mib(2),
            tcp_ports: [Port(80)].into(),
            udp_ports: [Port(53)].into(),
            network_interface: true,
            gpus: 1,
        };
        let given = Given {
            cpu: Some(CpuUnits(7)),
            memory: Some(Mib(0)),
            tcp_ports: Some([Port(443)].into()),
            udp_ports: Some(BTreeSet::new()),
            network_interface: Some(false),
            gpus: Some(0),
        };
        (needs, given)
    }

    #[test]
    fn what_is_given_wins_and_nothing_of_it_is_discovered() {
        let (needs, given) = everything();
        assert!(given.is_all());
        let worst = TaskNeeds { cpu: CpuUnits(7), tcp_ports: [Port(443)].into(), ..TaskNeeds::default() };
        assert_eq!(given.over(needs.clone()), worst);
        assert_eq!(given.left_of(needs), TaskNeeds::default());
    }

    #[test]
    fn what_is_not_given_is_discovered() {
        let (needs, _) = everything();
        let given = Given::default();
        assert_eq!((given.over(needs.clone()), given.left_of(needs.clone())), (needs.clone(), needs));
        assert!(!given.is_all());
    }
}
