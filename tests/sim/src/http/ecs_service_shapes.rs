//! Services and capacity providers as they are on the wire. A service, a deployment or a task set
//! has either a launch type or a capacity provider strategy.

use serde_json::{Map, Value, json};

use super::ecs_shapes::epoch;
use crate::world::ecs::capacity_provider::CapacityProvider;
use crate::world::ecs::constraint::PlacementConstraint;
use crate::world::ecs::describe_services::{DescribedService, DescribedTaskSet};
use crate::world::ecs::rollout::LaunchType;
use crate::world::ecs::service::{PlacementStrategy, SchedulingStrategy};
use crate::world::ecs::strategy::StrategyItem;

pub(super) fn service(service: &DescribedService) -> Value {
    let events = service.events.iter().map(|event| {
        let id = format!("00000000-0000-4000-8000-{:012x}", event.at.timestamp_millis());
        json!({"id": id, "createdAt": epoch(event.at), "message": event.message})
    });
    let deployments = service.deployments.iter().map(|deployment| {
        let value = json!({
            "status": deployment.status.as_str(),
            "taskDefinition": deployment.task_definition,
            "desiredCount": deployment.desired,
            "runningCount": deployment.running,
            "pendingCount": deployment.pending,
        });
        launched(value, deployment.launch_type, &deployment.capacity_provider_strategy)
    });
    let external = service.task_definition.is_none();
    let mut value = json!({
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "status": "ACTIVE",
        "deployments": deployments.collect::<Vec<_>>(),
        "deploymentController": {"type": if external { "EXTERNAL" } else { "ECS" }},
        "taskSets": service.task_sets.iter().map(task_set).collect::<Vec<_>>(),
        "schedulingStrategy": match service.scheduling_strategy {
            SchedulingStrategy::Replica => "REPLICA",
            SchedulingStrategy::Daemon => "DAEMON",
        },
        "desiredCount": service.desired,
        "runningCount": service.running,
        "pendingCount": service.pending,
        "deploymentConfiguration": {
            "minimumHealthyPercent": service.minimum_healthy_percent,
            "maximumPercent": service.maximum_percent,
        },
        "placementConstraints": service.placement_constraints.iter().map(constraint).collect::<Vec<_>>(),
        "placementStrategy": service.placement_strategy.iter().map(strategy).collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
    });
    if let (Value::Object(members), Some(definition)) = (&mut value, &service.task_definition) {
        members.insert("taskDefinition".to_owned(), json!(definition));
    }
    launched(value, service.launch_type, &service.capacity_provider_strategy)
}

fn task_set(set: &DescribedTaskSet) -> Value {
    let value = json!({
        "id": set.id,
        "taskSetArn": set.arn,
        "status": "ACTIVE",
        "taskDefinition": set.task_definition,
        "computedDesiredCount": set.computed_desired,
        "runningCount": set.running,
        "pendingCount": set.pending,
        "scale": {"value": f64::from(set.scale_percent), "unit": "PERCENT"},
    });
    launched(value, set.launch_type, &set.capacity_provider_strategy)
}

fn launched(mut value: Value, launch_type: Option<LaunchType>, strategy: &[StrategyItem]) -> Value {
    if let Value::Object(members) = &mut value {
        let items = strategy
            .iter()
            .map(|item| json!({"capacityProvider": item.provider, "base": item.base, "weight": item.weight}));
        match launch_type {
            Some(launch_type) => members.insert("launchType".to_owned(), json!(launch_type.as_str())),
            None => members.insert("capacityProviderStrategy".to_owned(), items.collect()),
        };
    }
    value
}

fn constraint(constraint: &PlacementConstraint) -> Value {
    let mut members = Map::from_iter([("type".to_owned(), json!(constraint.type_name()))]);
    if let Some(expression) = constraint.expression() {
        members.insert("expression".to_owned(), json!(expression));
    }
    Value::Object(members)
}

fn strategy(strategy: &PlacementStrategy) -> Value {
    let mut members = Map::from_iter([("type".to_owned(), json!(strategy.strategy))]);
    if let Some(field) = &strategy.field {
        members.insert("field".to_owned(), json!(field));
    }
    Value::Object(members)
}

pub(super) fn capacity_provider(provider: &CapacityProvider) -> Value {
    json!({
        "capacityProviderArn": provider.arn(),
        "name": provider.name,
        "status": "ACTIVE",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": provider.group_arn(),
            "managedScaling": {"status": if provider.managed_scaling { "ENABLED" } else { "DISABLED" }},
            "managedTerminationProtection": "DISABLED",
        },
        "tags": [],
    })
}
