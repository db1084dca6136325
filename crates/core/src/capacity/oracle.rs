//! A second opinion on the figures: the oracle places containers one at a time, until none fits. It
//! is slow, and on purpose has no division or rounding, nor anything else of the code that it
//! checks.

use std::collections::BTreeSet;

use super::resource::Resource;
use super::worst_case::WorstCaseContainer;
use crate::container_instance::{ContainerInstance, ContainerInstanceStatus, Port, Resources};
use crate::network_interfaces::task_network_interfaces;
use crate::task_needs::TaskNeeds;

/// The oracle's figures of a cluster.
#[derive(Debug, PartialEq)]
pub(super) struct Opinion {
    pub(super) container_capacity: u64,
    pub(super) idle_host_capacity: f64,
    pub(super) placeable_containers: u64,
    /// Resource, container capacity, containers on an empty host of the largest size.
    pub(super) by_resource: Vec<(Resource, u64, u64)>,
}

/// A host in the middle of being filled.
#[derive(Clone)]
struct Filling {
    cpu_left: u64,
    memory_left: u64,
    tcp_taken: BTreeSet<Port>,
    udp_taken: BTreeSet<Port>,
    network_interfaces_left: u32,
    gpus_left: u32,
}

impl Filling {
    fn now(host: &ContainerInstance) -> Self {
        let mut filling = Self::from_empty(host);
        filling.cpu_left = host.remaining.cpu.0;
        filling.memory_left = host.remaining.memory.0;
        filling.tcp_taken.extend(&host.remaining.tcp_ports_taken);
        filling.udp_taken.extend(&host.remaining.udp_ports_taken);
        filling.gpus_left = host.remaining.gpus;
        for _ in 0..host.network_interfaces.unwrap_or(host.running_tasks + host.pending_tasks) {
            if filling.network_interfaces_left > 0 {
                filling.network_interfaces_left -= 1;
            }
        }
        filling
    }

    fn from_empty(host: &ContainerInstance) -> Self {
        let Resources { cpu, memory, tcp_ports_taken, udp_ports_taken, gpus } = host.registered.clone();
        Self {
            cpu_left: cpu.0,
            memory_left: memory.0,
            tcp_taken: tcp_ports_taken,
            udp_taken: udp_ports_taken,
            network_interfaces_left: task_network_interfaces(host).unwrap_or_default(),
            gpus_left: gpus,
        }
    }

    /// Places one container and says whether it fitted.
    fn place(&mut self, container: &WorstCaseContainer) -> bool {
        let container = container.needs();
        let fits = container.cpu.0 <= self.cpu_left
            && container.memory.0 <= self.memory_left
            && !container.tcp_ports.iter().any(|port| self.tcp_taken.contains(port))
            && !container.udp_ports.iter().any(|port| self.udp_taken.contains(port))
            && (!container.network_interface || self.network_interfaces_left > 0)
            && container.gpus <= self.gpus_left;
        if fits {
            self.cpu_left -= container.cpu.0;
            self.memory_left -= container.memory.0;
            self.tcp_taken.extend(&container.tcp_ports);
            self.udp_taken.extend(&container.udp_ports);
            self.network_interfaces_left -= u32::from(container.network_interface);
            self.gpus_left -= container.gpus;
        }
        fits
    }

    fn fill(mut self, container: &WorstCaseContainer) -> u64 {
        let mut placed = 0;
        while self.place(container) {
            placed += 1;
            assert!(placed < 1_000_000, "{container} fits without end");
        }
        placed
    }
}

/// The opinion; none where the container fits on no host.
pub(super) fn opinion(instances: &[ContainerInstance], worst: &WorstCaseContainer) -> Option<Opinion> {
    let mut hosts = Vec::new();
    for instance in instances {
        if instance.agent_connected && matches!(instance.status, ContainerInstanceStatus::Active) {
            hosts.push(instance);
        }
    }
    if !hosts.is_empty() && !hosts.iter().any(|host| Filling::from_empty(host).place(worst)) {
        return None;
    }

    let mut by_resource: Vec<(Resource, u64, u64)> = Vec::new();
    for (resource, container) in of_one_need_each(worst) {
        let (mut capacity, mut largest) = (0, 0);
        for host in &hosts {
            capacity += Filling::now(host).fill(&container);
            let on_empty_host = Filling::from_empty(host).fill(&container);
            if on_empty_host > largest {
                largest = on_empty_host;
            }
        }
        match by_resource.last_mut() {
            Some(scarcest) if scarcest.0 == resource => {
                scarcest.1 = scarcest.1.min(capacity);
                scarcest.2 = scarcest.2.min(largest);
            }
            _ => by_resource.push((resource, capacity, largest)),
        }
    }

    Some(Opinion {
        container_capacity: by_resource.iter().map(|one| one.1).fold(u64::MAX, u64::min),
        idle_host_capacity: least_ratio(&by_resource),
        placeable_containers: spread(&hosts, worst),
        by_resource,
    })
}

/// Places one container after another, each on the next host that takes it, as a `spread` strategy
/// would.
fn spread(hosts: &[&ContainerInstance], worst: &WorstCaseContainer) -> u64 {
    let mut fillings: Vec<_> = hosts.iter().map(|host| Filling::now(host)).collect();
    let mut placed = 0;
    loop {
        let before = placed;
        for filling in &mut fillings {
            if filling.place(worst) {
                placed += 1;
            }
        }
        if placed == before {
            return placed;
        }
    }
}

/// The container reduced to one need at a time: CPU, memory, a port, ...
fn of_one_need_each(worst: &WorstCaseContainer) -> Vec<(Resource, WorstCaseContainer)> {
    let (needs, nothing) = (worst.needs(), TaskNeeds::default);
    let mut parts = vec![
        (Resource::Cpu, TaskNeeds { cpu: needs.cpu, ..nothing() }),
        (Resource::Memory, TaskNeeds { memory: needs.memory, ..nothing() }),
    ];
    for port in &needs.tcp_ports {
        parts.push((Resource::TcpPorts, TaskNeeds { tcp_ports: [*port].into(), ..nothing() }));
    }
    for port in &needs.udp_ports {
        parts.push((Resource::UdpPorts, TaskNeeds { udp_ports: [*port].into(), ..nothing() }));
    }
    let network_interface = needs.network_interface;
    parts.push((Resource::NetworkInterfaces, TaskNeeds { network_interface, ..nothing() }));
    parts.push((Resource::Gpus, TaskNeeds { gpus: needs.gpus, ..nothing() }));
    parts
        .into_iter()
        .filter_map(|(resource, part)| Some((resource, WorstCaseContainer::new(part).ok()?)))
        .collect()
}

/// The least of the fractions, compared as fractions.
fn least_ratio(by_resource: &[(Resource, u64, u64)]) -> f64 {
    let mut least: Option<(u64, u64)> = None;
    for &(_, over, under) in by_resource {
        if under == 0 {
            return 0.0;
        }
        if least.is_none_or(|(least_over, least_under)| over * least_under < least_over * under) {
            least = Some((over, under));
        }
    }
    let (over, under) = least.unwrap();
    f64::from(u32::try_from(over).unwrap()) / f64::from(u32::try_from(under).unwrap())
}

fn fits_on(task: &TaskNeeds, host: &ContainerInstance) -> bool {
    let free = |needed: &BTreeSet<Port>, taken: [&BTreeSet<Port>; 2]| {
        taken.iter().all(|taken| taken.is_disjoint(needed))
    };
    let held = host.network_interfaces.unwrap_or(host.running_tasks + host.pending_tasks);
    task.cpu <= host.remaining.cpu
        && task.memory <= host.remaining.memory
        && free(&task.tcp_ports, [&host.remaining.tcp_ports_taken, &host.registered.tcp_ports_taken])
        && free(&task.udp_ports, [&host.remaining.udp_ports_taken, &host.registered.udp_ports_taken])
        && (!task.network_interface || task_network_interfaces(host).is_some_and(|limit| held < limit))
        && task.gpus <= host.remaining.gpus
}

/// A host on which the task runs, too; none where it does not fit.
pub(super) fn placed(mut host: ContainerInstance, task: &TaskNeeds) -> Option<ContainerInstance> {
    if !fits_on(task, &host) {
        return None;
    }
    host.remaining.cpu.0 -= task.cpu.0;
    host.remaining.memory.0 -= task.memory.0;
    host.remaining.tcp_ports_taken.extend(&task.tcp_ports);
    host.remaining.udp_ports_taken.extend(&task.udp_ports);
    host.remaining.gpus -= task.gpus;
    if let Some(held) = &mut host.network_interfaces {
        *held += u32::from(task.network_interface);
    }
    host.running_tasks += 1;
    Some(host)
}
