//! Task definitions: what a task needs and how long its containers take.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};

use super::container_instance::Attributes;
use crate::world::{ACCOUNT, REGION};

/// A placement constraint: `memberOf`, with the one expression of the cluster query language that the world knows
/// here, `attribute:NAME == VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberOf {
    /// The attribute's name.
    pub attribute: String,
    /// The value that it must have.
    pub value: String,
}

impl MemberOf {
    /// Whether an instance with these attributes is a member.
    pub(crate) fn includes(&self, attributes: &Attributes) -> bool {
        attributes.get(&self.attribute).is_some_and(|value| value.as_ref() == Some(&self.value))
    }
}

/// The host ports of a task that takes none.
static NO_PORTS: BTreeSet<Port> = BTreeSet::new();

/// What a task of a kind needs, and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDefinition {
    /// The family.
    pub family: String,
    /// Which of the family's.
    pub revision: u32,
    /// Network mode awsvpc: each task has a network interface of its own, and takes none of its host's ports.
    pub awsvpc: bool,
    /// Where its tasks may go; anywhere without one.
    pub placement_constraint: Option<MemberOf>,
    /// CPU units that it reserves.
    pub cpu: CpuUnits,
    /// Memory that it reserves.
    pub memory: Mib,
    /// GPUs that it has to itself.
    pub gpus: u32,
    /// Static TCP host ports.
    pub tcp_ports: BTreeSet<Port>,
    /// Static UDP host ports.
    pub udp_ports: BTreeSet<Port>,
    /// In PENDING: image pull and start, once the host has room.
    pub pending_seconds: u32,
    /// From RUNNING to healthy. ECS itself waits 40 s where neither load balancer nor health check says.
    pub healthy_seconds: u32,
    /// In DEACTIVATING: the target group's deregistration delay, before any SIGTERM; 0 without load balancer.
    pub deregistration_delay_seconds: u32,
    /// In STOPPING: from SIGTERM to the containers' end.
    pub stop_seconds: u32,
    /// `stopTimeout`: containers that take longer from SIGTERM on are killed. Without one they take their time.
    pub stop_timeout_seconds: Option<u32>,
    /// In DEPROVISIONING: detaching an awsvpc task's network interface; 0 in other network modes.
    pub deprovisioning_seconds: u32,
    /// How long it runs before it ends by itself; a service's task never does.
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
            placement_constraint: None,
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

    /// With so many GPUs to itself.
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
    pub fn member_of(mut self, attribute: &str, value: &str) -> Self {
        self.placement_constraint =
            Some(MemberOf { attribute: attribute.to_owned(), value: value.to_owned() });
        self
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

    /// Ends by itself after running so long.
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
}
