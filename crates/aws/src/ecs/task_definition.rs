//! Task definitions as `DescribeTaskDefinition` tells of them.

use std::time::Duration;

use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinition as SdkTaskDefinition};
use fleetkeeper_core::ports::{CallError, TaskDefinitions};
use fleetkeeper_core::task::{DEFAULT_STOP_TIMEOUT, TaskDefinition, TaskDefinitionArn};

use super::Ecs;
use crate::call_error::call_error;

impl TaskDefinitions for Ecs {
    async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, CallError> {
        let answer = self
            .client
            .describe_task_definition()
            .task_definition(&arn.0)
            .send()
            .await
            .map_err(|error| call_error("ecs:DescribeTaskDefinition", arn, error))?;
        let told = answer.task_definition();
        let containers = told.map(SdkTaskDefinition::container_definitions).unwrap_or_default();
        Ok(TaskDefinition {
            arn: told
                .and_then(SdkTaskDefinition::task_definition_arn)
                .map_or_else(|| arn.clone(), |arn| TaskDefinitionArn(arn.to_owned())),
            longest_stop_timeout: containers.iter().map(stop_timeout).max().unwrap_or(DEFAULT_STOP_TIMEOUT),
        })
    }
}

fn stop_timeout(container: &ContainerDefinition) -> Duration {
    let set = container.stop_timeout().and_then(|seconds| u64::try_from(seconds).ok());
    set.map_or(DEFAULT_STOP_TIMEOUT, Duration::from_secs)
}
