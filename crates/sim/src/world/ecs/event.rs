//! The events of container instances that ECS sends to EventBridge.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use fleetkeeper_core::container_instance::{Port, Resources};
use serde_json::{Value, json};

use super::container_instance::DescribedContainerInstance;
use crate::world::{ACCOUNT, REGION};

/// `ECS Container Instance State Change`. Timestamps are ISO 8601 here, where the API's are numbers; a resource has
/// only the member of its type, where the API's has all.
#[must_use]
pub fn container_instance_state_change(
    id: &str,
    at: DateTime<Utc>,
    instance: &DescribedContainerInstance,
) -> Value {
    let attributes: Vec<Value> = instance
        .attributes
        .iter()
        .map(|(name, value)| match value {
            Some(value) => json!({"name": name, "value": value}),
            None => json!({"name": name}),
        })
        .collect();
    json!({
        "version": "0",
        "id": id,
        "detail-type": "ECS Container Instance State Change",
        "source": "aws.ecs",
        "account": ACCOUNT,
        "time": at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [instance.arn.0],
        "detail": {
            "agentConnected": instance.agent_connected,
            "attributes": attributes,
            "clusterArn": instance.cluster_arn,
            "containerInstanceArn": instance.arn.0,
            "ec2InstanceId": instance.ec2_instance_id.as_str(),
            "pendingTasksCount": instance.pending_tasks,
            "registeredAt": iso(instance.registered_at),
            "registeredResources": resources(&instance.registered),
            "remainingResources": resources(&instance.remaining),
            "runningTasksCount": instance.running_tasks,
            "status": instance.status.to_string(),
            "updatedAt": iso(instance.updated_at),
            "version": instance.version,
            "versionInfo": {"agentHash": "00000000", "agentVersion": "1.97.1", "dockerVersion": "DockerVersion: 25.0.8"},
        },
    })
}

/// A time as AWS's messages write it.
pub(crate) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn resources(resources: &Resources) -> Value {
    json!([
        {"name": "CPU", "type": "INTEGER", "integerValue": resources.cpu.0},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": resources.memory.0},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ports(&resources.tcp_ports_taken)},
        {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": ports(&resources.udp_ports_taken)},
    ])
}

/// Ports as the set of texts that they are on the wire.
pub(crate) fn ports(ports: &BTreeSet<Port>) -> Vec<String> {
    ports.iter().map(|port| port.0.to_string()).collect()
}
