//! Clusters for tests, built as AWS describes them.

use std::collections::BTreeMap;

use super::{Decision, Fleet, GroupDecision, Headroom, Members, Memory, PlacedTask, Snapshot};
use crate::container_instance::{
    Attributes, ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Port,
};
use crate::lifecycle::{AutoScalingGroup, GroupInstance};
use crate::service::{Deployment, Launch, PlacementConstraint, SchedulingStrategy, Service};
use crate::task::{HostRequirements, TaskArn, TaskDefinition, TaskDefinitionArn};
use crate::task_needs::TaskNeeds;

/// A cluster that is built up, with what runs on its hosts.
#[derive(Debug, Clone, Default)]
pub(super) struct Cluster {
    pub(super) snapshot: Snapshot,
    pub(super) memory: Memory,
    pub(super) headroom: Headroom,
    tasks: u32,
}

/// The needs of a task.
pub(super) fn needs(cpu: u64, memory: u64) -> TaskNeeds {
    TaskNeeds { cpu: CpuUnits(cpu), memory: Mib(memory), ..TaskNeeds::default() }
}

impl Cluster {
    /// A cluster without headroom, as each test that is not about it has.
    pub(super) fn new() -> Self {
        let mut cluster = Self { headroom: Headroom::None, ..Self::default() };
        cluster.snapshot.began = "2026-11-28T12:00:00Z".parse().unwrap();
        cluster
    }

    pub(super) fn headroom(mut self, text: &str) -> Self {
        self.headroom = text.parse().unwrap();
        self
    }

    /// A group of these hosts, each of so much CPU and memory, all in one zone.
    pub(super) fn group(mut self, name: &str, hosts: usize, cpu: u64, memory: u64) -> Self {
        self.snapshot.groups.push(AutoScalingGroup::fixture(name));
        for _ in 0..hosts {
            self.add_host(name, cpu, memory);
        }
        self
    }

    /// One more host of a group; its number.
    pub(super) fn add_host(&mut self, group: &str, cpu: u64, memory: u64) -> usize {
        let number = self.snapshot.container_instances.len();
        let id = format!("i-{number:017x}");
        let with = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        self.snapshot.container_instances.push(ContainerInstance {
            arn: ContainerInstanceArn(format!("arn:{number:03}")),
            ec2_instance_id: id.clone(),
            attributes: Attributes(
                [
                    with("ecs.instance-type", "m5.large"),
                    with("ecs.os-type", "linux"),
                    with("ecs.cpu-architecture", "x86_64"),
                ]
                .into(),
            ),
            registered_at: Some(
                self.snapshot.began - chrono::TimeDelta::hours(1)
                    + chrono::TimeDelta::seconds(i64::try_from(number).unwrap()),
            ),
            ..ContainerInstance::empty(cpu, memory)
        });
        if let Some(group) = self.snapshot.groups.iter_mut().find(|it| it.name == group) {
            group
                .instances
                .push(GroupInstance { ec2_instance_id: id.parse().unwrap(), ..GroupInstance::fixture() });
            group.desired += 1;
        }
        self.snapshot.tasks.insert(ContainerInstanceArn(format!("arn:{number:03}")), Vec::new());
        number
    }

    pub(super) fn host_mut(&mut self, number: usize) -> &mut ContainerInstance {
        &mut self.snapshot.container_instances[number]
    }

    pub(super) fn group_mut(&mut self, name: &str) -> &mut AutoScalingGroup {
        self.snapshot.groups.iter_mut().find(|it| it.name == name).unwrap()
    }

    pub(super) fn service_mut(&mut self, name: &str) -> &mut Service {
        self.snapshot.services.iter_mut().find(|it| it.name == name).unwrap()
    }

    pub(super) fn definition_mut(&mut self, service: &str) -> &mut TaskDefinition {
        self.snapshot.definitions.get_mut(&TaskDefinitionArn(format!("{service}:1"))).unwrap()
    }

    /// A REPLICA service that wants this many tasks and has none.
    pub(super) fn service(mut self, name: &str, desired: u32, needs: TaskNeeds) -> Self {
        self.snapshot.services.push(service(name, desired));
        let arn = TaskDefinitionArn(format!("{name}:1"));
        let definition = TaskDefinition { arn: arn.clone(), needs, host: HostRequirements::default() };
        self.snapshot.definitions.insert(arn, definition);
        self
    }

    /// A DAEMON service with a task on each host that is there.
    pub(super) fn daemon(mut self, name: &str, needs: TaskNeeds) -> Self {
        let hosts = self.snapshot.container_instances.len();
        self = self.service(name, u32::try_from(hosts).unwrap(), needs);
        self.service_mut(name).strategy = SchedulingStrategy::Daemon;
        for host in 0..hosts {
            self.run(name, host, 1);
        }
        self
    }

    /// Runs this many tasks of a service on a host.
    pub(super) fn run(&mut self, service: &str, host: usize, tasks: u32) {
        let definition = TaskDefinitionArn(format!("{service}:1"));
        for _ in 0..tasks {
            self.put(Some(service), &definition, host);
        }
        let service = self.service_mut(service);
        service.running += tasks;
        service.deployments[0].running += tasks;
    }

    /// Puts a task on a host.
    pub(super) fn put(&mut self, service: Option<&str>, definition: &TaskDefinitionArn, host: usize) {
        let needs = self.snapshot.definitions[definition].needs.clone();
        let instance = &mut self.snapshot.container_instances[host];
        instance.running_tasks += 1;
        let left = &mut instance.remaining;
        left.cpu.0 = left.cpu.0.checked_sub(needs.cpu.0).expect("room for the task");
        left.memory.0 = left.memory.0.checked_sub(needs.memory.0).expect("room for the task");
        left.gpus = left.gpus.checked_sub(needs.gpus).expect("GPUs for the task");
        left.tcp_ports_taken.extend(&needs.tcp_ports);
        left.udp_ports_taken.extend(&needs.udp_ports);
        instance.network_interfaces =
            Some(instance.network_interfaces.unwrap_or(0) + u32::from(needs.network_interface));
        self.tasks += 1;
        let task = PlacedTask {
            arn: TaskArn(format!("task-{}", self.tasks)),
            service: service.map(str::to_owned),
            definition: definition.clone(),
            protected: false,
        };
        self.snapshot.tasks.get_mut(&instance.arn.clone()).unwrap().push(task);
    }

    pub(super) fn distinct(mut self, service: &str) -> Self {
        self.service_mut(service).constraints.push(PlacementConstraint::DistinctInstance);
        self
    }

    /// A constraint on a service, and the hosts that match it.
    pub(super) fn member_of(mut self, service: &str, expression: &str, hosts: &[usize]) -> Self {
        let constraint = PlacementConstraint::MemberOf(expression.to_owned());
        self.service_mut(service).constraints.push(constraint);
        let arns = hosts.iter().map(|host| self.snapshot.container_instances[*host].arn.clone());
        self.snapshot.expressions.insert(expression.to_owned(), Members::Match(arns.collect()));
        self
    }

    /// A service of a capacity provider, which is that of a group.
    pub(super) fn provider(mut self, service: &str, provider: &str, group: Option<&str>) -> Self {
        self.service_mut(service).deployments[0].launch =
            Launch::CapacityProviders(vec![provider.to_owned()]);
        if let Some(group) = group {
            self.snapshot.capacity_providers.insert(provider.to_owned(), group.to_owned());
        }
        self
    }

    pub(super) fn draining(mut self, host: usize) -> Self {
        self.host_mut(host).status = ContainerInstanceStatus::Draining;
        self
    }

    pub(super) fn decide(&self) -> Decision {
        Fleet::new(&self.snapshot, &self.memory, self.headroom).decide()
    }

    pub(super) fn of_group(&self, name: &str) -> GroupDecision {
        let decision = self.decide();
        let found = decision.groups.iter().find(|it| it.group == name);
        found.unwrap_or_else(|| panic!("{decision:?}")).clone()
    }

    /// A group's missing units and removable hosts.
    pub(super) fn figures(&self, name: &str) -> (Option<u64>, u64) {
        let decided = self.of_group(name);
        (decided.missing.units, decided.removable.hosts)
    }
}

fn service(name: &str, desired: u32) -> Service {
    let definition = TaskDefinitionArn(format!("{name}:1"));
    let deployment =
        Deployment { task_set: false, definition, launch: Launch::Ec2, desired, running: 0, pending: 0 };
    Service {
        name: name.to_owned(),
        active: true,
        deployments: vec![deployment],
        constraints: Vec::new(),
        spreads_over: Vec::new(),
        strategy: SchedulingStrategy::Replica,
        desired,
        running: 0,
        pending: 0,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        events: Vec::new(),
    }
}

/// Static TCP ports.
pub(super) fn with_tcp(mut needs: TaskNeeds, ports: impl IntoIterator<Item = u16>) -> TaskNeeds {
    needs.tcp_ports = ports.into_iter().map(Port).collect();
    needs
}

/// Attributes that a task definition requires of its host.
pub(super) fn required(names: &[&str]) -> BTreeMap<String, Option<String>> {
    names.iter().map(|name| ((*name).to_owned(), None)).collect()
}
