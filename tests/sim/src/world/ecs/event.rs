//! The events of container instances that ECS sends to EventBridge.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use fleetkeeper_core::container_instance::{Port, Resources};
use serde_json::{Value, json};

use super::container_instance::{AGENT_VERSION, DescribedContainerInstance};
use crate::world::{ACCOUNT, REGION};

/// `ECS Container Instance State Change`. Timestamps are ISO 8601 here, where the API's are
/// numbers; a resource has only the member of its type, where the API's has all.
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
            "registeredResources": resources(&instance.registered, has_gpus(instance)),
            "remainingResources": resources(&instance.remaining, has_gpus(instance)),
            "runningTasksCount": instance.running_tasks,
            "status": instance.status.to_string(),
            "updatedAt": iso(instance.updated_at),
            "version": instance.version,
            "versionInfo": {
                "agentHash": "00000000",
                "agentVersion": AGENT_VERSION,
                "dockerVersion": "DockerVersion: 25.0.8",
            },
        },
    })
}

/// A time as AWS's messages write it.
pub(crate) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Resources, each with the one member that its type names.
pub(crate) fn resources(resources: &Resources, has_gpus: bool) -> Vec<Value> {
    let integer = |name: &str, value: u64| json!({"name": name, "type": "INTEGER", "integerValue": value});
    let set =
        |name: &str, value: Vec<String>| json!({"name": name, "type": "STRINGSET", "stringSetValue": value});
    let mut all = vec![
        integer("CPU", resources.cpu.0),
        integer("MEMORY", resources.memory.0),
        set("PORTS", ports(&resources.tcp_ports_taken)),
        set("PORTS_UDP", ports(&resources.udp_ports_taken)),
    ];
    if has_gpus {
        all.push(set("GPU", gpu_ids(resources)));
    }
    all
}

/// Returns whether an instance has GPUs. Only then does ECS list the resource `GPU`, free or not.
pub(crate) fn has_gpus(instance: &DescribedContainerInstance) -> bool {
    instance.registered.gpus > 0
}

/// GPUs as a set of ids, which they are on the wire. The world knows how many are free, not which:
/// it names the first.
fn gpu_ids(resources: &Resources) -> Vec<String> {
    (0..resources.gpus).map(|gpu| format!("GPU-{gpu}")).collect()
}

/// Ports as the set of texts that they are on the wire.
fn ports(ports: &BTreeSet<Port>) -> Vec<String> {
    ports.iter().map(|port| port.0.to_string()).collect()
}
