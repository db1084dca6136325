//! The worst-case container of the calculator's figures. The scenario gives it, or it is the most
//! that the tasks of a cluster's services need, of those that fit on some host.
//!
//! The reckoning is docs/capacity.md's, and none of the calculator's code.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::Port;
use fleetkeeper_sim::world::ecs::container_instance::DescribedContainerInstance;

use crate::scenario::{CalculatorPlan, ClusterPlan, TaskPlan};

/// The TCP ports that are no task's on any host.
const KEPT_BY_AGENTS: [Port; 5] = [Port(22), Port(2375), Port(2376), Port(51678), Port(51679)];

/// A task's needs of its host, at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WorstCase {
    pub(super) cpu: u64,
    pub(super) memory: u64,
    tcp_ports: BTreeSet<Port>,
    udp_ports: BTreeSet<Port>,
    pub(super) network_interface: bool,
}

/// The source of the worst-case container.
#[derive(Debug)]
pub(super) enum WorstCases {
    /// The settings give it.
    Given(WorstCase),
    /// The calculator looks at what services may start.
    Discovered {
        /// The needs of a task of each REPLICA service.
        services: Vec<WorstCase>,
        /// True if some of them does not fit on every host that there may be: then it matters which
        /// hosts are there.
        by_hosts: bool,
    },
}

impl WorstCases {
    pub(super) fn of(plan: &CalculatorPlan, cluster: &ClusterPlan) -> Self {
        if !plan.discovers {
            let tcp_ports = plan.tcp_port.map(Port).into_iter().collect();
            let (cpu, memory) = (plan.cpu, plan.memory);
            return Self::Given(WorstCase { cpu, memory, tcp_ports, ..WorstCase::default() });
        }
        let replicas = cluster.services.iter().filter(|service| !service.daemon);
        let services: Vec<_> = replicas.map(|service| WorstCase::of(&service.task)).collect();
        let by_hosts = services.iter().any(|task| {
            let small = cluster.groups.iter().any(|group| group.cpu < task.cpu || group.memory < task.memory);
            small || task.tcp_ports.iter().any(|port| KEPT_BY_AGENTS.contains(port))
        });
        Self::Discovered { services, by_hosts }
    }

    /// The worst-case container where these are the hosts that take tasks, one of each kind.
    /// Without hosts all services count.
    pub(super) fn among(&self, hosts: &[&DescribedContainerInstance]) -> Option<WorstCase> {
        match self {
            Self::Given(worst) => Some(worst.clone()),
            Self::Discovered { services, .. } => {
                let fits = |task: &&WorstCase| hosts.is_empty() || task.fits_on_some(hosts);
                services.iter().filter(fits).cloned().reduce(WorstCase::most)
            }
        }
    }

    pub(super) fn depends_on_hosts(&self) -> bool {
        matches!(self, Self::Discovered { by_hosts: true, .. })
    }

    pub(super) fn is_discovered(&self) -> bool {
        matches!(self, Self::Discovered { .. })
    }
}

impl WorstCase {
    fn of(task: &TaskPlan) -> Self {
        // A task with a network interface of its own takes none of its host's ports.
        let ports =
            |port: Option<u16>| port.filter(|_| !task.awsvpc).map(Port).into_iter().collect::<BTreeSet<_>>();
        Self {
            cpu: task.cpu,
            memory: task.memory,
            tcp_ports: ports(task.tcp_port),
            udp_ports: ports(task.udp_port),
            network_interface: task.awsvpc,
        }
    }

    fn most(mut self, other: Self) -> Self {
        self.tcp_ports.extend(other.tcp_ports);
        self.udp_ports.extend(other.udp_ports);
        Self {
            cpu: self.cpu.max(other.cpu),
            memory: self.memory.max(other.memory),
            network_interface: self.network_interface || other.network_interface,
            ..self
        }
    }

    /// How often what is free on a host meets each thing that this needs: CPU, memory, each port.
    /// The network interfaces come last.
    pub(super) fn fit_now(&self, host: &DescribedContainerInstance) -> Vec<u64> {
        let free = host.awsvpc_task_limit.saturating_sub(host.awsvpc_tasks);
        let (all, left) = (&host.registered, &host.remaining);
        let taken = |taken: &BTreeSet<Port>, kept: &BTreeSet<Port>, port: &Port| {
            u64::from(!(taken.contains(port) || kept.contains(port)))
        };
        let cpu = left.cpu.0.checked_div(self.cpu);
        let memory = left.memory.0.checked_div(self.memory);
        let tcp = self.tcp_ports.iter().map(|port| taken(&left.tcp_ports_taken, &all.tcp_ports_taken, port));
        let udp = self.udp_ports.iter().map(|port| taken(&left.udp_ports_taken, &all.udp_ports_taken, port));
        let network_interfaces = self.network_interface.then_some(u64::from(free));
        cpu.into_iter().chain(memory).chain(tcp).chain(udp).chain(network_interfaces).collect()
    }

    /// The same while nothing runs there.
    pub(super) fn fit_when_empty(&self, host: &DescribedContainerInstance) -> Vec<u64> {
        let all = &host.registered;
        let cpu = all.cpu.0.checked_div(self.cpu);
        let memory = all.memory.0.checked_div(self.memory);
        let tcp = self.tcp_ports.iter().map(|port| u64::from(!all.tcp_ports_taken.contains(port)));
        let udp = self.udp_ports.iter().map(|port| u64::from(!all.udp_ports_taken.contains(port)));
        let network_interfaces = self.network_interface.then_some(u64::from(host.awsvpc_task_limit));
        cpu.into_iter().chain(memory).chain(tcp).chain(udp).chain(network_interfaces).collect()
    }

    fn fits_on_some(&self, hosts: &[&DescribedContainerInstance]) -> bool {
        hosts.iter().any(|host| self.fit_when_empty(host).into_iter().all(|times| times > 0))
    }
}
