//! ECS: services, the protection of their tasks, and capacity providers.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ecs_answer::{ids, insert_token, several};
use super::ecs_service_shapes::{capacity_provider, service};
use super::ecs_shapes::{failure, task_protection};
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeCapacityProvidersInput {
    #[serde(default)]
    capacity_providers: Vec<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
    /// Tags, of which there are none.
    #[serde(default, rename = "include")]
    _include: Vec<String>,
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
        let mut answer = Map::from_iter([("serviceArns".to_owned(), json!(page.items))]);
        insert_token(&mut answer, page.next);
        Ok(Value::Object(answer))
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
        ids("taskId", named)?;
        world.task_protection(input.cluster.as_deref(), named)
    });
    several("protectedTasks", called, task_protection)
}

pub(super) fn describe_capacity_providers(
    world: &SharedWorld,
    input: &DescribeCapacityProvidersInput,
) -> Called<Value> {
    world.call(None, Operation::DescribeCapacityProviders, |world| {
        let (size, token) = (input.max_results, input.next_token.as_deref());
        let (answer, next) = world.describe_capacity_providers(&input.capacity_providers, size, token)?;
        let found: Vec<Value> = answer.items.iter().map(capacity_provider).collect();
        let failures: Vec<Value> = answer.failures.iter().map(failure).collect();
        let members =
            [("capacityProviders".to_owned(), json!(found)), ("failures".to_owned(), json!(failures))];
        let mut answer = Map::from_iter(members);
        insert_token(&mut answer, next);
        Ok(Value::Object(answer))
    })
}
