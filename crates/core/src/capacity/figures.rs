//! The figures.

use std::collections::BTreeSet;

use super::fits_no_host::FitsNoHost;
use super::report::{Report, ResourceCapacity};
use super::resource::{Demand, Resource};
use super::worst_case::WorstCaseContainer;
use crate::container_instance::ContainerInstance;
use crate::network_interfaces::task_network_interfaces;

/// Works out how many more of `worst` fit on `instances`, and how many hosts are idle.
///
/// Without a host every figure is 0. A container that fits on no host is an error, and there is no
/// figure: it would read as a full cluster.
pub fn figures<'a>(
    instances: impl IntoIterator<Item = &'a ContainerInstance>,
    worst: &WorstCaseContainer,
) -> Result<Report, FitsNoHost> {
    let hosts: Vec<_> = instances.into_iter().filter(|instance| instance.takes_tasks()).collect();
    FitsNoHost::check(worst, &hosts)?;

    let resources: Vec<_> = worst.resources().map(|resource| capacity_in(resource, &hosts, worst)).collect();
    let container_capacity = resources.iter().min_by_key(|capacity| capacity.container_capacity);
    let idle_host_capacity = resources
        .iter()
        .map(|capacity| (idle_hosts(capacity), capacity.resource))
        .min_by(|one, other| one.0.total_cmp(&other.0));
    let binds = |resource| if hosts.is_empty() { None } else { resource };
    let placeable = |host: &&ContainerInstance| least(worst.demands().map(|demand| demand.now(host)));
    Ok(Report {
        worst_case_container: worst.clone(),
        container_capacity: container_capacity.map_or(0, |least| least.container_capacity),
        container_capacity_bound_by: binds(container_capacity.map(|least| least.resource)),
        idle_host_capacity: idle_host_capacity.map_or(0.0, |least| least.0),
        idle_host_capacity_bound_by: binds(idle_host_capacity.map(|least| least.1)),
        // A container is not split between two hosts: what is scarcest on each counts there.
        placeable_containers: sum(hosts.iter().map(placeable)),
        hosts: count(hosts.iter()),
        unknown_instance_types: unknown_instance_types(&hosts, worst),
        resources,
    })
}

/// The types of hosts that have no room because nobody knows how many network interfaces they have.
fn unknown_instance_types(hosts: &[&ContainerInstance], worst: &WorstCaseContainer) -> BTreeSet<String> {
    let unknown = |host: &&&ContainerInstance| task_network_interfaces(host).is_none();
    let named = |host: &&ContainerInstance| host.instance_type().unwrap_or("unknown").to_owned();
    let needed = worst.needs().network_interface;
    hosts.iter().filter(|_| needed).filter(unknown).map(named).collect()
}

/// Container capacity as far as `resource` goes. Each static port is counted over all hosts on its
/// own, and the scarcest one is the resource's value.
fn capacity_in(
    resource: Resource,
    hosts: &[&ContainerInstance],
    worst: &WorstCaseContainer,
) -> ResourceCapacity {
    let demands: Vec<_> = resource.demands(worst).collect();
    let on_all_hosts = |demand: &Demand| sum(hosts.iter().map(|host| demand.now(host)));
    let on_empty = |host: &&ContainerInstance| least(demands.iter().map(|demand| demand.when_empty(host)));
    let is_full = |host: &&&ContainerInstance| demands.iter().any(|demand| demand.now(host) == 0);
    ResourceCapacity {
        resource,
        container_capacity: least(demands.iter().map(on_all_hosts)),
        per_host: hosts.iter().map(on_empty).max().unwrap_or(0),
        full_hosts: count(hosts.iter().filter(is_full)),
    }
}

/// The containers that fit, in hosts of the largest size. `per_host` is 0 only where there is no
/// host, as the container fits on one of them.
fn idle_hosts(capacity: &ResourceCapacity) -> f64 {
    if capacity.per_host == 0 { 0.0 } else { float(capacity.container_capacity) / float(capacity.per_host) }
}

fn least(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.min().unwrap_or(0)
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count, _| count + 1)
}

/// A count as CloudWatch takes it. u64 has no conversion into f64, its two halves have.
#[must_use]
pub fn float(count: u64) -> f64 {
    let half = |half| f64::from(u32::try_from(half).unwrap_or(u32::MAX));
    half(count >> 32) * 4_294_967_296.0 + half(count & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::fixture::{host, worst};
    use crate::container_instance::{ContainerInstanceStatus, Port};

    #[test]
    fn no_host_is_zero_throughout_and_binds_nothing() {
        let draining = host(1024, 993).with_status(ContainerInstanceStatus::Draining);
        for instances in [vec![], vec![draining]] {
            let report = figures(&instances, &worst(250, 400)).unwrap();
            assert_eq!((report.container_capacity, report.placeable_containers), (0, 0));
            assert_eq!((report.idle_host_capacity, report.container_capacity_bound_by), (0.0, None));
            assert_eq!(report.resources.iter().map(|one| one.container_capacity).collect::<Vec<_>>(), [0, 0]);
        }
    }

    #[test]
    fn only_hosts_that_take_tasks_count() {
        let with = |status: &str| host(1024, 993).with_status(status.into());
        let mut disconnected = host(1024, 993);
        disconnected.agent_connected = false;
        let external = host(1024, 993).named("mi-01234567890abcdef");
        let instances =
            [host(1024, 993), host(1024, 993), disconnected, with("DRAINING"), with("REGISTERING"), external];
        let report = figures(&instances, &worst(250, 400)).unwrap();
        assert_eq!((report.hosts, report.container_capacity), (2, 4));
    }

    #[test]
    fn what_binds_capacity_need_not_bind_idle_hosts() {
        // CPU: 2 of 2 a host. Memory: 3 of 5 a host.
        let report = figures(&[host(1000, 1000).with_left(1000, 600)], &worst(500, 200)).unwrap();
        assert_eq!((report.container_capacity, report.container_capacity_bound_by), (2, Some(Resource::Cpu)));
        assert_eq!(
            (report.idle_host_capacity, report.idle_host_capacity_bound_by),
            (0.6, Some(Resource::Memory))
        );
    }

    #[test]
    fn the_largest_host_of_each_resource_sets_the_size() {
        let mixed = [host(2048, 1000), host(1024, 4000)];
        let report = figures(&mixed, &worst(500, 1000)).unwrap();
        // CPU (4 + 2) / 4, memory (1 + 4) / 4.
        assert_eq!(report.resources.iter().map(|one| one.per_host).collect::<Vec<_>>(), [4, 4]);
        assert_eq!(report.idle_host_capacity, 1.25);
        assert_eq!((report.container_capacity, report.placeable_containers), (5, 3));
    }

    #[test]
    fn resources_free_on_different_hosts_are_capacity_but_nothing_can_be_placed() {
        let hosts = [host(1000, 1000).with_left(1000, 0), host(1000, 1000).with_left(0, 1000)];
        let report = figures(&hosts, &worst(500, 500)).unwrap();
        assert_eq!((report.container_capacity, report.placeable_containers), (2, 0));
        assert_eq!(report.resources.iter().map(|one| one.full_hosts).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn each_port_is_counted_on_its_own_and_the_scarcest_is_the_resources_value() {
        let mut hosts = vec![host(1000, 1000); 4];
        hosts[0].remaining.tcp_ports_taken.insert(Port(80));
        hosts[1].remaining.tcp_ports_taken.insert(Port(443));
        hosts[2].remaining.tcp_ports_taken.insert(Port(443));
        let report = figures(&hosts, &worst(100, 100).with_tcp([80, 443])).unwrap();
        // Port 80 is free on three hosts, 443 on two, both on one.
        assert_eq!((report.container_capacity, report.placeable_containers), (2, 1));
        assert_eq!(report.idle_host_capacity, 2.0);
    }

    #[test]
    fn an_instance_type_that_is_not_in_the_table_has_no_room_where_tasks_need_network_interfaces() {
        let mut hosts = [host(1000, 1000), host(1000, 1000), host(1000, 1000)];
        hosts[0] = hosts[0].clone().of_type("c5.large", false);
        hosts[1] = hosts[1].clone().of_type("z99.nano", false);
        let report = figures(&hosts, &worst(100, 100).with_network_interface()).unwrap();
        assert_eq!((report.placeable_containers, report.container_capacity), (2, 2));
        assert_eq!(report.unknown_instance_types, ["unknown".to_owned(), "z99.nano".to_owned()].into());
        let report = figures(&hosts, &worst(100, 100)).unwrap();
        assert_eq!((report.placeable_containers, report.unknown_instance_types), (30, BTreeSet::new()));
    }

    #[test]
    fn the_largest_numbers_stay_finite() {
        let report = figures(&vec![host(u64::MAX, u64::MAX); 3], &worst(1, 1)).unwrap();
        assert!(report.idle_host_capacity.is_finite());
        assert_eq!(float(5_000), 5_000.0);
        assert_eq!(float((1 << 52) + 1), 4_503_599_627_370_497.0);
    }
}
