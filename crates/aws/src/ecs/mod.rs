//! ECS's ports.
//!
//! | module | purpose |
//! | --- | --- |
//! | `task` | tasks as the API shows them |
//! | `stop_task` | stopping them |
//! | `task_definition`, `service`, `task_protection`, `capacity_provider` | a port each |

mod capacity_provider;
mod service;
mod stop_task;
mod task;
mod task_definition;
mod task_protection;

use std::collections::BTreeSet;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    Attribute as SdkAttribute, ContainerInstance as SdkContainerInstance,
    ContainerInstanceStatus as SdkStatus, DesiredStatus as SdkDesired, Failure as SdkFailure,
    Resource as SdkResource,
};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{
    Attributes, ContainerInstance, ContainerInstanceArn, CpuUnits, Mib, Port, Resources,
};
use fleetkeeper_core::ports::{
    Answer, CallError, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances, Failure, Page,
    PageToken, Tasks, TasksOf,
};
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn};

use crate::call_error::call_error;
use crate::timestamp::time;

/// ECS.
#[derive(Debug, Clone)]
pub struct Ecs {
    client: Client,
}

impl Ecs {
    /// ECS by the SDK's configuration.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

impl ContainerInstances for Ecs {
    async fn list_container_instances(
        &self,
        cluster: &Cluster,
        query: &ContainerInstanceQuery,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError> {
        let answer = self
            .client
            .list_container_instances()
            .cluster(cluster.reference())
            .set_filter(query.filter())
            .set_status(query.only_active().then_some(SdkStatus::Active))
            .set_next_token(page.map(|token| token.0.clone()))
            .send()
            .await
            .map_err(|error| call_error("ecs:ListContainerInstances", in_cluster(cluster), error))?;
        let items = answer.container_instance_arns.unwrap_or_default();
        Ok(Page {
            items: items.into_iter().map(ContainerInstanceArn).collect(),
            next: answer.next_token.map(PageToken),
        })
    }

    async fn describe_container_instances(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        let answer = self
            .client
            .describe_container_instances()
            .cluster(cluster.reference())
            .set_container_instances(Some(arns.iter().map(|arn| arn.0.clone()).collect()))
            .send()
            .await
            .map_err(|error| call_error("ecs:DescribeContainerInstances", in_cluster(cluster), error))?;
        Ok(Answer {
            items: answer.container_instances().iter().map(container_instance).collect(),
            failures: answer.failures().iter().map(failure).collect(),
        })
    }
}

impl ContainerInstanceDraining for Ecs {
    async fn set_draining(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError> {
        let answer = self
            .client
            .update_container_instances_state()
            .cluster(cluster.reference())
            .set_container_instances(Some(arns.iter().map(|arn| arn.0.clone()).collect()))
            .status(SdkStatus::Draining)
            .send()
            .await
            .map_err(|error| call_error("ecs:UpdateContainerInstancesState", in_cluster(cluster), error))?;
        Ok(Answer {
            items: answer.container_instances().iter().map(container_instance).collect(),
            failures: answer.failures().iter().map(failure).collect(),
        })
    }
}

impl Tasks for Ecs {
    async fn list_tasks(
        &self,
        cluster: &Cluster,
        of: TasksOf<'_>,
        desired: DesiredStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<TaskArn>, CallError> {
        let answer = self
            .client
            .list_tasks()
            .cluster(cluster.reference())
            .set_container_instance(match of {
                TasksOf::Cluster => None,
                TasksOf::ContainerInstance(arn) => Some(arn.0.clone()),
            })
            .desired_status(match desired {
                DesiredStatus::Running => SdkDesired::Running,
                DesiredStatus::Stopped => SdkDesired::Stopped,
            })
            .set_next_token(page.map(|token| token.0.clone()))
            .send()
            .await
            .map_err(|error| call_error("ecs:ListTasks", in_cluster(cluster), error))?;
        Ok(Page {
            items: answer.task_arns.unwrap_or_default().into_iter().map(TaskArn).collect(),
            next: answer.next_token.map(PageToken),
        })
    }

    async fn describe_tasks(&self, cluster: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError> {
        let answer = self
            .client
            .describe_tasks()
            .cluster(cluster.reference())
            .set_tasks(Some(arns.iter().map(|arn| arn.0.clone()).collect()))
            .send()
            .await
            .map_err(|error| call_error("ecs:DescribeTasks", in_cluster(cluster), error))?;
        Ok(Answer {
            items: answer.tasks().iter().map(task::task).collect(),
            failures: answer.failures().iter().map(failure).collect(),
        })
    }
}

fn container_instance(instance: &SdkContainerInstance) -> ContainerInstance {
    ContainerInstance {
        arn: ContainerInstanceArn(owned(instance.container_instance_arn())),
        ec2_instance_id: owned(instance.ec2_instance_id()),
        status: instance.status().unwrap_or_default().into(),
        agent_connected: instance.agent_connected(),
        running_tasks: count(instance.running_tasks_count()),
        pending_tasks: count(instance.pending_tasks_count()),
        registered: resources(instance.registered_resources()),
        remaining: resources(instance.remaining_resources()),
        attributes: Attributes(instance.attributes().iter().map(attribute).collect()),
        capacity_provider: instance.capacity_provider_name().map(str::to_owned),
        network_interfaces: None,
        registered_at: instance.registered_at().and_then(time),
        version: u64::try_from(instance.version()).unwrap_or(0),
    }
}

/// A capability has no value. One that is empty is none, either.
fn attribute(attribute: &SdkAttribute) -> (String, Option<String>) {
    let value = attribute.value().filter(|value| !value.is_empty());
    (attribute.name().to_owned(), value.map(str::to_owned))
}

/// Resources by their names; those unknown here (Neuron cores, a user's own) are passed over. One
/// that is missing or below 0 counts as none: a figure is never optimistic.
fn resources(resources: &[SdkResource]) -> Resources {
    let named = |name| resources.iter().find(|resource| resource.name() == Some(name));
    let amount = |name| named(name).and_then(whole_amount).unwrap_or(0);
    let ports = |name| -> BTreeSet<Port> {
        named(name)
            .map(SdkResource::string_set_value)
            .unwrap_or_default()
            .iter()
            .filter_map(|port| port.parse().ok().map(Port))
            .collect()
    };
    Resources {
        cpu: CpuUnits(amount("CPU")),
        memory: Mib(amount("MEMORY")),
        tcp_ports_taken: ports("PORTS"),
        udp_ports_taken: ports("PORTS_UDP"),
        // A set of their ids (agent, `hostResources`).
        gpus: named("GPU").map_or(0, |gpus| u32::try_from(gpus.string_set_value().len()).unwrap_or(u32::MAX)),
    }
}

/// A resource's amount, from the member that its type names: the others are 0. CPU and memory are
/// of type INTEGER.
fn whole_amount(resource: &SdkResource) -> Option<u64> {
    match resource.r#type()? {
        "INTEGER" => u64::try_from(resource.integer_value()).ok(),
        "LONG" => u64::try_from(resource.long_value()).ok(),
        _ => None,
    }
}

fn failure(failure: &SdkFailure) -> Failure {
    Failure { arn: owned(failure.arn()), reason: owned(failure.reason()), detail: owned(failure.detail()) }
}

/// ECS never answers a count below 0. It would count as busy.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(1)
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn in_cluster(cluster: &Cluster) -> String {
    format!("cluster {cluster}")
}
