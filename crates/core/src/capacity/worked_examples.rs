//! The worked examples of "Docker on AWS", chapter 12: what is registered and left, the worst case, and the figures.

use super::Report;
use super::made_up::{figures, host, worst};
use super::packing::any_can_go;
use super::resource::Resource;
use crate::container_instance::{ContainerInstance, CpuUnits, Mib};
use crate::task_needs::TaskNeeds;

fn capacity_in(report: &Report, resource: Resource) -> u64 {
    report.resources.iter().find(|one| one.resource == resource).unwrap().container_capacity
}

#[test]
fn two_hosts_with_600_units_left_each_take_two_containers_of_400_and_not_three() {
    let hosts = [host(1000, 1000).with_left(600, 1000), host(1000, 1000).with_left(600, 1000)];
    let report = figures(&hosts, &worst(400, 0)).unwrap();
    assert_eq!(report.container_capacity, 2);
    assert_eq!(report.placeable_containers, 2);
}

#[test]
fn two_hosts_with_400_mib_left_each_take_no_container_of_500_whatever_the_cpu() {
    let hosts = [host(1000, 1000).with_left(1000, 400), host(1000, 1000).with_left(1000, 400)];
    let report = figures(&hosts, &worst(10, 500)).unwrap();
    assert_eq!(capacity_in(&report, Resource::Memory), 0);
    assert_eq!(capacity_in(&report, Resource::Cpu), 200);
    assert_eq!(report.container_capacity, 0);
    assert_eq!(report.container_capacity_bound_by, Some(Resource::Memory));
}

#[test]
fn two_hosts_with_600_units_and_800_mib_left_hold_two_containers_and_one_idle_host() {
    let hosts = [host(1000, 1000).with_left(600, 800), host(1000, 1000).with_left(600, 800)];
    let report = figures(&hosts, &worst(400, 200)).unwrap();
    assert_eq!(capacity_in(&report, Resource::Cpu), 2);
    assert_eq!(capacity_in(&report, Resource::Memory), 8);
    assert_eq!(report.resources.iter().map(|one| one.per_host).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(report.container_capacity, 2);
    assert_eq!(report.idle_host_capacity, 1.0);
    assert_eq!(report.idle_host_capacity_bound_by, Some(Resource::Cpu));
}

#[test]
fn one_host_empty_with_one_task_and_with_two() {
    let worst = worst(250, 400);
    for (cpu_left, memory_left, capacity, idle) in
        [(1024, 993, 2, 1.0), (774, 593, 1, 0.5), (524, 193, 0, 0.0)]
    {
        let report = figures(&[host(1024, 993).with_left(cpu_left, memory_left)], &worst).unwrap();
        assert_eq!((report.container_capacity, report.idle_host_capacity), (capacity, idle));
    }
}

#[test]
fn two_hosts_with_one_task_between_them() {
    let hosts = [host(1024, 993), host(1024, 993).with_left(774, 593)];
    let report = figures(&hosts, &worst(250, 400)).unwrap();
    assert_eq!((report.container_capacity, report.idle_host_capacity), (3, 1.5));
}

#[test]
fn a_static_port_that_is_in_use_on_both_hosts_leaves_no_room() {
    let full = host(1000, 1000).with_left(500, 500).with_tcp_in_use(80);
    let report = figures(&[full.clone(), full], &worst(500, 500).with_tcp([80])).unwrap();
    assert_eq!(report.container_capacity, 0);
    assert_eq!(report.container_capacity_bound_by, Some(Resource::TcpPorts));
}

/// The smallest cluster in which the book's scale-in takes a host that is needed: docs/capacity.md tells of it.
#[test]
fn one_and_a_half_hosts_are_idle_and_none_can_go() {
    let with_tasks = |cpu_left, memory_left, tasks| ContainerInstance {
        running_tasks: tasks,
        ..host(1000, 1100).with_left(cpu_left, memory_left)
    };
    let first = (with_tasks(500, 600, 1), vec![task(500, 500)]);
    let second = (with_tasks(0, 1000, 2), vec![task(500, 50); 2]);
    let third = (with_tasks(1000, 100, 2), vec![task(0, 500); 2]);
    let hosts = [first, second, third];
    let all: Vec<_> = hosts.iter().map(|(host, _)| host.clone()).collect();
    let report = figures(&all, &worst(500, 500)).unwrap();
    assert_eq!((report.container_capacity, report.idle_host_capacity), (3, 1.5));
    assert_eq!((report.placeable_containers, report.scale_in.removable_hosts), (1, 0));
    assert!(!any_can_go(1, &hosts, &[]));
}

fn task(cpu: u64, memory: u64) -> TaskNeeds {
    TaskNeeds { cpu: CpuUnits(cpu), memory: Mib(memory), ..TaskNeeds::default() }
}

#[test]
fn containers_of_300_400_and_500_mib_on_a_host_of_2048_are_four_a_host() {
    let largest = [300, 400, 500].into_iter().max().unwrap();
    let report = figures(&[host(2048, 2048)], &worst(0, largest)).unwrap();
    assert_eq!(report.resources[0].per_host, 4);
    assert_eq!((report.container_capacity, report.idle_host_capacity), (4, 1.0));
}
