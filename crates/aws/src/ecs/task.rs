//! Tasks as `DescribeTasks` returns them.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{Attachment, Container as SdkContainer, Task as SdkTask, TransportProtocol};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, CpuUnits, Mib, Port};
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn, TaskDefinitionArn};

use super::owned;
use crate::timestamp::time;

/// The lowest port that Docker picks on its own, unless the host's kernel is configured otherwise.
const DYNAMIC_PORTS: u16 = 32768;

pub(super) fn task(task: &SdkTask) -> Task {
    Task {
        arn: TaskArn(owned(task.task_arn())),
        last_status: owned(task.last_status()),
        desired_status: match task.desired_status() {
            Some("STOPPED") => DesiredStatus::Stopped,
            _ => DesiredStatus::Running,
        },
        group: owned(task.group()),
        container_instance: ContainerInstanceArn(owned(task.container_instance_arn())),
        definition: TaskDefinitionArn(owned(task.task_definition_arn())),
        cpu: CpuUnits(whole(task.cpu()).unwrap_or_else(|| sum(task.containers(), |it| whole(it.cpu())))),
        memory: Mib(whole(task.memory()).unwrap_or_else(|| {
            sum(task.containers(), |it| whole(it.memory_reservation()).or_else(|| whole(it.memory())))
        })),
        tcp_ports: static_ports(task.containers(), &TransportProtocol::Tcp),
        udp_ports: static_ports(task.containers(), &TransportProtocol::Udp),
        network_interface: task.attachments().iter().any(is_network_interface),
        stopping_at: task.stopping_at().and_then(time),
        stopped_at: task.stopped_at().and_then(time),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason().map(str::to_owned),
    }
}

/// The API reference calls an awsvpc task's `ElasticNetworkInterface` (`Attachment`); `eni` is what
/// the service's answers have been seen to call it. Until it has been detached it takes one of its
/// host's.
fn is_network_interface(attachment: &Attachment) -> bool {
    matches!(attachment.r#type(), Some("ElasticNetworkInterface" | "eni"))
        && !matches!(attachment.status(), Some("DETACHED" | "DELETED" | "FAILED"))
}

/// A number as ECS writes it into a task: in a text. A task without figures of its own has 0, or
/// none.
fn whole(text: Option<&str>) -> Option<u64> {
    text?.parse().ok().filter(|number| *number > 0)
}

fn sum(containers: &[SdkContainer], figure: impl Fn(&SdkContainer) -> Option<u64>) -> u64 {
    containers.iter().filter_map(figure).fold(0, u64::saturating_add)
}

fn static_ports(containers: &[SdkContainer], protocol: &TransportProtocol) -> BTreeSet<Port> {
    let bindings = containers.iter().flat_map(SdkContainer::network_bindings);
    bindings
        .filter(|binding| binding.protocol() == Some(protocol))
        .filter_map(|binding| binding.host_port().and_then(|port| u16::try_from(port).ok()))
        .filter(|port| (1..DYNAMIC_PORTS).contains(port))
        .map(Port)
        .collect()
}
