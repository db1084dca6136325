//! Stopping tasks, and task definitions.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{CallError, STOP_REASON_MAX, TaskDefinitions, TaskStopping};
use fleetkeeper_core::task::{HostRequirements, TaskArn, TaskDefinition, TaskDefinitionArn};
use fleetkeeper_core::task_needs::TaskNeeds;

use super::SimulatedAws;
use super::error::call_error;
use crate::world::Operation;
use crate::world::ecs::stop_task::TASK_NOT_FOUND;
use crate::world::ecs::task_definition;

impl TaskStopping for SimulatedAws {
    async fn stop_task(&self, cluster: &Cluster, task: &TaskArn, reason: &str) -> Result<(), CallError> {
        let reason: String = reason.chars().take(STOP_REASON_MAX).collect();
        let operation = Operation::StopTask;
        let answer = self.ask(operation, |world| {
            world.stop_task_because(Some(cluster.reference()), &task.0, Some(&reason))
        });
        match answer.await {
            Err(error) if error.message != TASK_NOT_FOUND => Err(call_error(operation, &task.0, error)),
            _ => Ok(()),
        }
    }
}

impl TaskDefinitions for SimulatedAws {
    async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, CallError> {
        let definition = self
            .call(Operation::DescribeTaskDefinition, &arn.0, |world| world.describe_task_definition(&arn.0));
        let definition = definition.await?;
        Ok(TaskDefinition {
            arn: TaskDefinitionArn(definition.arn()),
            needs: TaskNeeds {
                cpu: definition.cpu,
                memory: definition.memory,
                tcp_ports: definition.host_tcp_ports().clone(),
                udp_ports: definition.host_udp_ports().clone(),
                network_interface: definition.awsvpc,
                gpus: definition.gpus,
            },
            host: host_requirements(&definition),
        })
    }
}

fn host_requirements(definition: &task_definition::TaskDefinition) -> HostRequirements {
    let required = definition.required_attributes();
    let required = required.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
    let expressions = definition.placement_constraints.iter();
    HostRequirements {
        attributes: required.collect(),
        operating_system: definition.runtime_platform.operating_system_family.clone(),
        cpu_architecture: definition.runtime_platform.cpu_architecture.clone(),
        member_of: expressions.map(|constraint| constraint.expression().to_owned()).collect(),
    }
}
