//! ECS.

use std::time::Duration;

use super::{Answer, CallError, Page, PageToken};
use crate::capacity_provider::CapacityProvider;
use crate::cluster::Cluster;
use crate::container_instance::{ContainerInstance, ContainerInstanceArn, Ec2InstanceId};
use crate::service::{Service, ServiceArn};
use crate::task::{DesiredStatus, Task, TaskArn, TaskDefinition, TaskDefinitionArn, TaskProtection};

/// The longest that reads of ECS are assumed to lag behind what happened. They are eventually
/// consistent (API reference, `RunTask`), and ECS publishes no bound.
pub const READS_LAG_MAX: Duration = Duration::from_secs(5);

/// The most container instances or tasks that one describe call takes, and the most ARNs on one
/// page of a list.
pub const DESCRIBE_MAX: usize = 100;

/// The most container instances that one `UpdateContainerInstancesState` takes.
pub const UPDATE_STATE_MAX: usize = 10;

/// The most EC2 instances that a filter may name. ECS does not document the longest expression, and
/// one of 50 ids is about a thousand characters.
pub const FILTER_MAX: usize = 50;

/// The most services that one `DescribeServices` takes.
pub const SERVICES_MAX: usize = 10;

/// The most characters of a reason that `StopTask` takes.
pub const STOP_REASON_MAX: usize = 255;

/// Which container instances to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerInstanceQuery {
    /// Those in every state but INACTIVE.
    All,
    /// Those of some EC2 instances, at most [`FILTER_MAX`], filtered by ECS: one call, whatever the
    /// cluster's size.
    OfEc2Instances(Vec<Ec2InstanceId>),
    /// Those of some EC2 instances, at most [`FILTER_MAX`], that are ACTIVE.
    ActiveOfEc2Instances(Vec<Ec2InstanceId>),
    /// Those that match an expression of the cluster query language, in every state except
    /// INACTIVE.
    Matching(String),
}

impl ContainerInstanceQuery {
    /// The filter in ECS's cluster query language, where there is one. An EC2 instance id needs no
    /// quotes in it; a list has them in ECS's own example (developer guide, "Cluster query
    /// language").
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Matching(expression) => Some(expression.clone()),
            Self::OfEc2Instances(ids) | Self::ActiveOfEc2Instances(ids) => Some(match ids.as_slice() {
                [id] => format!("ec2InstanceId == {id}"),
                ids => {
                    let quoted: Vec<_> = ids.iter().map(|id| format!("'{id}'")).collect();
                    format!("ec2InstanceId in [{}]", quoted.join(", "))
                }
            }),
        }
    }

    /// Returns whether only ACTIVE ones are asked for.
    #[must_use]
    pub fn only_active(&self) -> bool {
        matches!(self, Self::ActiveOfEc2Instances(_))
    }
}

/// Which tasks to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TasksOf<'a> {
    /// The whole cluster's.
    Cluster,
    /// Those of one container instance.
    ContainerInstance(&'a ContainerInstanceArn),
}

/// Reads container instances.
pub trait ContainerInstances {
    /// `ListContainerInstances`, one page.
    async fn list_container_instances(
        &self,
        cluster: &Cluster,
        query: &ContainerInstanceQuery,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError>;

    /// `DescribeContainerInstances`, at most [`DESCRIBE_MAX`].
    async fn describe_container_instances(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError>;
}

/// Sets container instances DRAINING.
pub trait ContainerInstanceDraining {
    /// `UpdateContainerInstancesState` to DRAINING, at most [`UPDATE_STATE_MAX`]. Only ACTIVE
    /// instances can be set. The answer has the instances as they are after the change, with the
    /// tasks that they count.
    async fn set_draining(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError>;
}

/// Reads tasks.
pub trait Tasks {
    /// `ListTasks`, one page.
    async fn list_tasks(
        &self,
        cluster: &Cluster,
        of: TasksOf<'_>,
        desired: DesiredStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<TaskArn>, CallError>;

    /// `DescribeTasks`, at most [`DESCRIBE_MAX`].
    async fn describe_tasks(&self, cluster: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError>;
}

/// Stops tasks.
pub trait TaskStopping {
    /// `StopTask`: the task's desired status becomes STOPPED. It leaves its load balancer and has
    /// its stop timeout as by any stop. A task that ECS does not know, or has stopped before, is as
    /// good as stopped. `reason` is the task's `stoppedReason`: at most [`STOP_REASON_MAX`]
    /// characters are kept of it.
    async fn stop_task(&self, cluster: &Cluster, task: &TaskArn, reason: &str) -> Result<(), CallError>;
}

/// Reads services.
pub trait Services {
    /// `ListServices` of one cluster: one page of at most 100.
    async fn list_services(
        &self,
        cluster: &Cluster,
        page: Option<&PageToken>,
    ) -> Result<Page<ServiceArn>, CallError>;

    /// `DescribeServices`, at most [`SERVICES_MAX`] by name or ARN.
    async fn describe_services(
        &self,
        cluster: &Cluster,
        names: &[String],
    ) -> Result<Answer<Service>, CallError>;
}

/// Reads which tasks are protected from being scaled in.
pub trait TaskProtections {
    /// `GetTaskProtection`, at most [`DESCRIBE_MAX`]. Only tasks of services can be protected:
    /// others are failures (`TASK_NOT_VALID`).
    async fn task_protection(
        &self,
        cluster: &Cluster,
        tasks: &[TaskArn],
    ) -> Result<Answer<TaskProtection>, CallError>;
}

/// Reads capacity providers.
pub trait CapacityProviders {
    /// `DescribeCapacityProviders` by name, one page. A provider that does not exist is not in the
    /// answer.
    async fn describe_capacity_providers(
        &self,
        names: &[String],
        page: Option<&PageToken>,
    ) -> Result<Page<CapacityProvider>, CallError>;
}

/// Reads task definitions.
pub trait TaskDefinitions {
    /// `DescribeTaskDefinition`.
    async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, CallError>;
}
