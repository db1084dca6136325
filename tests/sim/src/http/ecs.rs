//! ECS: AWS JSON 1.1, the operation named by a header.

use fleetkeeper_core::ports::Page;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::ecs_answer::{ids, insert_token, several};
use super::ecs_shapes::{container_instance, task};
use super::{Answer, ecs_services, ecs_tasks};
use crate::shared::{Called, SharedWorld};
use crate::world::ecs::list::{ListContainerInstances, ListTasks};
use crate::world::{ApiError, Operation};

const SERVICE: &str = "AmazonEC2ContainerServiceV20141113";

/// Answers a request; none, where a fault leaves it without.
pub(super) fn answer(world: &SharedWorld, target: &str, body: &[u8]) -> Option<Answer> {
    let called = match target.split_once('.') {
        Some((SERVICE, operation)) => call(world, operation, body),
        _ => Err(unknown_operation(target)),
    };
    match called.unwrap_or_else(|error| Called::Answered(Err(error))) {
        Called::Answered(Ok(value)) => Some(json_answer(200, None, &value)),
        Called::Answered(Err(error)) => {
            let value = json!({"__type": error.code, "message": error.message});
            Some(json_answer(error.status, Some(error.code), &value))
        }
        Called::Hanging => None,
    }
}

fn json_answer(status: u16, error_type: Option<&'static str>, value: &Value) -> Answer {
    Answer { status, content_type: "application/x-amz-json-1.1", error_type, body: value.to_string() }
}

fn unknown_operation(target: &str) -> ApiError {
    ApiError::client("UnknownOperationException", format!("The simulated ECS does not know {target}."))
}

/// Members that the world does not know are refused: an answer that overlooked them would be a
/// wrong one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListContainerInstancesInput {
    cluster: Option<String>,
    filter: Option<String>,
    status: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeContainerInstancesInput {
    cluster: Option<String>,
    #[serde(default)]
    container_instances: Vec<String>,
    /// Tags and health, of which there are none.
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateContainerInstancesStateInput {
    cluster: Option<String>,
    #[serde(default)]
    container_instances: Vec<String>,
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListTasksInput {
    cluster: Option<String>,
    container_instance: Option<String>,
    desired_status: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeTasksInput {
    cluster: Option<String>,
    #[serde(default)]
    tasks: Vec<String>,
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

fn call(world: &SharedWorld, operation: &str, body: &[u8]) -> Result<Called<Value>, ApiError> {
    match operation {
        "ListContainerInstances" => Ok(list_container_instances(world, &input(body)?)),
        "DescribeContainerInstances" => Ok(describe_container_instances(world, &input(body)?)),
        "UpdateContainerInstancesState" => Ok(update_container_instances_state(world, &input(body)?)),
        "ListTasks" => Ok(list_tasks(world, &input(body)?)),
        "DescribeTasks" => Ok(describe_tasks(world, &input(body)?)),
        "StopTask" => Ok(ecs_tasks::stop_task(world, &input(body)?)),
        "DescribeTaskDefinition" => Ok(ecs_tasks::describe_task_definition(world, &input(body)?)),
        "ListServices" => Ok(ecs_services::list_services(world, &input(body)?)),
        "DescribeServices" => Ok(ecs_services::describe_services(world, &input(body)?)),
        "DescribeCapacityProviders" => Ok(ecs_services::describe_capacity_providers(world, &input(body)?)),
        "GetTaskProtection" => Ok(ecs_services::get_task_protection(world, &input(body)?)),
        other => Err(unknown_operation(other)),
    }
}

fn list_container_instances(world: &SharedWorld, input: &ListContainerInstancesInput) -> Called<Value> {
    world.call(None, Operation::ListContainerInstances, |world| {
        let page = world.list_container_instances(ListContainerInstances {
            cluster: input.cluster.as_deref(),
            filter: input.filter.as_deref(),
            status: input.status.as_deref(),
            max_results: input.max_results,
            next_token: input.next_token.as_deref(),
        })?;
        Ok(list("containerInstanceArns", page, |arn| arn.0))
    })
}

fn describe_container_instances(
    world: &SharedWorld,
    input: &DescribeContainerInstancesInput,
) -> Called<Value> {
    let operation = Operation::DescribeContainerInstances;
    let called = world.call_on_several(None, operation, &input.container_instances, |world, named| {
        ids("instanceId", named)?;
        world.describe_container_instances(input.cluster.as_deref(), named)
    });
    several("containerInstances", called, container_instance)
}

fn update_container_instances_state(
    world: &SharedWorld,
    input: &UpdateContainerInstancesStateInput,
) -> Called<Value> {
    let operation = Operation::UpdateContainerInstancesState;
    let called = world.call_on_several(None, operation, &input.container_instances, |world, named| {
        ids("instanceId", named)?;
        world.update_container_instances_state(input.cluster.as_deref(), named, &input.status)
    });
    several("containerInstances", called, container_instance)
}

fn list_tasks(world: &SharedWorld, input: &ListTasksInput) -> Called<Value> {
    world.call(None, Operation::ListTasks, |world| {
        let page = world.list_tasks(ListTasks {
            cluster: input.cluster.as_deref(),
            container_instance: input.container_instance.as_deref(),
            desired_status: input.desired_status.as_deref(),
            max_results: input.max_results,
            next_token: input.next_token.as_deref(),
        })?;
        Ok(list("taskArns", page, |arn| arn.0))
    })
}

fn describe_tasks(world: &SharedWorld, input: &DescribeTasksInput) -> Called<Value> {
    let called = world.call_on_several(None, Operation::DescribeTasks, &input.tasks, |world, named| {
        ids("taskId", named)?;
        world.describe_tasks(input.cluster.as_deref(), named)
    });
    several("tasks", called, task)
}

fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            ApiError::invalid_parameter(format!("The simulated ECS cannot take this: {error}"))
        } else {
            ApiError::client("SerializationException", error.to_string())
        }
    })
}

fn list<T>(member: &str, page: Page<T>, arn: impl Fn(T) -> String) -> Value {
    let mut answer = Map::new();
    answer.insert(member.to_owned(), page.items.into_iter().map(arn).collect());
    insert_token(&mut answer, page.next);
    Value::Object(answer)
}
