//! What holds for every cluster: the figures are those of the oracle, and the rules that follow
//! from what they mean.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::fixture::host;
use super::oracle::{opinion, placed};
use super::worst_case::WorstCaseContainer;
use super::{Report, figures, float};
use crate::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Port,
};
use crate::task_needs::TaskNeeds;

/// Few ports, so that they collide.
fn ports(most: usize) -> impl Strategy<Value = BTreeSet<Port>> {
    btree_set((20_u16..26).prop_map(Port), 0..=most)
}

fn needs(
    cpu: impl Strategy<Value = u64>,
    memory: impl Strategy<Value = u64>,
    most_ports: usize,
) -> impl Strategy<Value = TaskNeeds> {
    let network_interface = prop::bool::weighted(0.4);
    let gpus = prop_oneof![3 => Just(0), 1 => 1_u32..=2];
    let all = (cpu, memory, ports(most_ports), ports(1), network_interface, gpus);
    all.prop_map(|(cpu, memory, tcp_ports, udp_ports, network_interface, gpus)| TaskNeeds {
        cpu: CpuUnits(cpu),
        memory: Mib(memory),
        tcp_ports,
        udp_ports,
        network_interface,
        gpus,
    })
}

fn task() -> impl Strategy<Value = TaskNeeds> {
    needs(0_u64..600, 0_u64..600, 2)
}

fn worst_case() -> impl Strategy<Value = WorstCaseContainer> {
    let cpu = prop_oneof![1 => Just(0), 4 => 1_u64..700];
    let memory = prop_oneof![1 => Just(0), 4 => 1_u64..700];
    needs(cpu, memory, 2).prop_filter_map("needs nothing", |needs| WorstCaseContainer::new(needs).ok())
}

/// Places a task, as ECS would: only where all of it fits.
fn with_task(host: ContainerInstance, task: &TaskNeeds) -> ContainerInstance {
    placed(host.clone(), task).unwrap_or(host)
}

/// The rarer resources of a host.
#[derive(Debug, Clone)]
struct Equipment {
    instance_type: Option<&'static str>,
    trunked: bool,
    gpus: u32,
    /// True if the network interfaces that its tasks hold are counted.
    counted: bool,
}

impl Equipment {
    fn given_to(self, mut host: ContainerInstance) -> ContainerInstance {
        if let Some(instance_type) = self.instance_type {
            host = host.of_type(instance_type, self.trunked);
        }
        (host.registered.gpus, host.remaining.gpus) = (self.gpus, self.gpus);
        host.network_interfaces = self.counted.then_some(0);
        host
    }
}

/// A type with one network interface for tasks, with two, three or four; one that is unknown.
fn equipment() -> impl Strategy<Value = Equipment> {
    let types = [Some("m6g.medium"), Some("c5.large"), Some("c5.xlarge"), Some("z99.nano"), None];
    let of_type = prop::sample::select(types.to_vec());
    let gpus = prop_oneof![1 => Just(0), 1 => 1_u32..=4];
    (of_type, any::<bool>(), gpus, any::<bool>()).prop_map(|(instance_type, trunked, gpus, counted)| {
        let trunked = trunked && instance_type == Some("m6g.medium");
        Equipment { instance_type, trunked, gpus, counted }
    })
}

/// A host of one of a few types with some tasks on it. ECS lists the agent's own ports among those
/// in use, too, mostly.
fn busy_host() -> impl Strategy<Value = ContainerInstance> {
    const TYPES: [(u64, u64); 5] = [(512, 400), (1024, 993), (2048, 1000), (1000, 4000), (4096, 8000)];
    let agent_ports = prop_oneof![4 => Just(BTreeSet::new()), 1 => ports(1)];
    let listed = prop::bool::weighted(0.9);
    (prop::sample::select(&TYPES[..]), agent_ports, listed, equipment(), vec(task(), 0..8)).prop_map(
        |((cpu, memory), agent_ports, listed, equip, tasks)| {
            let mut host = equip.given_to(host(cpu, memory));
            if listed {
                host.remaining.tcp_ports_taken.clone_from(&agent_ports);
            }
            host.registered.tcp_ports_taken = agent_ports;
            tasks.iter().fold(host, with_task)
        },
    )
}

/// A host that takes no tasks: disconnected, draining, or neither here nor there.
fn closed_host() -> impl Strategy<Value = ContainerInstance> {
    let status = prop::sample::select(&["ACTIVE", "DRAINING", "REGISTERING", "DEREGISTERING", "NEW_ONE"][..]);
    (busy_host(), status, any::<bool>()).prop_map(|(host, status, connected)| {
        let mut host = host.with_status(ContainerInstanceStatus::from(status));
        host.agent_connected = connected && status != "ACTIVE";
        host
    })
}

fn numbered(mut hosts: Vec<ContainerInstance>) -> Vec<ContainerInstance> {
    for (number, host) in hosts.iter_mut().enumerate() {
        host.arn = ContainerInstanceArn(format!("arn:{number}"));
        host.ec2_instance_id = format!("i-{number:08x}");
    }
    hosts
}

/// A cluster of up to eight hosts that take tasks and a few that do not.
fn cluster() -> impl Strategy<Value = Vec<ContainerInstance>> {
    (vec(busy_host(), 0..8), vec(closed_host(), 0..3))
        .prop_map(|(busy, closed)| numbered([busy, closed].concat()))
        .prop_shuffle()
}

/// The figures, or nothing to say where the container fits on no host.
fn figures_or_reject(
    hosts: &[ContainerInstance],
    worst: &WorstCaseContainer,
) -> Result<Report, TestCaseError> {
    figures(hosts, worst).map_err(|_| TestCaseError::reject("fits on no host"))
}

/// The figures before and after one of the hosts is given a task.
fn with_one_more_task(
    mut hosts: Vec<ContainerInstance>,
    on: prop::sample::Index,
    task: &TaskNeeds,
    worst: &WorstCaseContainer,
) -> Result<(Report, Report), TestCaseError> {
    prop_assume!(!hosts.is_empty());
    let before = figures_or_reject(&hosts, worst)?;
    let on = on.index(hosts.len());
    hosts[on] = with_task(hosts[on].clone(), task);
    Ok((before, figures_or_reject(&hosts, worst)?))
}

/// Every figure.
fn room(report: &Report) -> Vec<f64> {
    let by_resource = report.resources.iter().map(|one| float(one.container_capacity));
    let whole = [float(report.container_capacity), report.idle_host_capacity];
    whole.into_iter().chain([float(report.placeable_containers)]).chain(by_resource).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_figures_are_those_of_placing_one_container_after_another(
        hosts in cluster(), worst in worst_case(),
    ) {
        match (figures(&hosts, &worst), opinion(&hosts, &worst)) {
            (Ok(report), Some(opinion)) => {
                prop_assert_eq!(report.container_capacity, opinion.container_capacity);
                prop_assert_eq!(report.idle_host_capacity, opinion.idle_host_capacity);
                prop_assert_eq!(report.placeable_containers, opinion.placeable_containers);
                let by_resource: Vec<_> = report
                    .resources
                    .iter()
                    .map(|one| (one.resource, one.container_capacity, one.per_host))
                    .collect();
                prop_assert_eq!(by_resource, opinion.by_resource);
            }
            (Err(_), None) => {}
            (said, opinion) => prop_assert!(false, "{said:?} but {opinion:?}"),
        }
    }

    #[test]
    fn no_more_can_be_placed_than_container_capacity_says(hosts in cluster(), worst in worst_case()) {
        let report = figures_or_reject(&hosts, &worst)?;
        prop_assert!(report.placeable_containers <= report.container_capacity);
    }

    #[test]
    fn no_more_hosts_are_idle_than_there_are(hosts in cluster(), worst in worst_case()) {
        let report = figures_or_reject(&hosts, &worst)?;
        prop_assert!(report.idle_host_capacity <= float(report.hosts));
    }

    #[test]
    fn every_figure_is_a_finite_number_that_is_not_negative(hosts in cluster(), worst in worst_case()) {
        let report = figures_or_reject(&hosts, &worst)?;
        for figure in room(&report) {
            prop_assert!(figure.is_finite() && figure >= 0.0, "{figure}");
        }
    }

    #[test]
    fn what_binds_is_the_least_of_the_resources(hosts in cluster(), worst in worst_case()) {
        let report = figures_or_reject(&hosts, &worst)?;
        let binding = report
            .resources
            .iter()
            .find(|one| Some(one.resource) == report.container_capacity_bound_by)
            .map(|one| one.container_capacity);
        prop_assert_eq!(binding, (report.hosts > 0).then_some(report.container_capacity));
        for one in &report.resources {
            prop_assert!(one.container_capacity >= report.container_capacity);
        }
    }

    #[test]
    fn one_more_host_never_lowers_what_fits(
        hosts in cluster(), more in busy_host(), worst in worst_case(),
    ) {
        let before = figures_or_reject(&hosts, &worst)?;
        let after = figures_or_reject(&numbered([hosts, vec![more]].concat()), &worst)?;
        prop_assert!(after.container_capacity >= before.container_capacity);
        prop_assert!(after.placeable_containers >= before.placeable_containers);
    }

    #[test]
    fn one_more_task_never_raises_a_figure(
        hosts in cluster(), on in any::<prop::sample::Index>(), task in task(), worst in worst_case(),
    ) {
        let (before, after) = with_one_more_task(hosts, on, &task, &worst)?;
        for (after, before) in room(&after).into_iter().zip(room(&before)) {
            prop_assert!(after <= before, "{after} > {before}");
        }
    }

    #[test]
    fn hosts_that_take_no_tasks_change_nothing(
        hosts in cluster(), closed in closed_host(), worst in worst_case(),
    ) {
        let before = figures(&hosts, &worst);
        prop_assert_eq!(figures(&[hosts, vec![closed]].concat(), &worst), before);
    }

    #[test]
    fn the_order_of_the_instances_changes_nothing(
        (hosts, shuffled) in cluster().prop_flat_map(|hosts| (Just(hosts.clone()), Just(hosts).prop_shuffle())),
        worst in worst_case(),
    ) {
        prop_assert_eq!(figures(&hosts, &worst), figures(&shuffled, &worst));
    }
}
