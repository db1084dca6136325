//! The task definitions' port.

use aws_sdk_ecs::types::{
    ContainerDefinition, NetworkMode, PortMapping, ResourceType, TaskDefinition as SdkTaskDefinition,
    TransportProtocol,
};
use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};
use fleetkeeper_core::ports::{CallError, TaskDefinitions};
use fleetkeeper_core::task::{HostRequirements, TaskDefinition, TaskDefinitionArn};
use fleetkeeper_core::task_needs::TaskNeeds;

use super::Ecs;
use crate::call_error::call_error;

impl TaskDefinitions for Ecs {
    async fn describe_task_definition(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, CallError> {
        let answer = self
            .client
            .describe_task_definition()
            .task_definition(&arn.0)
            .send()
            .await
            .map_err(|error| call_error("ecs:DescribeTaskDefinition", arn, error))?;
        let described = answer.task_definition();
        Ok(TaskDefinition {
            arn: described
                .and_then(SdkTaskDefinition::task_definition_arn)
                .map_or_else(|| arn.clone(), |arn| TaskDefinitionArn(arn.to_owned())),
            needs: described.map(needs).unwrap_or_default(),
            host: described.map(host).unwrap_or_default(),
        })
    }
}

fn host(definition: &SdkTaskDefinition) -> HostRequirements {
    let platform = definition.runtime_platform();
    let required = definition.requires_attributes().iter().map(|attribute| {
        let value = attribute.value().filter(|value| !value.is_empty());
        (attribute.name().to_owned(), value.map(str::to_owned))
    });
    // Of a task definition `memberOf` is the only type (API reference,
    // `TaskDefinitionPlacementConstraint`).
    let member_of = definition.placement_constraints().iter();
    HostRequirements {
        attributes: required.collect(),
        operating_system: platform.and_then(|it| Some(it.operating_system_family()?.as_str().to_owned())),
        cpu_architecture: platform.and_then(|it| Some(it.cpu_architecture()?.as_str().to_owned())),
        member_of: member_of.filter_map(|it| it.expression().map(str::to_owned)).collect(),
    }
}

/// A size of the whole task wins over those of its containers (API reference,
/// `RegisterTaskDefinition`): on EC2 that is what the scheduler reserves then.
fn needs(definition: &SdkTaskDefinition) -> TaskNeeds {
    let containers = definition.container_definitions();
    let sum = |of: fn(&ContainerDefinition) -> u64| containers.iter().map(of).fold(0, u64::saturating_add);
    let mode = definition.network_mode().unwrap_or(&NetworkMode::Bridge);
    let mut needs = TaskNeeds {
        cpu: CpuUnits(whole(definition.cpu()).unwrap_or_else(|| sum(cpu))),
        memory: Mib(whole(definition.memory()).unwrap_or_else(|| sum(memory))),
        network_interface: *mode == NetworkMode::Awsvpc,
        gpus: u32::try_from(sum(gpus)).unwrap_or(u32::MAX),
        ..TaskNeeds::default()
    };
    for mapping in containers.iter().flat_map(ContainerDefinition::port_mappings) {
        if let Some(port) = host_port(mapping, mode) {
            let udp = mapping.protocol() == Some(&TransportProtocol::Udp);
            let ports = if udp { &mut needs.udp_ports } else { &mut needs.tcp_ports };
            ports.insert(port);
        }
    }
    needs
}

/// ECS keeps the sizes of tasks as whole CPU units and MiB, whatever they were registered as.
fn whole(size: Option<&str>) -> Option<u64> {
    size?.parse().ok()
}

fn cpu(container: &ContainerDefinition) -> u64 {
    u64::try_from(container.cpu()).unwrap_or_default()
}

fn memory(container: &ContainerDefinition) -> u64 {
    let mib = container.memory_reservation().or(container.memory());
    mib.and_then(|mib| u64::try_from(mib).ok()).unwrap_or_default()
}

fn gpus(container: &ContainerDefinition) -> u64 {
    let of_gpus =
        container.resource_requirements().iter().filter(|needed| *needed.r#type() == ResourceType::Gpu);
    of_gpus.filter_map(|needed| needed.value().parse::<u64>().ok()).fold(0, u64::saturating_add)
}

/// The port that a mapping takes of its host, where that is always the same: with mode `host` that
/// is the container's own, with `bridge` and `default` 0 stands for any port that is free.
fn host_port(mapping: &PortMapping, mode: &NetworkMode) -> Option<Port> {
    let port = match mode {
        NetworkMode::Host => mapping.host_port().filter(|port| *port != 0).or(mapping.container_port()),
        NetworkMode::Awsvpc | NetworkMode::None => None,
        _ => mapping.host_port(),
    };
    port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0).map(Port)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ResourceRequirement;

    use super::*;

    fn container(cpu: i32, reserved: Option<i32>, limit: i32) -> ContainerDefinition {
        let mapping = |host: i32, container: i32| {
            PortMapping::builder().host_port(host).container_port(container).build()
        };
        ContainerDefinition::builder()
            .cpu(cpu)
            .set_memory_reservation(reserved)
            .memory(limit)
            .port_mappings(mapping(80, 8080))
            .port_mappings(mapping(0, 9090))
            .port_mappings(
                PortMapping::builder()
                    .host_port(53)
                    .container_port(53)
                    .protocol(TransportProtocol::Udp)
                    .build(),
            )
            .build()
    }

    fn definition(mode: NetworkMode) -> aws_sdk_ecs::types::builders::TaskDefinitionBuilder {
        SdkTaskDefinition::builder()
            .network_mode(mode)
            .container_definitions(container(256, Some(300), 500))
            .container_definitions(container(128, None, 200))
    }

    #[test]
    fn containers_add_up_by_what_they_reserve_or_else_by_their_limit() {
        let needs = needs(&definition(NetworkMode::Bridge).build());
        assert_eq!((needs.cpu, needs.memory), (CpuUnits(384), Mib(500)));
    }

    #[test]
    fn the_tasks_own_size_wins() {
        let needs = needs(&definition(NetworkMode::Bridge).cpu("1024").memory("2048").build());
        assert_eq!((needs.cpu, needs.memory), (CpuUnits(1024), Mib(2048)));
    }

    #[test]
    fn which_ports_are_the_hosts_is_by_network_mode() {
        for (mode, tcp, udp) in [
            (NetworkMode::Bridge, vec![80], vec![53]),
            (NetworkMode::Host, vec![80, 9090], vec![53]),
            (NetworkMode::Awsvpc, vec![], vec![]),
            (NetworkMode::None, vec![], vec![]),
        ] {
            let needs = needs(&definition(mode.clone()).build());
            let numbers =
                |ports: &std::collections::BTreeSet<Port>| ports.iter().map(|port| port.0).collect();
            let described: (Vec<u16>, Vec<u16>) = (numbers(&needs.tcp_ports), numbers(&needs.udp_ports));
            assert_eq!(described, (tcp, udp), "{mode:?}");
            assert_eq!(needs.network_interface, mode == NetworkMode::Awsvpc);
        }
    }

    #[test]
    fn gpus_add_up_and_nothing_is_nothing() {
        let gpus = |count: &str| {
            let needed = ResourceRequirement::builder().r#type(ResourceType::Gpu).value(count);
            ContainerDefinition::builder().resource_requirements(needed.build().unwrap()).build()
        };
        let definition =
            SdkTaskDefinition::builder().container_definitions(gpus("2")).container_definitions(gpus("1"));
        assert_eq!(needs(&definition.build()).gpus, 3);
        assert_eq!(needs(&SdkTaskDefinition::builder().build()), TaskNeeds::default());
    }
}
