//! Tasks and instances that the tests of this room make up.

use crate::container_instance::{ContainerInstance, ContainerInstanceArn, CpuUnits, Ec2InstanceId, Mib};
use crate::task::Task;

/// The instance that will be terminated.
pub(super) fn leaving() -> Ec2InstanceId {
    "i-0123456789abcdef0".parse().unwrap()
}

/// Another instance, empty, that takes tasks.
pub(super) fn instance(cpu: u64, memory: u64) -> ContainerInstance {
    ContainerInstance {
        arn: ContainerInstanceArn("other".to_owned()),
        ..ContainerInstance::empty(cpu, memory)
    }
}

/// A running task of service `web`.
pub(super) fn task(cpu: u64, memory: u64) -> Task {
    of_service("web", cpu, memory)
}

/// A running task of this service.
pub(super) fn of_service(name: &str, cpu: u64, memory: u64) -> Task {
    let (group, cpu, memory) = (format!("service:{name}"), CpuUnits(cpu), Mib(memory));
    Task { group, cpu, memory, ..Task::seen("task", "RUNNING") }
}
