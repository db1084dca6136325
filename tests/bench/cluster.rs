//! The clusters, and the calls of a snapshot of one.

use chrono::{TimeDelta, Utc};
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, Service, TaskDefinition, World};
use fleetkeeper_tests::Error;
use serde_json::Value;

use crate::aws::Calls;

/// The cluster's name.
pub(crate) const NAME: &str = "demo";

pub(crate) const GROUP: &str = "demo-asg";

/// The reservation of a service's task.
pub(crate) const TASK_CPU: u64 = 512;
pub(crate) const TASK_MEMORY: u64 = 1024;

/// An agent lists dozens of capabilities, which are most of the answer of
/// `DescribeContainerInstances`. Here it lists this many.
const CAPABILITIES: u32 = 40;

/// Hosts to a service.
const HOSTS_A_SERVICE: u32 = 100;

/// How many ECS lists in a page, and describes in a call; of services it describes ten.
pub(crate) const PAGE: u32 = 100;
const SERVICES: u32 = 10;

/// Tasks to a host.
const TASKS_A_HOST: u32 = 2;

/// A cluster of ACTIVE and connected hosts, with a REPLICA service for each hundred.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cluster {
    pub(crate) hosts: u32,
}

impl Cluster {
    fn services(self) -> u32 {
        self.hosts.div_ceil(HOSTS_A_SERVICE)
    }

    /// The cluster with all its tasks running, in which nothing changes by time, and an event of
    /// one of its hosts.
    pub(crate) fn world(self) -> Result<(World, Value), Error> {
        let mut world = World::new(Utc::now() - TimeDelta::seconds(120));
        world.add_cluster(NAME);
        world.add_group(AutoScalingGroup::new(GROUP, of_type()).in_cluster(NAME).sizes(0, self.hosts));
        for _ in 0..self.hosts {
            world.launch_now(GROUP)?;
        }
        let services: Vec<_> = (0..self.services()).map(|number| format!("service-{number}")).collect();
        for service in &services {
            let task = TaskDefinition::new(service, TASK_CPU, TASK_MEMORY);
            let tasks = self.hosts * TASKS_A_HOST / self.services();
            world.create_service(NAME, Service::new(service, tasks, task))?;
        }
        world.advance_seconds(120);
        if let Some(service) = services.iter().find(|service| !world.is_steady(NAME, service)) {
            return Err(format!("{service} does not have its tasks").into());
        }
        let events = world.take_outbox();
        let event = events.iter().rev().filter_map(fleetkeeper_sim::world::outbox::Emission::event);
        let of_instance = event.into_iter().find(|event| {
            event.get("detail-type").is_some_and(|it| it == "ECS Container Instance State Change")
        });
        Ok((world, of_instance.ok_or("no host of the cluster ever changed")?))
    }

    /// The exact calls of one snapshot. Task definitions never change: only a cold invocation reads
    /// them.
    pub(crate) fn calls(self, cold: bool) -> Calls {
        let calls = [
            ("ListContainerInstances", self.hosts.div_ceil(PAGE)),
            ("DescribeContainerInstances", self.hosts.div_ceil(PAGE)),
            ("ListServices", self.services().div_ceil(PAGE)),
            ("DescribeServices", self.services().div_ceil(SERVICES)),
            ("PutMetricData", 1),
            ("DescribeTaskDefinition", if cold { self.services() } else { 0 }),
        ];
        let made = calls.into_iter().filter(|(_, count)| *count > 0);
        made.map(|(operation, count)| (operation.to_owned(), count)).collect()
    }

    /// A snapshot's reads of container instances, which share one pace. The others have paces of
    /// their own, and take less of them.
    pub(crate) const fn paced_reads(self) -> u32 {
        2 * self.hosts.div_ceil(PAGE)
    }
}

/// The hosts' type, with an agent as talkative as a real one.
pub(crate) fn of_type() -> InstanceType {
    (0..CAPABILITIES).fold(InstanceType::new("c5.large", 2048, 3767), |of_type, number| {
        of_type.attribute(&format!("com.amazonaws.ecs.capability.docker-remote-api.1.{number}"), "")
    })
}
