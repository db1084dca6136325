//! A worst-case container that fits on no host.

use std::cmp::Reverse;
use std::fmt;

use super::resource::{Demand, Resource};
use super::worst_case::{WorstCaseContainer, write_ports};
use crate::container_instance::ContainerInstance;

/// The worst-case container fits on no host, however empty. Adding hosts of these sizes would never
/// help, so the calculator must publish no figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitsNoHost {
    /// The container.
    pub worst_case_container: Box<WorstCaseContainer>,
    /// How many hosts there are.
    pub hosts: usize,
    /// The host that comes nearest: it fails in the fewest resources, and is the largest of those.
    pub largest_host: Box<ContainerInstance>,
    /// The resources in which it fails.
    pub fails_in: Vec<Resource>,
}

impl FitsNoHost {
    /// Returns an error if `worst` fits on none of `hosts`. Without a host nobody can know, and
    /// there is no error.
    pub(super) fn check(worst: &WorstCaseContainer, hosts: &[&ContainerInstance]) -> Result<(), Self> {
        if worst.fits_on_empty_one_of(hosts) {
            return Ok(());
        }
        // The ARN last: what is said must not depend on the order of the instances.
        let nearest = hosts.iter().copied().min_by_key(|host| {
            let fails = worst.lacking_on_empty(host).count();
            (fails, Reverse((host.registered.cpu, host.registered.memory)), &host.arn)
        });
        let Some(host) = nearest else { return Ok(()) };
        Err(Self {
            worst_case_container: Box::new(worst.clone()),
            hosts: hosts.len(),
            largest_host: Box::new(host.clone()),
            fails_in: worst.lacking_on_empty(host).collect(),
        })
    }
}

impl WorstCaseContainer {
    /// Returns whether there is a host on which it fits while nothing runs there: in most clusters
    /// the first that is asked.
    pub(super) fn fits_on_empty_one_of(&self, hosts: &[&ContainerInstance]) -> bool {
        hosts.iter().any(|host| self.lacking_on_empty(host).next().is_none())
    }

    /// The resources of which a host has too little, even while nothing runs there. It is asked for
    /// each task definition and host: nothing is allocated.
    pub(super) fn lacking_on_empty(&self, host: &ContainerInstance) -> impl Iterator<Item = Resource> {
        let lacking = self.demands().filter(|demand| demand.when_empty(host) == 0).map(Demand::resource);
        // Each once, however many of its ports are lacking.
        let mut last = None;
        lacking.filter(move |resource| last.replace(*resource) != Some(*resource))
    }
}

impl fmt::Display for FitsNoHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, registered) = (&self.largest_host.ec2_instance_id, &self.largest_host.registered);
        write!(
            f,
            "the worst-case container ({}) fits on none of {} ACTIVE, connected hosts: even empty, the largest, \
             {host} ({} CPU units, {} MiB",
            self.worst_case_container, self.hosts, registered.cpu.0, registered.memory.0,
        )?;
        write_ports(f, ", its agent keeps TCP", &registered.tcp_ports_taken)?;
        write_ports(f, ", its agent keeps UDP", &registered.udp_ports_taken)?;
        f.write_str("), has too little of")?;
        self.fails_in.iter().try_for_each(|resource| write!(f, " {resource}"))
    }
}

impl std::error::Error for FitsNoHost {}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::capacity::figures;
    use crate::capacity::fixture::{host, worst};
    use crate::container_instance::Port;

    fn said(hosts: &[ContainerInstance], worst: &WorstCaseContainer) -> String {
        figures(hosts, worst).unwrap_err().to_string()
    }

    #[test]
    fn names_the_container_the_largest_host_and_what_fails() {
        let hosts = [host(512, 400).named("i-small"), host(1024, 993).named("i-large")];
        expect!["the worst-case container (2000 CPU units, 400 MiB) fits on none of 2 ACTIVE, connected hosts: even empty, the largest, i-large (1024 CPU units, 993 MiB), has too little of CPU"].assert_eq(&said(&hosts, &worst(2000, 400)));
        expect!["the worst-case container (2000 CPU units, 4000 MiB) fits on none of 2 ACTIVE, connected hosts: even empty, the largest, i-large (1024 CPU units, 993 MiB), has too little of CPU MEMORY"].assert_eq(&said(&hosts, &worst(2000, 4000)));
    }

    #[test]
    fn every_resource_on_some_host_is_not_all_resources_on_one() {
        let hosts = [host(4096, 500).named("i-cpu"), host(500, 4096).named("i-memory")];
        expect!["the worst-case container (1000 CPU units, 1000 MiB) fits on none of 2 ACTIVE, connected hosts: even empty, the largest, i-cpu (4096 CPU units, 500 MiB), has too little of MEMORY"].assert_eq(&said(&hosts, &worst(1000, 1000)));
        assert!(figures(&[hosts[0].clone(), hosts[1].clone(), host(1000, 1000)], &worst(1000, 1000)).is_ok());
    }

    #[test]
    fn a_port_that_every_agent_keeps_fails_and_is_shown() {
        let mut agent = host(1024, 993).named("i-1");
        agent.registered.tcp_ports_taken = [Port(22), Port(2375)].into();
        expect!["the worst-case container (250 CPU units, 400 MiB, TCP 22) fits on none of 1 ACTIVE, connected hosts: even empty, the largest, i-1 (1024 CPU units, 993 MiB, its agent keeps TCP 22 2375), has too little of TCP_PORTS"].assert_eq(&said(&[agent], &worst(250, 400).with_tcp([22])));
    }

    #[test]
    fn a_full_host_is_not_one_that_it_does_not_fit_on() {
        assert!(figures(&[host(1024, 993).with_left(0, 0)], &worst(250, 400)).is_ok());
    }

    #[test]
    fn only_hosts_that_take_tasks_count() {
        let mut large = host(4096, 4096);
        large.agent_connected = false;
        assert!(figures(&[large, host(500, 500)], &worst(1000, 1000)).is_err());
    }
}
