//! What holds for every cluster: the figures are those of the oracle, and the rules that follow from what they mean.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::made_up::host;
use super::oracle::opinion;
use super::worst_case::WorstCase;
use super::{Report, figures, metrics};
use crate::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Port,
};

/// Few ports, so that they collide.
fn ports(most: usize) -> impl Strategy<Value = BTreeSet<Port>> {
    btree_set((20_u16..26).prop_map(Port), 0..=most)
}

/// CPU units, memory, TCP and UDP ports of a task, or of the worst case.
type Needs = (u64, u64, BTreeSet<Port>, BTreeSet<Port>);

fn task() -> impl Strategy<Value = Needs> {
    (0_u64..600, 0_u64..600, ports(2), ports(1))
}

fn worst_case() -> impl Strategy<Value = WorstCase> {
    let cpu = prop_oneof![1 => Just(0), 4 => 1_u64..700];
    let memory = prop_oneof![1 => Just(0), 4 => 1_u64..700];
    let needs = (cpu, memory, ports(2), ports(1));
    needs.prop_filter_map("needs nothing", |(cpu, memory, tcp, udp)| {
        WorstCase::new(CpuUnits(cpu), Mib(memory), tcp, udp).ok()
    })
}

/// Places a task, as ECS would: only where all of it fits.
fn with_task(mut host: ContainerInstance, (cpu, memory, tcp, udp): &Needs) -> ContainerInstance {
    let left = &mut host.remaining;
    if *cpu <= left.cpu.0
        && *memory <= left.memory.0
        && left.tcp_ports_taken.is_disjoint(tcp)
        && left.udp_ports_taken.is_disjoint(udp)
    {
        left.cpu.0 -= cpu;
        left.memory.0 -= memory;
        left.tcp_ports_taken.extend(tcp);
        left.udp_ports_taken.extend(udp);
        host.running_tasks += 1;
    }
    host
}

/// A host of one of a few types with some tasks on it. ECS lists the agent's own ports among those in use, too, mostly.
fn busy_host() -> impl Strategy<Value = ContainerInstance> {
    const TYPES: [(u64, u64); 5] = [(512, 400), (1024, 993), (2048, 1000), (1000, 4000), (4096, 8000)];
    let agent_ports = prop_oneof![4 => Just(BTreeSet::new()), 1 => ports(1)];
    let listed = prop::bool::weighted(0.9);
    (prop::sample::select(&TYPES[..]), agent_ports, listed, vec(task(), 0..8)).prop_map(
        |((cpu, memory), agent_ports, listed, tasks)| {
            let mut host = host(cpu, memory);
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
fn figures_or_reject(hosts: &[ContainerInstance], worst: &WorstCase) -> Result<Report, TestCaseError> {
    figures(hosts, worst).map_err(|_| TestCaseError::reject("fits on no host"))
}

/// Every figure that says how much room there is.
fn room(report: &Report) -> Vec<f64> {
    let cluster = "demo".parse().unwrap();
    let metrics = metrics(report, &cluster);
    metrics.iter().filter(|datum| !datum.name.ends_with("Hosts")).map(|datum| datum.value).collect()
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
        let hosts = u32::try_from(report.active_hosts).unwrap();
        prop_assert!(report.idle_host_capacity <= f64::from(hosts));
    }

    #[test]
    fn every_metric_is_a_finite_number_that_is_not_negative(hosts in cluster(), worst in worst_case()) {
        let report = figures_or_reject(&hosts, &worst)?;
        for datum in metrics(&report, &"demo".parse().unwrap()) {
            prop_assert!(datum.value.is_finite() && datum.value >= 0.0, "{datum:?}");
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
        prop_assert_eq!(binding, (report.active_hosts > 0).then_some(report.container_capacity));
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
        prop_assume!(!hosts.is_empty());
        let before = figures_or_reject(&hosts, &worst)?;
        let mut hosts = hosts;
        let on = on.index(hosts.len());
        hosts[on] = with_task(hosts[on].clone(), &task);
        let after = figures_or_reject(&hosts, &worst)?;
        for (after, before) in room(&after).into_iter().zip(room(&before)) {
            prop_assert!(after <= before, "{after} > {before}");
        }
    }

    #[test]
    fn hosts_that_take_no_tasks_change_nothing_but_their_own_count(
        hosts in cluster(), closed in closed_host(), worst in worst_case(),
    ) {
        let before = figures(&hosts, &worst);
        let after = figures(&[hosts, vec![closed]].concat(), &worst);
        match (before, after) {
            (Ok(before), Ok(mut after)) => {
                after.draining_hosts = before.draining_hosts;
                after.disconnected_hosts = before.disconnected_hosts;
                after.other_hosts = before.other_hosts;
                prop_assert_eq!(after, before);
            }
            (before, after) => prop_assert_eq!(before, after),
        }
    }

    #[test]
    fn the_order_of_the_instances_changes_nothing(
        (hosts, shuffled) in cluster().prop_flat_map(|hosts| (Just(hosts.clone()), Just(hosts).prop_shuffle())),
        worst in worst_case(),
    ) {
        prop_assert_eq!(figures(&hosts, &worst), figures(&shuffled, &worst));
    }
}
