//! The figures' values, with what binds them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::resource::Resource;
use super::worst_case::WorstCaseContainer;

/// The capacity of a cluster or a group, and why it is what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The container that is counted.
    pub worst_case_container: WorstCaseContainer,
    /// Container capacity: the least, over resources, of the containers that fit on all hosts
    /// together as far as the one resource goes.
    pub container_capacity: u64,
    /// The resource that container capacity is the least in; none where there is no host.
    pub container_capacity_bound_by: Option<Resource>,
    /// Idle host capacity: the least, over resources, of the containers that fit in hosts of the
    /// largest size.
    pub idle_host_capacity: f64,
    /// The resource that idle host capacity is the least in; none where there is no host.
    pub idle_host_capacity_bound_by: Option<Resource>,
    /// The containers that really fit: on each host, the least over resources. Never more than
    /// container capacity.
    pub placeable_containers: u64,
    /// The hosts that the figures are about: ACTIVE, their agent connected.
    pub hosts: u64,
    /// Instance types that the table of network interfaces lacks, where the worst-case container
    /// needs one. Their hosts count as having none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown_instance_types: BTreeSet<String>,
    /// The same by resource. A resource that the worst-case container does not use sets no limit
    /// and is left out.
    pub resources: Vec<ResourceCapacity>,
}

/// Container capacity as far as one resource goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceCapacity {
    /// The resource.
    pub resource: Resource,
    /// The containers that fit on all hosts together.
    pub container_capacity: u64,
    /// The containers that fit on an empty host, of the largest size in this resource.
    pub per_host: u64,
    /// Hosts with no room for one more container.
    pub full_hosts: u64,
}
