//! The worked examples of "Docker on AWS", chapter 12: registered and remaining resources, the
//! worst-case container, and the figures.

use super::fixture::{host, worst};
use super::resource::Resource;
use super::{Report, figures};

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

#[test]
fn containers_of_300_400_and_500_mib_on_a_host_of_2048_are_four_a_host() {
    let largest = [300, 400, 500].into_iter().max().unwrap();
    let report = figures(&[host(2048, 2048)], &worst(0, largest)).unwrap();
    assert_eq!(report.resources[0].per_host, 4);
    assert_eq!((report.container_capacity, report.idle_host_capacity), (4, 1.0));
}
