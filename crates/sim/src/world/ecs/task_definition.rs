//! Task definitions: what a task needs and how long its containers take.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};

use crate::world::{ACCOUNT, REGION};

/// What a task of a kind needs, and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDefinition {
    /// The family; its revision is always 1.
    pub family: String,
    /// CPU units that it reserves.
    pub cpu: CpuUnits,
    /// Memory that it reserves.
    pub memory: Mib,
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
            cpu: CpuUnits(cpu),
            memory: Mib(memory),
            tcp_ports: BTreeSet::new(),
            udp_ports: BTreeSet::new(),
            pending_seconds: 5,
            healthy_seconds: 40,
            deregistration_delay_seconds: 0,
            stop_seconds: 10,
            deprovisioning_seconds: 0,
            run_seconds: None,
        }
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

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{}:1", self.family)
    }
}
