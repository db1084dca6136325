//! Container instances.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{
    ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Ec2InstanceId, Mib, Resources,
};
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

pub use super::instance_type::{Attributes, InstanceType};
use super::task::Task;
use super::task_definition::TaskDefinition;
use super::{Cluster, cluster_arn};
use crate::world::{ApiError, World};

/// The agent's version, on every instance.
pub(crate) const AGENT_VERSION: &str = "1.97.1";

/// What ECS counts as taken on an instance, kept as a sum: placing then looks at no single task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reserved {
    pub(crate) tasks: u32,
    pub(crate) cpu: CpuUnits,
    pub(crate) memory: Mib,
    pub(crate) gpus: u32,
    pub(crate) host_ports: u32,
}

impl Reserved {
    pub(crate) fn add(&mut self, definition: &TaskDefinition) {
        self.tasks += 1;
        self.cpu.0 += definition.cpu.0;
        self.memory.0 += definition.memory.0;
        self.gpus += definition.gpus;
        self.host_ports += definition.host_ports();
    }

    pub(crate) fn release(&mut self, definition: &TaskDefinition) {
        self.tasks -= 1;
        self.cpu.0 -= definition.cpu.0;
        self.memory.0 -= definition.memory.0;
        self.gpus -= definition.gpus;
        self.host_ports -= definition.host_ports();
    }
}

/// A container instance as the cluster keeps it.
#[derive(Debug, Clone)]
pub(crate) struct ContainerInstance {
    pub(crate) arn: ContainerInstanceArn,
    pub(crate) ec2_instance_id: Ec2InstanceId,
    pub(crate) status: ContainerInstanceStatus,
    pub(crate) agent_connected: bool,
    /// True if its agent disconnected on its own. It will connect again on its own.
    pub(crate) flapped: bool,
    /// Its EC2 instance was terminated; where its agent was disconnected, ECS does not know.
    pub(crate) host_gone: bool,
    pub(crate) attributes: Arc<Attributes>,
    /// That of its group, when it registered.
    pub(crate) capacity_provider: Option<String>,
    pub(crate) awsvpc_task_limit: u32,
    pub(crate) registered: Resources,
    /// The tasks here that have not STOPPED, in the order of their placement.
    pub(crate) tasks: Vec<TaskArn>,
    /// Those that have STOPPED, as long as ECS lists them.
    pub(crate) stopped_tasks: BTreeSet<TaskArn>,
    /// The resources that the tasks here reserve, of those desired RUNNING.
    pub(crate) reserved: Reserved,
    pub(crate) version: i64,
    pub(crate) registered_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// A container instance as `DescribeContainerInstances` and events show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedContainerInstance {
    /// Its ARN, in the format that names the cluster.
    pub arn: ContainerInstanceArn,
    /// Its cluster's ARN.
    pub cluster_arn: String,
    /// The EC2 instance below it.
    pub ec2_instance_id: Ec2InstanceId,
    /// Its status.
    pub status: ContainerInstanceStatus,
    /// True if its agent is connected.
    pub agent_connected: bool,
    /// Tasks desired RUNNING and running.
    pub running_tasks: u32,
    /// Tasks in PENDING.
    pub pending_tasks: u32,
    /// Its resources in total; the ports are those that the agent keeps.
    pub registered: Resources,
    /// Its free resources; the ports are those in use.
    pub remaining: Resources,
    /// The most awsvpc tasks that it can hold. The API does not show this.
    pub awsvpc_task_limit: u32,
    /// Its tasks that hold a network interface. The API shows them only in the tasks' attachments.
    pub awsvpc_tasks: u32,
    /// Attributes; a capability has no value.
    pub attributes: Arc<Attributes>,
    /// Its capacity provider, if its group had one when it registered.
    pub capacity_provider: Option<String>,
    /// Goes up with each change that sends an event.
    pub version: i64,
    /// When it registered.
    pub registered_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl ContainerInstance {
    /// Its Availability Zone.
    pub(crate) fn zone(&self) -> &str {
        self.attributes.get("ecs.availability-zone").and_then(Option::as_deref).unwrap_or_default()
    }
}

impl Cluster {
    /// The tasks of an instance that have not STOPPED.
    pub(crate) fn tasks_on(&self, instance: &ContainerInstance) -> impl Iterator<Item = &Task> {
        instance.tasks.iter().filter_map(|arn| self.tasks.get(arn))
    }

    /// What ECS counts as free: what a task reserved is, as soon as the task is being stopped. AWS
    /// says so itself ("optimistically considers instance resources as free ... whenever a running
    /// task transitions to the stopping state", July 2023).
    fn remaining(&self, instance: &ContainerInstance) -> Resources {
        let mut remaining = instance.registered.clone();
        remaining.cpu.0 = remaining.cpu.0.saturating_sub(instance.reserved.cpu.0);
        remaining.memory.0 = remaining.memory.0.saturating_sub(instance.reserved.memory.0);
        remaining.gpus = remaining.gpus.saturating_sub(instance.reserved.gpus);
        for task in self.tasks_on(instance).filter(|task| task.desired_status == DesiredStatus::Running) {
            remaining.tcp_ports_taken.extend(task.definition.host_tcp_ports());
            remaining.udp_ports_taken.extend(task.definition.host_udp_ports());
        }
        remaining
    }

    /// How many network interfaces tasks hold: a task gives its own back when it has STOPPED, not
    /// before.
    pub(crate) fn awsvpc_tasks(&self, instance: &ContainerInstance) -> u32 {
        count(self.tasks_on(instance).filter(|task| task.definition.awsvpc))
    }

    pub(crate) fn describe(&self, instance: &ContainerInstance) -> DescribedContainerInstance {
        DescribedContainerInstance {
            arn: instance.arn.clone(),
            cluster_arn: cluster_arn(&self.name),
            ec2_instance_id: instance.ec2_instance_id.clone(),
            status: instance.status.clone(),
            agent_connected: instance.agent_connected,
            running_tasks: count(self.tasks_on(instance).filter(|task| task.counts_as_running())),
            pending_tasks: count(self.tasks_on(instance).filter(|task| task.counts_as_pending())),
            registered: instance.registered.clone(),
            remaining: self.remaining(instance),
            awsvpc_task_limit: instance.awsvpc_task_limit,
            awsvpc_tasks: self.awsvpc_tasks(instance),
            attributes: Arc::clone(&instance.attributes),
            capacity_provider: instance.capacity_provider.clone(),
            version: instance.version,
            registered_at: instance.registered_at,
            updated_at: instance.updated_at,
        }
    }

    /// Every container instance of an EC2 instance: several where its agent registered anew.
    pub(crate) fn all_of_ec2_instance(&self, id: &Ec2InstanceId) -> impl Iterator<Item = &ContainerInstance> {
        self.container_instances.values().filter(move |instance| instance.ec2_instance_id == *id)
    }

    /// The container instance of an EC2 instance: of those that are not INACTIVE the one that
    /// registered last.
    pub(crate) fn of_ec2_instance(&self, id: &Ec2InstanceId) -> Option<&ContainerInstance> {
        self.all_of_ec2_instance(id)
            .filter(|instance| instance.status != ContainerInstanceStatus::Inactive)
            .max_by_key(|instance| instance.registered_at)
    }
}

pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    items.fold(0, |count, _| count + 1)
}

impl World {
    /// `PutAttributes` of one custom attribute.
    pub fn put_attribute(
        &mut self,
        cluster: &str,
        id: &Ec2InstanceId,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), ApiError> {
        let change = |attributes: &mut Attributes| {
            attributes.insert(name.to_owned(), value.map(str::to_owned));
        };
        self.change_attributes(cluster, id, change)
    }

    /// `DeleteAttributes` of one.
    pub fn delete_attribute(
        &mut self,
        cluster: &str,
        id: &Ec2InstanceId,
        name: &str,
    ) -> Result<(), ApiError> {
        self.change_attributes(cluster, id, |attributes| {
            attributes.remove(name);
        })
    }

    fn change_attributes(
        &mut self,
        cluster: &str,
        id: &Ec2InstanceId,
        change: impl FnOnce(&mut Attributes),
    ) -> Result<(), ApiError> {
        let arn = self.container_instance_arn(cluster, id)?;
        if let Some(instance) = self.container_instance_mut(cluster, &arn) {
            change(Arc::make_mut(&mut instance.attributes));
        }
        self.container_instance_changed(cluster, &arn);
        self.unsettle(cluster, None);
        self.request_service_scheduler(cluster);
        Ok(())
    }

    /// The container instance of an EC2 instance, read from outside the API. None if it is not in
    /// the cluster.
    #[must_use]
    pub fn container_instance_of(
        &self,
        cluster: &str,
        id: &Ec2InstanceId,
    ) -> Option<DescribedContainerInstance> {
        let cluster = self.clusters.get(cluster)?;
        cluster.of_ec2_instance(id).map(|instance| cluster.describe(instance))
    }

    pub(crate) fn container_instance_mut(
        &mut self,
        cluster: &str,
        arn: &ContainerInstanceArn,
    ) -> Option<&mut ContainerInstance> {
        self.clusters.get_mut(cluster)?.container_instances.get_mut(arn)
    }

    /// The ARN of an EC2 instance's container instance, or the error that a caller of a lever gets.
    pub(crate) fn container_instance_arn(
        &self,
        cluster: &str,
        id: &Ec2InstanceId,
    ) -> Result<ContainerInstanceArn, ApiError> {
        let found = self.cluster(cluster)?.of_ec2_instance(id).map(|instance| instance.arn.clone());
        found.ok_or_else(|| ApiError::invalid_parameter(format!("{id} is not in cluster {cluster}")))
    }
}
