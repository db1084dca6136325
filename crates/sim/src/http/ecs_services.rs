//! ECS: services, and the protection of their tasks.

use serde::Deserialize;
use serde_json::Value;

use super::ecs::several;
use super::ecs_shapes::{service, task_protection};
use crate::shared::{Called, SharedWorld};
use crate::world::Operation;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeServicesInput {
    cluster: Option<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetTaskProtectionInput {
    cluster: Option<String>,
    #[serde(default)]
    tasks: Vec<String>,
}

pub(super) fn describe_services(world: &SharedWorld, input: &DescribeServicesInput) -> Called<Value> {
    let operation = Operation::DescribeServices;
    let called = world.call_on_several(None, operation, &input.services, |world, named| {
        world.describe_services(input.cluster.as_deref(), named)
    });
    several("services", called, service)
}

pub(super) fn get_task_protection(world: &SharedWorld, input: &GetTaskProtectionInput) -> Called<Value> {
    let operation = Operation::GetTaskProtection;
    let called = world.call_on_several(None, operation, &input.tasks, |world, named| {
        world.task_protection(input.cluster.as_deref(), named)
    });
    several("protectedTasks", called, task_protection)
}
