//! ECS's answers as they are on the wire. Timestamps are numbers of seconds; a resource has all its
//! value members, those of other types than its own being 0 or empty.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{Port, Resources};
use fleetkeeper_core::ports::Failure;
use fleetkeeper_core::task::TaskProtection;
use serde_json::{Map, Value, json};

use crate::world::ecs::container_instance::{AGENT_VERSION, DescribedContainerInstance};
use crate::world::ecs::event::{self, has_gpus};
use crate::world::ecs::task::{LastStatus, Task, desired_status_name};
use crate::world::ecs::task_definition::TaskDefinition;

pub(super) fn container_instance(instance: &DescribedContainerInstance) -> Value {
    let attributes = instance.attributes.iter().map(|(name, value)| match value {
        Some(value) => json!({"name": name, "value": value}),
        None => json!({"name": name}),
    });
    let mut value = json!({
        "containerInstanceArn": instance.arn.0,
        "ec2InstanceId": instance.ec2_instance_id.as_str(),
        "version": instance.version,
        "versionInfo": {
            "agentVersion": AGENT_VERSION,
            "agentHash": "00000000",
            "dockerVersion": "DockerVersion: 25.0.8",
        },
        "remainingResources": resources(&instance.remaining, has_gpus(instance)),
        "registeredResources": resources(&instance.registered, has_gpus(instance)),
        "status": instance.status.to_string(),
        "agentConnected": instance.agent_connected,
        "runningTasksCount": instance.running_tasks,
        "pendingTasksCount": instance.pending_tasks,
        "attributes": attributes.collect::<Vec<_>>(),
        "registeredAt": epoch(instance.registered_at),
        "attachments": [],
        "tags": [],
    });
    if let (Value::Object(members), Some(provider)) = (&mut value, &instance.capacity_provider) {
        members.insert("capacityProviderName".to_owned(), json!(provider));
    }
    value
}

pub(super) fn task(task: &Task) -> Value {
    let mut members = Map::new();
    let mut insert = |name: &str, value: Value| members.insert(name.to_owned(), value);
    insert("taskArn", json!(task.arn.0));
    insert("clusterArn", json!(cluster_arn(task)));
    insert("containerInstanceArn", json!(task.container_instance.0));
    insert("taskDefinitionArn", json!(task.definition.arn()));
    insert("desiredStatus", json!(desired_status_name(task.desired_status)));
    insert("lastStatus", json!(task.last_status.as_str()));
    insert("group", json!(task.group()));
    insert("launchType", json!("EC2"));
    insert("cpu", json!(task.definition.cpu.0.to_string()));
    insert("memory", json!(task.definition.memory.0.to_string()));
    insert("version", json!(task.version));
    insert("createdAt", epoch(task.created_at));
    insert("containers", json!([container(task)]));
    insert("attachments", attachments(task));
    insert("attributes", json!([]));
    insert("overrides", json!({"containerOverrides": []}));
    insert("tags", json!([]));
    if let Some(provider) = &task.capacity_provider {
        insert("capacityProviderName", json!(provider));
    }
    if let Some(service) = &task.service {
        insert("startedBy", json!(format!("ecs-svc/{service}")));
    }
    for (name, time) in
        [("startedAt", task.started_at), ("stoppingAt", task.stopping_at), ("stoppedAt", task.stopped_at)]
    {
        if let Some(time) = time {
            insert(name, epoch(time));
        }
    }
    if let Some(code) = task.stop_code {
        insert("stopCode", json!(code.as_str()));
    }
    if let Some(reason) = &task.stopped_reason {
        insert("stoppedReason", json!(reason));
    }
    Value::Object(members)
}

/// The one container of a task, with the host ports that it binds.
fn container(task: &Task) -> Value {
    let binding = |port: &Port, protocol: &str| json!({"bindIP": "0.0.0.0", "containerPort": port.0, "hostPort": port.0, "protocol": protocol});
    let tcp = task.definition.host_tcp_ports().iter().map(|port| binding(port, "tcp"));
    let udp = task.definition.host_udp_ports().iter().map(|port| binding(port, "udp"));
    json!({
        "name": task.definition.family,
        "lastStatus": task.last_status.as_str(),
        "networkBindings": tcp.chain(udp).collect::<Vec<_>>(),
    })
}

pub(super) fn task_definition(definition: &TaskDefinition) -> Value {
    let mapping = |protocol| move |port: &Port| json!({"containerPort": port.0, "hostPort": port.0, "protocol": protocol});
    let tcp = definition.host_tcp_ports().iter().map(mapping("tcp"));
    let ports = tcp.chain(definition.host_udp_ports().iter().map(mapping("udp")));
    let gpus = (definition.gpus > 0).then(|| json!({"type": "GPU", "value": definition.gpus.to_string()}));
    let mut container = json!({
        "name": definition.family,
        "image": definition.family,
        "cpu": definition.cpu.0,
        "memory": definition.memory.0,
        "essential": true,
        "portMappings": ports.collect::<Vec<_>>(),
        "resourceRequirements": gpus.into_iter().collect::<Vec<_>>(),
    });
    if let (Value::Object(members), Some(seconds)) = (&mut container, definition.stop_timeout_seconds) {
        members.insert("stopTimeout".to_owned(), json!(seconds));
    }
    let constraints = definition.placement_constraints.iter();
    let constraints = constraints.map(|it| json!({"type": "memberOf", "expression": it.expression()}));
    let attributes = definition.required_attributes().map(|(name, value)| match value {
        Some(value) => json!({"name": name, "value": value}),
        None => json!({"name": name}),
    });
    let mut value = json!({
        "taskDefinitionArn": definition.arn(),
        "family": definition.family,
        "revision": definition.revision,
        "networkMode": if definition.awsvpc { "awsvpc" } else { "bridge" },
        "status": "ACTIVE",
        "containerDefinitions": [container],
        "placementConstraints": constraints.collect::<Vec<_>>(),
        "requiresAttributes": attributes.collect::<Vec<_>>(),
    });
    if let (Value::Object(members), Some(platform)) = (&mut value, runtime_platform(definition)) {
        members.insert("runtimePlatform".to_owned(), platform);
    }
    value
}

/// The task definition's requirements on its hosts' platform, if it has any.
fn runtime_platform(definition: &TaskDefinition) -> Option<Value> {
    let platform = &definition.runtime_platform;
    let members = [
        ("cpuArchitecture", &platform.cpu_architecture),
        ("operatingSystemFamily", &platform.operating_system_family),
    ];
    let members: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))))
        .collect();
    (!members.is_empty()).then_some(Value::Object(members))
}

pub(super) fn task_protection(protection: &TaskProtection) -> Value {
    let mut members = Map::new();
    members.insert("taskArn".to_owned(), json!(protection.task.0));
    members.insert("protectionEnabled".to_owned(), json!(protection.protected));
    if let Some(until) = protection.until {
        members.insert("expirationDate".to_owned(), epoch(until));
    }
    Value::Object(members)
}

/// The network interface of an awsvpc task: the one place where ECS shows it.
fn attachments(task: &Task) -> Value {
    if !task.definition.awsvpc {
        return json!([]);
    }
    let status = match task.last_status {
        LastStatus::Pending => "ATTACHING",
        LastStatus::Running | LastStatus::Deactivating | LastStatus::Stopping => "ATTACHED",
        LastStatus::Deprovisioning => "DETACHING",
        LastStatus::Stopped => "DELETED",
    };
    let id = task.arn.0.rsplit('/').next().unwrap_or_default();
    json!([{"id": id, "type": "ElasticNetworkInterface", "status": status, "details": []}])
}

pub(super) fn failure(failure: &Failure) -> Value {
    let mut value = json!({"arn": failure.arn, "reason": failure.reason});
    if let (Value::Object(members), false) = (&mut value, failure.detail.is_empty()) {
        members.insert("detail".to_owned(), json!(failure.detail));
    }
    value
}

/// As in events, but each with all value members.
fn resources(resources: &Resources, has_gpus: bool) -> Value {
    let mut all = event::resources(resources, has_gpus);
    for members in all.iter_mut().filter_map(Value::as_object_mut) {
        for (name, nothing) in [
            ("integerValue", json!(0)),
            ("longValue", json!(0)),
            ("doubleValue", json!(0.0)),
            ("stringSetValue", json!([])),
        ] {
            members.entry(name).or_insert(nothing);
        }
    }
    Value::Array(all)
}

/// Seconds since 1970, with milliseconds.
pub(super) fn epoch(time: DateTime<Utc>) -> Value {
    let seconds = f64::from(u32::try_from(time.timestamp()).unwrap_or(0));
    json!(seconds + f64::from(time.timestamp_subsec_millis()) / 1000.0)
}

fn cluster_arn(task: &Task) -> String {
    let cluster = task.arn.0.rsplit('/').nth(1).unwrap_or_default();
    crate::world::ecs::cluster_arn(cluster)
}
