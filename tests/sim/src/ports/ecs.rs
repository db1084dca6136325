//! Container instances and tasks.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{Attributes, ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::ports::{
    Answer, CallError, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances, Page,
    PageToken, Tasks, TasksOf,
};
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn, TaskDefinitionArn};

use super::SimulatedAws;
use crate::world::Operation;
use crate::world::ecs::container_instance::DescribedContainerInstance;
use crate::world::ecs::list::{ListContainerInstances, ListTasks};
use crate::world::ecs::task::{self, LastStatus, desired_status_name};
use crate::world::history::Occurrence;

impl ContainerInstances for SimulatedAws {
    async fn list_container_instances(
        &self,
        cluster: &Cluster,
        query: &ContainerInstanceQuery,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError> {
        let filter = query.filter();
        self.call(Operation::ListContainerInstances, cluster.reference(), |world| {
            world.list_container_instances(ListContainerInstances {
                cluster: Some(cluster.reference()),
                filter: filter.as_deref(),
                status: query.only_active().then_some("ACTIVE"),
                next_token: page.map(|token| token.0.as_str()),
                ..ListContainerInstances::default()
            })
        })
        .await
    }

    async fn describe_container_instances(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        let named: Vec<String> = arns.iter().map(|arn| arn.0.clone()).collect();
        let operation = Operation::DescribeContainerInstances;
        let answer = self.call_on_several(operation, cluster.reference(), &named, |world, named| {
            world.describe_container_instances(Some(cluster.reference()), named)
        });
        Ok(map(answer.await?, container_instance))
    }
}

impl ContainerInstanceDraining for SimulatedAws {
    async fn set_draining(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        let named: Vec<String> = arns.iter().map(|arn| arn.0.clone()).collect();
        let operation = Operation::UpdateContainerInstancesState;
        let answer = self.call_on_several(operation, cluster.reference(), &named, |world, named| {
            world.update_container_instances_state(Some(cluster.reference()), named, "DRAINING")
        });
        Ok(map(answer.await?, container_instance))
    }
}

impl Tasks for SimulatedAws {
    async fn list_tasks(
        &self,
        cluster: &Cluster,
        of: TasksOf<'_>,
        desired: DesiredStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<TaskArn>, CallError> {
        let container_instance = match of {
            TasksOf::Cluster => None,
            TasksOf::ContainerInstance(arn) => Some(arn),
        };
        let listed = self.call(Operation::ListTasks, cluster.reference(), |world| {
            let listed = world.list_tasks(ListTasks {
                cluster: Some(cluster.reference()),
                container_instance: container_instance.map(|arn| arn.0.as_str()),
                desired_status: Some(desired_status_name(desired)),
                next_token: page.map(|token| token.0.as_str()),
                ..ListTasks::default()
            })?;
            Ok((listed, world.now()))
        });
        let (listed, read_at) = listed.await?;
        self.record_for_caller(Occurrence::TasksListed {
            cluster: cluster.reference().to_owned(),
            container_instance: container_instance.cloned(),
            desired_status: desired,
            tasks: listed.items.len(),
            first_page: page.is_none(),
            last_page: listed.next.is_none(),
            read_at,
        });
        Ok(listed)
    }

    async fn describe_tasks(&self, cluster: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError> {
        let named: Vec<String> = arns.iter().map(|arn| arn.0.clone()).collect();
        let operation = Operation::DescribeTasks;
        let answer = self.call_on_several(operation, cluster.reference(), &named, |world, named| {
            world.describe_tasks(Some(cluster.reference()), named)
        });
        Ok(map(answer.await?, described_task))
    }
}

fn described_task(task: task::Task) -> Task {
    Task {
        group: task.group(),
        arn: task.arn,
        last_status: task.last_status.to_string(),
        desired_status: task.desired_status,
        container_instance: task.container_instance,
        definition: TaskDefinitionArn(task.definition.arn()),
        cpu: task.definition.cpu,
        memory: task.definition.memory,
        tcp_ports: task.definition.host_tcp_ports().clone(),
        udp_ports: task.definition.host_udp_ports().clone(),
        network_interface: task.definition.awsvpc && task.last_status != LastStatus::Stopped,
        stopping_at: task.stopping_at,
        stopped_at: task.stopped_at,
        stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason,
    }
}

pub(super) fn map<A, B>(answer: Answer<A>, item: impl Fn(A) -> B) -> Answer<B> {
    Answer { items: answer.items.into_iter().map(item).collect(), failures: answer.failures }
}

fn container_instance(instance: DescribedContainerInstance) -> ContainerInstance {
    ContainerInstance {
        arn: instance.arn,
        ec2_instance_id: instance.ec2_instance_id.to_string(),
        status: instance.status,
        agent_connected: instance.agent_connected,
        running_tasks: instance.running_tasks,
        pending_tasks: instance.pending_tasks,
        registered: instance.registered,
        remaining: instance.remaining,
        attributes: Attributes(instance.attributes.as_ref().clone()),
        capacity_provider: instance.capacity_provider,
        network_interfaces: None,
        registered_at: Some(instance.registered_at),
        version: u64::try_from(instance.version).unwrap_or(0),
    }
}
