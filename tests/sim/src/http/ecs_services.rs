//! ECS: services, and the protection of their tasks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ecs::several;
use super::ecs_shapes::{service, task_protection};
use crate::shared::{Called, SharedWorld};
use crate::world::ecs::service::SchedulingStrategy;
use crate::world::{ApiError, Operation};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListServicesInput {
    cluster: Option<String>,
    scheduling_strategy: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

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

pub(super) fn list_services(world: &SharedWorld, input: &ListServicesInput) -> Called<Value> {
    world.call(None, Operation::ListServices, |world| {
        let strategy = match input.scheduling_strategy.as_deref() {
            None => None,
            Some("REPLICA") => Some(SchedulingStrategy::Replica),
            Some("DAEMON") => Some(SchedulingStrategy::Daemon),
            Some(other) => {
                return Err(ApiError::invalid_parameter(format!("Invalid scheduling strategy: {other}")));
            }
        };
        let (cluster, token) = (input.cluster.as_deref(), input.next_token.as_deref());
        let page = world.list_services(cluster, strategy, input.max_results, token)?;
        Ok(json!({"serviceArns": page.items, "nextToken": page.next.map(|token| token.0)}))
    })
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
