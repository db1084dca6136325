//! A cluster of several groups for measuring: hosts, services and tasks by their number.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{
    Attributes, ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Port,
    Resources,
};
use fleetkeeper_core::fleet::{Members, PlacedTask, Snapshot};
use fleetkeeper_core::lifecycle::{AutoScalingGroup, GroupInstance};
use fleetkeeper_core::service::{Deployment, Launch, PlacementConstraint, SchedulingStrategy, Service};
use fleetkeeper_core::task::{HostRequirements, TaskArn, TaskDefinition, TaskDefinitionArn};
use fleetkeeper_core::task_needs::TaskNeeds;

const GROUPS: usize = 20;
const KINDS: usize = 200;
const TASKS_A_HOST: usize = 10;
/// Instance type, CPU units, MiB.
const SIZES: [(&str, u64, u64); 3] =
    [("m5.2xlarge", 8_192, 31_631), ("c5.4xlarge", 16_384, 31_200), ("m5.4xlarge", 16_384, 63_500)];

/// A cluster of this many hosts, about ten tasks on each, with some tasks waiting. Half of the
/// groups have much room.
pub(crate) fn cluster(hosts: usize) -> Snapshot {
    let mut snapshot = Snapshot {
        began: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000),
        groups: (0..GROUPS).map(group).collect(),
        container_instances: (0..hosts).map(host).collect(),
        services: (0..KINDS).map(service).collect(),
        definitions: (0..KINDS).map(|kind| (definition(kind), task_definition(kind))).collect(),
        capacity_providers: (0..GROUPS).map(|group| (provider(group), name_of_group(group))).collect(),
        ..Snapshot::default()
    };
    snapshot.expressions =
        (0..KINDS).filter_map(|kind| Some((expression(kind)?, members(kind, hosts)))).collect();
    for number in 0..hosts {
        let group = &mut snapshot.groups[number % GROUPS];
        group.instances.push(member(number));
        group.desired += 1;
    }
    run(&mut snapshot);
    for (number, service) in snapshot.services.iter_mut().enumerate() {
        let waiting = if number % 8 == 1 { u32::try_from(hosts.div_ceil(500)).expect("few") } else { 0 };
        service.desired += waiting;
        service.deployments[0].desired += waiting;
    }
    snapshot
}

/// Puts tasks onto the hosts, of those kinds that may run there: few of them in every other group.
fn run(snapshot: &mut Snapshot) {
    let eligible: Vec<Vec<usize>> =
        (0..GROUPS).map(|group| (0..KINDS).filter(|kind| may_run(*kind, group)).collect()).collect();
    let mut running = [0_u32; KINDS];
    for number in 0..snapshot.container_instances.len() {
        let group = number % GROUPS;
        let instance = &mut snapshot.container_instances[number];
        let mut tasks = Vec::new();
        for turn in 0..4 * TASKS_A_HOST {
            let kind = eligible[group][(number / GROUPS * 7 + turn * 3) % eligible[group].len()];
            let there = tasks.iter().any(|task: &PlacedTask| task.definition == definition(kind));
            let keeps_apart = is_distinct(kind) || port(kind).is_some();
            let most = if group.is_multiple_of(2) { TASKS_A_HOST / 2 } else { 3 * TASKS_A_HOST / 2 };
            if tasks.len() < most && !(there && keeps_apart) && place(instance, &needs(kind)) {
                running[kind] += 1;
                tasks.push(PlacedTask {
                    arn: TaskArn(format!("task-{number}-{turn}")),
                    service: Some(name_of_service(kind)),
                    definition: definition(kind),
                    protected: false,
                });
            }
        }
        snapshot.tasks.insert(instance.arn.clone(), tasks);
    }
    for (service, running) in snapshot.services.iter_mut().zip(running) {
        (service.desired, service.running) = (running, running);
        (service.deployments[0].desired, service.deployments[0].running) = (running, running);
    }
}

/// Places a task where it fits.
fn place(instance: &mut ContainerInstance, needs: &TaskNeeds) -> bool {
    let left = &mut instance.remaining;
    let interfaces = instance.network_interfaces.unwrap_or(0) + u32::from(needs.network_interface);
    if left.cpu < needs.cpu
        || left.memory < needs.memory
        || interfaces > 3
        || !left.tcp_ports_taken.is_disjoint(&needs.tcp_ports)
    {
        return false;
    }
    left.cpu.0 -= needs.cpu.0;
    left.memory.0 -= needs.memory.0;
    left.tcp_ports_taken.extend(&needs.tcp_ports);
    instance.network_interfaces = Some(interfaces);
    instance.running_tasks += 1;
    true
}

fn host(number: usize) -> ContainerInstance {
    let (instance_type, cpu, memory) = SIZES[number % GROUPS % SIZES.len()];
    let with = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    let all = Resources {
        cpu: CpuUnits(cpu),
        memory: Mib(memory),
        tcp_ports_taken: [22, 2375, 2376, 51678, 51679].map(Port).into(),
        ..Resources::default()
    };
    ContainerInstance {
        arn: arn(number),
        ec2_instance_id: instance_id(number),
        status: ContainerInstanceStatus::Active,
        agent_connected: true,
        running_tasks: 0,
        pending_tasks: 0,
        registered: all.clone(),
        remaining: all,
        attributes: Attributes(
            [
                with("ecs.instance-type", instance_type),
                with("ecs.os-type", "linux"),
                with("ecs.cpu-architecture", "x86_64"),
            ]
            .into(),
        ),
        capacity_provider: Some(provider(number % GROUPS)),
        network_interfaces: Some(0),
        registered_at: None,
        version: 1,
    }
}

fn member(number: usize) -> GroupInstance {
    GroupInstance {
        ec2_instance_id: instance_id(number).parse().expect("an EC2 instance id"),
        lifecycle_state: "InService".to_owned(),
        availability_zone: format!("us-east-1{}", ["a", "b", "c"][number / GROUPS % 3]),
        instance_type: SIZES[number % GROUPS % SIZES.len()].0.to_owned(),
        weight: 1,
        protected: false,
        launch_template_version: None,
    }
}

fn group(number: usize) -> AutoScalingGroup {
    AutoScalingGroup {
        name: name_of_group(number),
        minimum: 0,
        maximum: 10_000,
        desired: 0,
        mixed: false,
        suspended: BTreeSet::new(),
        instances: Vec::new(),
        has_load_balancer: false,
        has_warm_pool: false,
    }
}

fn service(kind: usize) -> Service {
    let launch = providers(kind)
        .map_or(Launch::Ec2, |groups| Launch::CapacityProviders(groups.into_iter().map(provider).collect()));
    let member_of = expression(kind).map(PlacementConstraint::MemberOf);
    let distinct = is_distinct(kind).then_some(PlacementConstraint::DistinctInstance);
    let definition = definition(kind);
    Service {
        name: name_of_service(kind),
        active: true,
        deployments: vec![Deployment {
            task_set: false,
            definition,
            launch,
            desired: 0,
            running: 0,
            pending: 0,
        }],
        constraints: member_of.into_iter().chain(distinct).collect(),
        spreads_over: Vec::new(),
        strategy: SchedulingStrategy::Replica,
        desired: 0,
        running: 0,
        pending: 0,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        events: Vec::new(),
    }
}

fn task_definition(kind: usize) -> TaskDefinition {
    let host = HostRequirements {
        cpu_architecture: kind.is_multiple_of(3).then(|| "X86_64".to_owned()),
        attributes: BTreeMap::new(),
        ..HostRequirements::default()
    };
    TaskDefinition { arn: definition(kind), needs: needs(kind), host }
}

fn needs(kind: usize) -> TaskNeeds {
    TaskNeeds {
        cpu: CpuUnits([128, 256, 512, 1_024, 0][kind % 5]),
        memory: Mib([256, 512, 1_024, 2_048, 3_072, 768, 1_536][kind % 7]),
        tcp_ports: port(kind).into_iter().collect(),
        network_interface: kind % 10 == 4,
        ..TaskNeeds::default()
    }
}

fn port(kind: usize) -> Option<Port> {
    (kind % 20 == 7).then(|| Port([80, 443, 8_080][kind / 20 % 3]))
}

fn is_distinct(kind: usize) -> bool {
    kind % 20 == 12
}

/// The groups of a kind's capacity providers: three kinds of ten have one, one of a hundred has
/// two.
fn providers(kind: usize) -> Option<Vec<usize>> {
    match (kind % 10, kind % 100) {
        (0..=2, _) => Some(vec![kind / 10 % GROUPS]),
        (_, 3) => Some(vec![kind / 10 % GROUPS, (kind / 10 + 1) % GROUPS]),
        _ => None,
    }
}

/// One kind of ten is constrained to the hosts of four groups.
fn expression(kind: usize) -> Option<String> {
    (kind % 10 == 5).then(|| format!("attribute:pool == {}", kind / 10 % 5))
}

fn may_run(kind: usize, group: usize) -> bool {
    let of_provider = providers(kind).is_none_or(|groups| groups.contains(&group));
    of_provider && (expression(kind).is_none() || group % 5 == kind / 10 % 5)
}

fn members(kind: usize, hosts: usize) -> Members {
    Members::Match((0..hosts).filter(|host| may_run(kind, host % GROUPS)).map(arn).collect())
}

fn arn(host: usize) -> ContainerInstanceArn {
    ContainerInstanceArn(format!("arn:aws:ecs:us-east-1:111122223333:container-instance/demo/{host:032x}"))
}

fn instance_id(host: usize) -> String {
    format!("i-{host:017x}")
}

fn name_of_group(number: usize) -> String {
    format!("group-{number}")
}

fn provider(group: usize) -> String {
    format!("provider-{group}")
}

fn name_of_service(kind: usize) -> String {
    format!("service-{kind}")
}

fn definition(kind: usize) -> TaskDefinitionArn {
    TaskDefinitionArn(format!("arn:aws:ecs:us-east-1:111122223333:task-definition/service-{kind}:1"))
}
