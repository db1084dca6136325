//! The cluster: hosts for two tasks each, a service behind a load balancer, and names that a reader
//! can keep apart.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::history::{History, Occurrence};
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, World,
};
use fleetkeeper_tests::Error;

pub(crate) const CLUSTER: &str = "demo";
pub(crate) const GROUP: &str = "demo-asg";
pub(crate) const SERVICE: &str = "web";

/// A second group, of another CPU architecture, and the one service that runs there.
pub(crate) const ARM_GROUP: &str = "demo-arm";
pub(crate) const ARM_SERVICE: &str = "report";

/// The calculator discovers the worst-case container of the first group: its service's one
/// container. A host has CPU and memory for 2 of it.
const CONTAINER_CPU: u64 = 500;
const CONTAINER_MEMORY: u64 = 400;

/// Two hosts of 1,024 CPU units and 993 MiB, with three tasks running. The deregistration delay of
/// their load balancer is 12 s in place of the default 300 s.
pub(crate) fn world() -> Result<World, Error> {
    let mut world = World::new(Utc::now() - TimeDelta::seconds(60));
    world.add_cluster(CLUSTER);
    let of_type = InstanceType::new("t2.micro", 1024, 993);
    world.add_group(AutoScalingGroup::new(GROUP, of_type).in_cluster(CLUSTER).launching_in(4));
    let hook = LifecycleHook::new("terminating", "arn:aws:sns:us-east-1:111122223333:lifecycle");
    let hook = hook.heartbeat_timeout(30).default_result(ActionResult::Continue);
    world.put_lifecycle_hook(GROUP, hook)?;
    world.launch_now(GROUP)?;
    world.launch_now(GROUP)?;
    let web = TaskDefinition::new(SERVICE, CONTAINER_CPU, CONTAINER_MEMORY);
    let web = web.pending(2).healthy_after(2).deregistration_delay(12).stopping(2);
    world.create_service(CLUSTER, Service::new(SERVICE, 3, web))?;
    world.advance_seconds(60);
    world.take_outbox();
    Ok(world)
}

/// Adds a group of one arm64 host, with room for two tasks, and a service that wants three.
pub(crate) fn add_arm_group(world: &mut World) -> Result<(), Error> {
    let of_type = InstanceType::new("t4g.small", 2048, 1885);
    world.add_group(AutoScalingGroup::new(ARM_GROUP, of_type).in_cluster(CLUSTER).launching_in(4));
    world.launch_now(ARM_GROUP)?;
    let report = TaskDefinition::new(ARM_SERVICE, 900, 700).cpu_architecture("ARM64").pending(2);
    world.create_service(CLUSTER, Service::new(ARM_SERVICE, 3, report))?;
    Ok(())
}

/// Hosts and tasks by the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Names {
    hosts: BTreeMap<String, String>,
    tasks: BTreeMap<String, String>,
}

impl Names {
    pub(crate) fn of(history: &History) -> Self {
        let (mut names, mut launched) = (Self::default(), 0);
        for entry in history.entries() {
            match &entry.what {
                Occurrence::InstanceLaunching { instance, .. } => {
                    launched += 1;
                    names.hosts.insert(instance.to_string(), format!("host {launched}"));
                }
                Occurrence::ContainerInstanceRegistered { container_instance, ec2_instance_id, .. } => {
                    let name = names.host(ec2_instance_id.as_str());
                    names.hosts.insert(container_instance.to_string(), name);
                }
                Occurrence::TaskPlaced { task, .. } => {
                    let name = format!("task {}", names.tasks.len() + 1);
                    names.tasks.insert(task.to_string(), name);
                }
                _ => {}
            }
        }
        names
    }

    /// A host by its EC2 instance id or its container instance's ARN.
    pub(crate) fn host(&self, id: &str) -> String {
        self.hosts.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    pub(crate) fn task(&self, arn: &str) -> String {
        self.tasks.get(arn).cloned().unwrap_or_else(|| arn.to_owned())
    }
}

/// The host that has been in the group for longest.
pub(crate) fn oldest_host(world: &World) -> Option<Ec2InstanceId> {
    let in_group = world.instances(GROUP);
    world.history().entries().iter().find_map(|entry| match &entry.what {
        Occurrence::InstanceLaunching { instance, .. } if in_group.contains_key(instance) => {
            Some(instance.clone())
        }
        _ => None,
    })
}
