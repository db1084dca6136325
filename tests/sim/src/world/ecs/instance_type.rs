//! Instance types: what an EC2 instance brings to a cluster when its agent registers it.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port, Resources};

/// The resources that an EC2 instance type adds to a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceType {
    /// `c5.large`, ...
    pub name: String,
    /// CPU units, 1,024 to a vCPU.
    pub cpu: CpuUnits,
    /// The memory that the agent finds, which is less than advertised.
    pub memory: Mib,
    /// How many awsvpc tasks it holds: its network interfaces less the primary one, or more with a
    /// trunk.
    pub awsvpc_task_limit: u32,
    /// True if it gets a trunk network interface (account setting `awsvpcTrunking`).
    pub trunked: bool,
    /// How many GPUs it has.
    pub gpus: u32,
    /// The zone that it is launched in, whatever zones its group has; none: one of the group's.
    pub availability_zone: Option<String>,
    /// `x86_64` or `arm64`.
    pub cpu_architecture: String,
    /// `LINUX`, `WINDOWS_SERVER_2022_CORE`, ...
    pub os_family: String,
    /// What its agent can do: attributes without a value, which task definitions may require.
    pub capabilities: BTreeSet<String>,
    /// Custom attributes (`ECS_INSTANCE_ATTRIBUTES`), beside those that ECS and the agent set.
    pub attributes: BTreeMap<String, String>,
    /// How long it is REGISTERING, while its trunk network interface is attached; 0 without
    /// trunking.
    pub registering_seconds: u32,
}

/// Attributes by name; a capability has no value.
pub type Attributes = BTreeMap<String, Option<String>>;

/// The most awsvpc tasks of an instance by its type's name: without a trunk, and with one where the
/// type can have one. The table has the types that worlds use.
///
/// The limits are those of ECS's own table (developer guide, "Supported instances for increased
/// Amazon ECS container network interfaces"). Where that has none, they are EC2's network
/// interfaces less one. They do not come from Fleetkeeper's table, which the world tests.
const AWSVPC_TASK_LIMITS: [(&str, u32, Option<u32>); 9] = [
    ("c5.large", 2, Some(10)),
    ("c5.xlarge", 3, Some(20)),
    ("c5.2xlarge", 3, Some(40)),
    ("g5.xlarge", 3, Some(6)),
    ("g5.12xlarge", 14, Some(120)),
    ("i3.large", 2, None),
    ("m6g.medium", 1, Some(4)),
    ("t2.micro", 1, None),
    ("t3.medium", 2, None),
];

/// A type that is not among them is like most small ones: three network interfaces and no trunk.
const UNKNOWN: (u32, Option<u32>) = (2, None);

fn limits(name: &str) -> (u32, Option<u32>) {
    let found = AWSVPC_TASK_LIMITS.into_iter().find(|(known, ..)| *known == name);
    found.map_or(UNKNOWN, |(_, untrunked, trunked)| (untrunked, trunked))
}

impl InstanceType {
    /// A Linux instance type with the network interfaces and the CPU architecture that AWS gives it
    /// by its name.
    #[must_use]
    pub fn new(name: &str, cpu: u64, memory: u64) -> Self {
        Self {
            name: name.to_owned(),
            cpu: CpuUnits(cpu),
            memory: Mib(memory),
            awsvpc_task_limit: limits(name).0,
            trunked: false,
            gpus: 0,
            availability_zone: None,
            cpu_architecture: if is_arm(name) { "arm64" } else { "x86_64" }.to_owned(),
            os_family: "LINUX".to_owned(),
            capabilities: CAPABILITIES.iter().map(|name| (*name).to_owned()).collect(),
            attributes: BTreeMap::new(),
            registering_seconds: 0,
        }
    }

    /// REGISTERING for so long before it is ACTIVE.
    #[must_use]
    pub fn registering_for(mut self, seconds: u32) -> Self {
        self.registering_seconds = seconds;
        self
    }

    /// With a trunk network interface, and so room for more awsvpc tasks. Nothing changes for a
    /// type that can have none: ECS registers such an instance without.
    #[must_use]
    pub fn trunked(mut self) -> Self {
        if let (_, Some(limit)) = limits(&self.name) {
            self.trunked = true;
            self.awsvpc_task_limit = limit;
        }
        self
    }

    /// With this many GPUs.
    #[must_use]
    pub fn gpus(mut self, gpus: u32) -> Self {
        self.gpus = gpus;
        self
    }

    /// In an availability zone: `us-east-1b`.
    #[must_use]
    pub fn in_zone(mut self, availability_zone: &str) -> Self {
        self.availability_zone = Some(availability_zone.to_owned());
        self
    }

    /// With Windows: `WINDOWS_SERVER_2022_CORE`, ...
    #[must_use]
    pub fn windows(mut self, os_family: &str) -> Self {
        os_family.clone_into(&mut self.os_family);
        self
    }

    /// With an agent that can do this, too.
    #[must_use]
    pub fn capable_of(mut self, capability: &str) -> Self {
        self.capabilities.insert(capability.to_owned());
        self
    }

    /// With an agent that cannot do this.
    #[must_use]
    pub fn incapable_of(mut self, capability: &str) -> Self {
        self.capabilities.remove(capability);
        self
    }

    /// With a custom attribute, for placement constraints.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// What an instance of a type registers: the agent keeps SSH's, Docker's and its own ports
/// (`ECS_RESERVED_PORTS`).
pub(crate) fn registered_resources(instance_type: &InstanceType) -> Resources {
    Resources {
        cpu: instance_type.cpu,
        memory: instance_type.memory,
        tcp_ports_taken: [22, 2375, 2376, 51678, 51679].map(Port).into(),
        udp_ports_taken: BTreeSet::new(),
        gpus: instance_type.gpus,
    }
}

/// The capabilities of every agent of today.
const CAPABILITIES: [&str; 4] = [
    "com.amazonaws.ecs.capability.docker-remote-api.1.44",
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    TASK_ENI,
];

/// The capability that awsvpc tasks require.
pub(crate) const TASK_ENI: &str = "ecs.capability.task-eni";

/// Returns whether a type has AWS's own processors: a `g` behind the generation, as in `m6g` and
/// `c7gn`. A `g` before it, as in `g5`, has graphics.
fn is_arm(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    let options = family.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let options = options.trim_start_matches(|c: char| c.is_ascii_digit());
    family == "a1"
        || (options.len() < family.len() && options.split('-').next().is_some_and(|it| it.contains('g')))
}

/// The attributes that ECS and the agent set, those that are of use.
pub(crate) fn attributes(instance_type: &InstanceType, zone: &str) -> Attributes {
    let windows = instance_type.os_family.starts_with("WINDOWS");
    let valued = [
        ("ecs.availability-zone", zone),
        ("ecs.cpu-architecture", instance_type.cpu_architecture.as_str()),
        ("ecs.instance-type", instance_type.name.as_str()),
        ("ecs.os-family", instance_type.os_family.as_str()),
        ("ecs.os-type", if windows { "windows" } else { "linux" }),
    ];
    let capabilities = instance_type.capabilities.iter().map(|name| (name.clone(), None));
    let trunk = instance_type.trunked.then_some(("ecs.awsvpc-trunk-id", "eni-0123456789abcdef0"));
    let custom = instance_type.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    valued
        .into_iter()
        .chain(trunk)
        .chain(custom)
        .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
        .chain(capabilities)
        .collect()
}
