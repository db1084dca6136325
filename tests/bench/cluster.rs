//! The clusters, and which calls a look at one takes.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, Service, TaskDefinition, World};
use fleetkeeper_tests::Error;

/// The cluster's name.
pub(crate) const NAME: &str = "demo";

const GROUP: &str = "demo-asg";

/// An agent tells of dozens of capabilities, which are most of what `DescribeContainerInstances` answers: here of so many.
const CAPABILITIES: u32 = 40;

/// Hosts to a service.
const HOSTS_A_SERVICE: u32 = 100;

/// How many ECS lists in a page, and describes in a call; of services it describes ten.
const PAGE: u32 = 100;
const SERVICES: u32 = 10;

/// How often each operation is called.
pub(crate) type Calls = BTreeMap<Operation, u32>;

/// A cluster of so many hosts, all of them ACTIVE and connected, with a REPLICA service for each hundred.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cluster {
    pub(crate) hosts: u32,
    /// Whether the services' tasks have network interfaces of their own: the calculator then reads the tasks.
    pub(crate) awsvpc: bool,
}

impl Cluster {
    /// Two tasks a host; of those that are read no more than one, as above 5,000 they no longer are.
    pub(crate) const fn tasks_a_host(awsvpc: bool) -> u32 {
        if awsvpc { 1 } else { 2 }
    }

    fn tasks(self) -> u32 {
        self.hosts * Self::tasks_a_host(self.awsvpc)
    }

    fn services(self) -> u32 {
        self.hosts.div_ceil(HOSTS_A_SERVICE)
    }

    /// The cluster with all its tasks running, in which nothing changes by time.
    pub(crate) fn world(self) -> Result<World, Error> {
        let mut world = World::new(Utc::now() - TimeDelta::seconds(120));
        world.add_cluster(NAME);
        let of_type = (0..CAPABILITIES).fold(InstanceType::new("c5.large", 2048, 3767), |of_type, number| {
            of_type.attribute(&format!("com.amazonaws.ecs.capability.docker-remote-api.1.{number}"), "")
        });
        world.add_group(AutoScalingGroup::new(GROUP, of_type).in_cluster(NAME).sizes(0, self.hosts));
        for _ in 0..self.hosts {
            world.launch_now(GROUP)?;
        }
        let services: Vec<_> = (0..self.services()).map(|number| format!("service-{number}")).collect();
        for service in &services {
            let task = TaskDefinition::new(service, 512, 1024);
            let task = if self.awsvpc { task.awsvpc() } else { task };
            world.create_service(NAME, Service::new(service, self.tasks() / self.services(), task))?;
        }
        world.advance_seconds(120);
        world.take_outbox();
        match services.iter().find(|service| !world.is_steady(NAME, service)) {
            Some(service) => Err(format!("{service} does not have its tasks").into()),
            None => Ok(world),
        }
    }

    /// What one look calls, and no more. Task definitions never change: they are read when it is a cold one.
    pub(crate) fn calls(self, cold: bool) -> Calls {
        let (hosts, tasks) = (self.hosts.div_ceil(PAGE), self.tasks().div_ceil(PAGE));
        let mut calls = Calls::from([
            (Operation::ListContainerInstances, hosts),
            (Operation::DescribeContainerInstances, hosts),
            (Operation::ListServices, self.services().div_ceil(PAGE)),
            (Operation::DescribeServices, self.services().div_ceil(SERVICES)),
            (Operation::PutMetricData, 1),
        ]);
        if cold {
            calls.insert(Operation::DescribeTaskDefinition, self.services());
        }
        if self.awsvpc {
            // One page more: of the tasks desired STOPPED, of which there are none.
            calls.insert(Operation::ListTasks, tasks + 1);
            calls.insert(Operation::DescribeTasks, tasks);
        }
        calls
    }

    /// A look's reads of container instances and tasks, which share one pace. The others have paces of their own, and take
    /// less of them.
    pub(crate) fn paced_reads(self) -> u32 {
        use Operation::{DescribeContainerInstances, DescribeTasks, ListContainerInstances, ListTasks};
        let paced = [ListContainerInstances, DescribeContainerInstances, ListTasks, DescribeTasks];
        let calls = self.calls(false);
        paced.iter().filter_map(|operation| calls.get(operation)).sum()
    }
}
