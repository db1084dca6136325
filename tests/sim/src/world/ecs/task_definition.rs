//! Task definitions: what a task needs and how long its containers take.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};

use super::constraint::MemberOf;
use super::instance_type::TASK_ENI;
use crate::world::{ACCOUNT, ApiError, REGION};

/// A task definition's requirements on the hosts' platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimePlatform {
    /// `X86_64` or `ARM64`.
    pub cpu_architecture: Option<String>,
    /// `LINUX`, `WINDOWS_SERVER_2022_CORE`, ...
    pub operating_system_family: Option<String>,
}

/// The host ports of a task that takes none.
static NO_PORTS: BTreeSet<Port> = BTreeSet::new();

/// The needs and the behaviour of a kind of task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDefinition {
    /// The family.
    pub family: String,
    /// Which of the family's.
    pub revision: u32,
    /// Network mode awsvpc: each task has a network interface of its own, and takes none of its
    /// host's ports.
    pub awsvpc: bool,
    /// Where its tasks may go: hosts that match all of them.
    pub placement_constraints: Vec<MemberOf>,
    /// The platform of its containers. AWS does not document whether placement goes by it; the
    /// world's does.
    pub runtime_platform: RuntimePlatform,
    /// Attributes that ECS has derived from it, and their values where they matter; without what
    /// its network mode requires.
    pub requires_attributes: Vec<(String, Option<String>)>,
    /// CPU units that it reserves.
    pub cpu: CpuUnits,
    /// Memory that it reserves.
    pub memory: Mib,
    /// GPUs that it reserves.
    pub gpus: u32,
    /// Static TCP host ports.
    pub tcp_ports: BTreeSet<Port>,
    /// Static UDP host ports.
    pub udp_ports: BTreeSet<Port>,
    /// In PENDING: image pull and start, once the host has room.
    pub pending_seconds: u32,
    /// From RUNNING to healthy. ECS itself waits 40 s where neither load balancer nor health check
    /// says.
    pub healthy_seconds: u32,
    /// In DEACTIVATING: the target group's deregistration delay, before any SIGTERM; 0 without load
    /// balancer.
    pub deregistration_delay_seconds: u32,
    /// In STOPPING: from SIGTERM to the containers' end.
    pub stop_seconds: u32,
    /// `stopTimeout`: containers that take longer from SIGTERM on are killed. Without one they take
    /// their time.
    pub stop_timeout_seconds: Option<u32>,
    /// In DEPROVISIONING: detaching an awsvpc task's network interface; 0 in other network modes.
    pub deprovisioning_seconds: u32,
    /// How long it runs before it ends on its own; a service's task never does.
    pub run_seconds: Option<u32>,
}

impl TaskDefinition {
    /// A task that takes 5 s to start, 40 s to be healthy and 10 s to stop, without load balancer.
    #[must_use]
    pub fn new(family: &str, cpu: u64, memory: u64) -> Self {
        Self {
            family: family.to_owned(),
            revision: 1,
            cpu: CpuUnits(cpu),
            memory: Mib(memory),
            gpus: 0,
            awsvpc: false,
            placement_constraints: Vec::new(),
            runtime_platform: RuntimePlatform::default(),
            requires_attributes: Vec::new(),
            tcp_ports: BTreeSet::new(),
            udp_ports: BTreeSet::new(),
            pending_seconds: 5,
            healthy_seconds: 40,
            deregistration_delay_seconds: 0,
            stop_seconds: 10,
            stop_timeout_seconds: None,
            deprovisioning_seconds: 0,
            run_seconds: None,
        }
    }

    /// With this many GPUs reserved.
    #[must_use]
    pub fn gpus(mut self, gpus: u32) -> Self {
        self.gpus = gpus;
        self
    }

    /// With a static TCP host port.
    #[must_use]
    pub fn tcp_port(mut self, port: u16) -> Self {
        self.tcp_ports.insert(Port(port));
        self
    }

    /// With a static UDP host port.
    #[must_use]
    pub fn udp_port(mut self, port: u16) -> Self {
        self.udp_ports.insert(Port(port));
        self
    }

    /// In network mode awsvpc. Its network interface takes 5 s to be detached, or as long as
    /// [`deprovisioning`](Self::deprovisioning) says.
    #[must_use]
    pub fn awsvpc(mut self) -> Self {
        self.awsvpc = true;
        if self.deprovisioning_seconds == 0 {
            self.deprovisioning_seconds = 5;
        }
        self
    }

    /// Placed only on hosts with this attribute: `memberOf`, `attribute:NAME == VALUE`.
    #[must_use]
    pub fn member_of(self, attribute: &str, value: &str) -> Self {
        self.constrained_to(&format!("attribute:{attribute} == {value}"))
    }

    /// Placed only on hosts that match an expression of the cluster query language: `memberOf`.
    #[must_use]
    pub fn constrained_to(mut self, expression: &str) -> Self {
        self.placement_constraints.push(MemberOf::new(expression));
        self
    }

    /// Placed only on hosts with this attribute, whatever its value.
    #[must_use]
    pub fn requiring(mut self, attribute: &str) -> Self {
        self.requires_attributes.push((attribute.to_owned(), None));
        self
    }

    /// Placed only on hosts with this attribute and value.
    #[must_use]
    pub fn requiring_value(mut self, attribute: &str, value: &str) -> Self {
        self.requires_attributes.push((attribute.to_owned(), Some(value.to_owned())));
        self
    }

    /// For a CPU architecture: `X86_64` or `ARM64`.
    #[must_use]
    pub fn cpu_architecture(mut self, architecture: &str) -> Self {
        self.runtime_platform.cpu_architecture = Some(architecture.to_owned());
        self
    }

    /// For an operating system: `LINUX`, `WINDOWS_SERVER_2022_CORE`, ...
    #[must_use]
    pub fn operating_system_family(mut self, family: &str) -> Self {
        self.runtime_platform.operating_system_family = Some(family.to_owned());
        self
    }

    /// `requiresAttributes`: the attributes that a host must have, and their values where they
    /// matter.
    pub fn required_attributes(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let of_network_mode = self.awsvpc.then_some((TASK_ENI, None));
        let own = self.requires_attributes.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        own.chain(of_network_mode)
    }

    /// How many static host ports it takes.
    pub(crate) fn host_ports(&self) -> u32 {
        let ports = [self.host_tcp_ports(), self.host_udp_ports()];
        ports.iter().map(|ports| u32::try_from(ports.len()).unwrap_or(u32::MAX)).sum()
    }

    /// The static TCP ports that a task takes from its host.
    #[must_use]
    pub fn host_tcp_ports(&self) -> &BTreeSet<Port> {
        if self.awsvpc { &NO_PORTS } else { &self.tcp_ports }
    }

    /// The static UDP ports that a task takes from its host.
    #[must_use]
    pub fn host_udp_ports(&self) -> &BTreeSet<Port> {
        if self.awsvpc { &NO_PORTS } else { &self.udp_ports }
    }

    /// PENDING for so long.
    #[must_use]
    pub fn pending(mut self, seconds: u32) -> Self {
        self.pending_seconds = seconds;
        self
    }

    /// Healthy so long after RUNNING.
    #[must_use]
    pub fn healthy_after(mut self, seconds: u32) -> Self {
        self.healthy_seconds = seconds;
        self
    }

    /// DEACTIVATING for so long.
    #[must_use]
    pub fn deregistration_delay(mut self, seconds: u32) -> Self {
        self.deregistration_delay_seconds = seconds;
        self
    }

    /// STOPPING for so long.
    #[must_use]
    pub fn stopping(mut self, seconds: u32) -> Self {
        self.stop_seconds = seconds;
        self
    }

    /// With a `stopTimeout`: its containers are killed then.
    #[must_use]
    pub fn stop_timeout(mut self, seconds: u32) -> Self {
        self.stop_timeout_seconds = Some(seconds);
        self
    }

    /// DEPROVISIONING for so long.
    #[must_use]
    pub fn deprovisioning(mut self, seconds: u32) -> Self {
        self.deprovisioning_seconds = seconds;
        self
    }

    /// Ends on its own after running this long.
    #[must_use]
    pub fn running_for(mut self, seconds: u32) -> Self {
        self.run_seconds = Some(seconds);
        self
    }

    /// The time in STOPPING.
    pub(crate) fn stopping_seconds(&self) -> u32 {
        self.stop_timeout_seconds.map_or(self.stop_seconds, |timeout| timeout.min(self.stop_seconds))
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{}:{}", self.family, self.revision)
    }

    /// A malformed expression is an error of the call that would register the task definition.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        self.placement_constraints.iter().try_for_each(MemberOf::check)
    }
}
