//! A task's needs of its host, by its task definition.

use std::collections::BTreeSet;

use crate::container_instance::{CpuUnits, Mib, Port};

/// The needs that one task of a task definition has of its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskNeeds {
    /// CPU units: the task's own size, or else what its containers reserve.
    pub cpu: CpuUnits,
    /// Memory: the task's own size, or else what its containers reserve, and where one reserves
    /// none, its limit.
    pub memory: Mib,
    /// Static TCP ports of its host.
    pub tcp_ports: BTreeSet<Port>,
    /// Static UDP ports of its host.
    pub udp_ports: BTreeSet<Port>,
    /// True if it has a network interface of its own (network mode `awsvpc`).
    pub network_interface: bool,
    /// GPUs.
    pub gpus: u32,
}
