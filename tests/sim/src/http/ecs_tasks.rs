//! ECS: stopping tasks, and how long that takes.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ecs_answer::ids;
use super::ecs_shapes::{task, task_definition};
use crate::shared::{Called, SharedWorld};
use crate::world::Operation;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StopTaskInput {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeTaskDefinitionInput {
    task_definition: String,
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

pub(super) fn stop_task(world: &SharedWorld, input: &StopTaskInput) -> Called<Value> {
    world.call(None, Operation::StopTask, |world| {
        ids("taskId", std::slice::from_ref(&input.task))?;
        let (cluster, reason) = (input.cluster.as_deref(), input.reason.as_deref());
        let stopped = world.stop_task_because(cluster, &input.task, reason)?;
        Ok(json!({"task": task(&stopped)}))
    })
}

pub(super) fn describe_task_definition(
    world: &SharedWorld,
    input: &DescribeTaskDefinitionInput,
) -> Called<Value> {
    world.call(None, Operation::DescribeTaskDefinition, |world| {
        let definition = world.describe_task_definition(&input.task_definition)?;
        Ok(json!({"taskDefinition": task_definition(&definition), "tags": []}))
    })
}
