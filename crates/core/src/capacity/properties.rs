//! What holds for every cluster: the figures are those of the oracle, and the rules that follow from what they mean.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::made_up::{figures, host};
use super::oracle::opinion;
use super::packing::{Busy, any_can_go, fit, placed};
use super::removable_hosts::slots_needed;
use super::worst_case::WorstCase;
use super::{Report, Wanted, metrics};
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

fn worst_case() -> impl Strategy<Value = WorstCase> {
    let cpu = prop_oneof![1 => Just(0), 4 => 1_u64..700];
    let memory = prop_oneof![1 => Just(0), 4 => 1_u64..700];
    needs(cpu, memory, 2).prop_filter_map("needs nothing", |needs| WorstCase::new(needs).ok())
}

/// Places a task, as ECS would: only where all of it fits.
fn with_task(host: ContainerInstance, task: &TaskNeeds) -> ContainerInstance {
    placed(host.clone(), task).unwrap_or(host)
}

/// What a host has of the rarer resources.
#[derive(Debug, Clone)]
struct Equipment {
    instance_type: Option<&'static str>,
    trunked: bool,
    gpus: u32,
    /// Whether the network interfaces that its tasks hold are counted.
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

/// A host of one of a few types with some tasks on it. ECS lists the agent's own ports among those in use, too, mostly.
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

/// A worst case, and a few small hosts with tasks none of which needs more.
fn worst_and_busy_hosts() -> impl Strategy<Value = (WorstCase, Vec<Busy>)> {
    let worst = needs(0_u64..=6, 0_u64..=6, 1);
    let worst = worst.prop_filter_map("needs nothing", |needs| WorstCase::new(needs).ok());
    worst.prop_flat_map(|worst| {
        let most = worst.needs().clone();
        let amounts = (part_of(most.cpu.0), part_of(most.memory.0), part_of(most.gpus.into()));
        let takes = (any::<bool>(), any::<bool>(), any::<bool>());
        let task = (amounts, takes).prop_map(move |((cpu, memory, gpus), (tcp, udp, network_interface))| {
            let if_any =
                |takes: bool, all: &BTreeSet<Port>| if takes { all.clone() } else { BTreeSet::new() };
            TaskNeeds {
                cpu: CpuUnits(cpu),
                memory: Mib(memory),
                tcp_ports: if_any(tcp, &most.tcp_ports),
                udp_ports: if_any(udp, &most.udp_ports),
                network_interface: most.network_interface && network_interface,
                gpus: u32::try_from(gpus).unwrap(),
            }
        });
        let size = prop::sample::select(&[(6, 6), (10, 10), (12, 8), (20, 10)][..]);
        let host = (size, equipment()).prop_map(|((cpu, memory), equip)| equip.given_to(host(cpu, memory)));
        (Just(worst), vec((host, vec(task, 0..5)).prop_map(busy), 2..5))
    })
}

/// Nothing, some of it, or more than half: two of those never share a slot.
fn part_of(most: u64) -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0), 1 => 0..=most, 3 => most.div_ceil(2)..=most]
}

/// A host on which those of the tasks run that fit.
fn busy((empty, tasks): (ContainerInstance, Vec<TaskNeeds>)) -> Busy {
    tasks.into_iter().fold((empty, Vec::new()), |(host, mut running), task| {
        let Some(with_it) = placed(host.clone(), &task) else { return (host, running) };
        running.push(task);
        (with_it, running)
    })
}

/// The figures, or nothing to say where the container fits on no host.
fn figures_or_reject(hosts: &[ContainerInstance], worst: &WorstCase) -> Result<Report, TestCaseError> {
    figures(hosts, worst).map_err(|_| TestCaseError::reject("fits on no host"))
}

/// The figures before and after one of the hosts is given a task.
fn with_one_more_task(
    mut hosts: Vec<ContainerInstance>,
    on: prop::sample::Index,
    task: &TaskNeeds,
    worst: &WorstCase,
) -> Result<(Report, Report), TestCaseError> {
    prop_assume!(!hosts.is_empty());
    let before = figures_or_reject(&hosts, worst)?;
    let on = on.index(hosts.len());
    hosts[on] = with_task(hosts[on].clone(), task);
    Ok((before, figures_or_reject(&hosts, worst)?))
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
        let hosts = u32::try_from(report.hosts.active).unwrap();
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
        prop_assert_eq!(binding, (report.hosts.active > 0).then_some(report.container_capacity));
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
    fn whichever_hosts_go_of_as_many_as_are_removable_all_find_places(
        (worst, mut hosts) in worst_and_busy_hosts(),
        missing in prop_oneof![2 => Just(0), 1 => 1_u8..3],
        leaves in prop::bool::weighted(0.3),
    ) {
        let mut all: Vec<_> = hosts.iter().map(|(host, _)| host.clone()).collect();
        // What runs on a host that drains already must find a place, too.
        let moving = if leaves {
            all[0].status = ContainerInstanceStatus::Draining;
            hosts.remove(0).1
        } else {
            Vec::new()
        };
        let wanted = Wanted { services: 1, desired_tasks: 9, missing_tasks: missing.into() };
        let report = super::figures(&all, &worst, wanted).map_err(|_| TestCaseError::reject("fits on no host"))?;
        let removable = usize::try_from(report.scale_in.removable_hosts).unwrap();
        prop_assert!(removable < hosts.len());
        for count in 1..=removable {
            let more = [vec![worst.needs().clone(); usize::from(missing) + 1], moving.clone()].concat();
            prop_assert!(any_can_go(count, &hosts, &more), "{count} of {hosts:?}, {worst}");
        }
    }

    #[test]
    fn so_many_hosts_of_the_smallest_size_as_are_missing_give_all_tasks_a_place_and_no_fewer(
        (worst, hosts) in worst_and_busy_hosts(), missing in 0_u8..4,
    ) {
        let all: Vec<_> = hosts.iter().map(|(host, _)| host.clone()).collect();
        let wanted = Wanted { services: 1, desired_tasks: 9, missing_tasks: missing.into() };
        let report = super::figures(&all, &worst, wanted).map_err(|_| TestCaseError::reject("fits on no host"))?;
        let empty = |host: &ContainerInstance| ContainerInstance {
            remaining: host.registered.clone(),
            network_interfaces: Some(0),
            ..host.clone()
        };
        // The smallest: where the fewest can be placed, one after another.
        let takes = |host: &ContainerInstance| {
            (1..99).take_while(|count| fit(&vec![worst.needs().clone(); *count], &[empty(host)])).count()
        };
        let smallest = all.iter().filter(|host| takes(host) > 0).min_by_key(|host| takes(host)).map(empty);
        let Some(smallest) = smallest else { return Err(TestCaseError::reject("fits on no host")) };
        let to_place = vec![worst.needs().clone(); usize::from(missing) + 1];
        let with = |more: u64| {
            let more = vec![smallest.clone(); usize::try_from(more).unwrap()];
            fit(&to_place, &[all.clone(), more].concat())
        };
        prop_assert!(with(report.missing_hosts));
        prop_assert!(report.missing_hosts == 0 || !with(report.missing_hosts - 1));
        prop_assert!(report.missing_hosts == 0 || report.scale_in.removable_hosts == 0);
    }

    #[test]
    fn what_runs_on_a_host_fits_into_the_slots_that_it_is_said_to_need((worst, hosts) in worst_and_busy_hosts()) {
        for (busy, tasks) in &hosts {
            let slots = usize::try_from(slots_needed(busy, &worst)).unwrap();
            let limit = |of: u64| if of == 0 { u64::MAX } else { of };
            let needs = worst.needs();
            let mut slot = host(limit(needs.cpu.0), limit(needs.memory.0));
            // Of what the worst case does not need, no task needs any.
            slot = slot.of_type("m6g.medium", false);
            slot.network_interfaces = Some(0);
            (slot.registered.gpus, slot.remaining.gpus) = (needs.gpus, needs.gpus);
            prop_assert!(fit(tasks, &vec![slot; slots]), "{tasks:?} in {slots} of {worst}");
        }
    }

    #[test]
    fn one_more_task_never_makes_a_host_removable(
        hosts in cluster(), on in any::<prop::sample::Index>(), task in task(), worst in worst_case(),
    ) {
        let (before, after) = with_one_more_task(hosts, on, &task, &worst)?;
        prop_assert!(after.scale_in.removable_hosts <= before.scale_in.removable_hosts);
    }

    #[test]
    fn hosts_that_take_no_tasks_change_nothing_but_their_own_count_and_keep_others(
        hosts in cluster(), closed in closed_host(), worst in worst_case(),
    ) {
        let before = figures(&hosts, &worst);
        let after = figures(&[hosts, vec![closed]].concat(), &worst);
        match (before, after) {
            (Ok(before), Ok(mut after)) => {
                // What runs on one that drains needs a place elsewhere.
                prop_assert!(after.scale_in.removable_hosts <= before.scale_in.removable_hosts);
                after.hosts = before.hosts;
                after.scale_in = before.scale_in.clone();
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
