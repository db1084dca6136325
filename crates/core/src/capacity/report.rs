//! What the figures come to, with what binds them.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::resource::Resource;
use super::wanted::Wanted;
use super::worst_case::WorstCase;

/// The capacity of a cluster, and why it is what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The container that is counted.
    pub worst_case: WorstCase,
    /// Container capacity: the least, over resources, of the containers that fit on all hosts together as far as the
    /// one resource goes.
    pub container_capacity: u64,
    /// The resource that container capacity is the least in; none where there is no host.
    pub container_capacity_bound_by: Option<Resource>,
    /// Idle host capacity: the least, over resources, of the containers that fit in hosts of the largest size.
    pub idle_host_capacity: f64,
    /// The resource that idle host capacity is the least in; none where there is no host.
    pub idle_host_capacity_bound_by: Option<Resource>,
    /// The containers that really fit: on each host, the least over resources. Never more than container capacity.
    pub placeable_containers: u64,
    /// How many hosts can go, and what holds back the next one.
    #[serde(flatten)]
    pub scale_in: ScaleIn,
    /// How many hosts of the smallest size are missing for what the services want, and one worst case more.
    pub missing_hosts: u64,
    /// What the services want.
    pub wanted: Wanted,
    /// The cluster's container instances.
    #[serde(flatten)]
    pub hosts: Hosts,
    /// Instance types of which nobody knows how many network interfaces they have, where the worst case needs one: their
    /// hosts count as having none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown_instance_types: BTreeSet<String>,
    /// The same resource by resource; those that the worst case does not use set no limit and are left out.
    pub resources: Vec<ResourceCapacity>,
}

/// What is told of a cluster for which there is no worst case: no service, and nothing given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdleReport {
    /// Hosts on which no task runs or is in PENDING.
    pub idle_hosts: u64,
    /// What the services want.
    pub wanted: Wanted,
    /// The cluster's container instances.
    #[serde(flatten)]
    pub hosts: Hosts,
}

/// A cluster's container instances, by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Hosts {
    /// ACTIVE, their agent connected: the hosts that all figures are about.
    #[serde(rename = "activeHosts")]
    pub active: u64,
    /// DRAINING.
    #[serde(rename = "drainingHosts")]
    pub draining: u64,
    /// ACTIVE, their agent not connected.
    #[serde(rename = "disconnectedHosts")]
    pub disconnected: u64,
    /// None of these: registering, deregistering, outside EC2 and the like.
    #[serde(rename = "otherHosts")]
    pub other: u64,
}

/// How many hosts can go, and what holds back the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleIn {
    /// How many hosts can go, whichever the group picks: what runs on them fits on those that stay, with the tasks that
    /// have no place yet, and one worst case more.
    pub removable_hosts: u64,
    /// If one more went, and it were these. None where all can go, or there is no host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBack>,
}

/// Why no more hosts can go than can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBack {
    /// So many slots, each the room for one worst case, would be missing.
    pub slots_missing: u64,
    /// The hosts that would go in the worst case, those that take the most slots with them first; some of them, where they
    /// are many.
    pub by: Vec<Holding>,
}

/// A host that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// Its EC2 instance.
    pub instance: String,
    /// Its tasks that are to run.
    pub tasks: u64,
    /// The slots that they need elsewhere, at most.
    pub slots_needed: u64,
    /// Its own free slots, which go with it.
    pub slots_free: u64,
}

/// `i-1: 3 tasks need 2 slots elsewhere, 1 free slot goes with it`
impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, tasks, slots_needed, slots_free } = self;
        let slots = |count: &u64| if *count == 1 { "slot" } else { "slots" };
        let (task, need) = if *tasks == 1 { ("task", "needs") } else { ("tasks", "need") };
        let go = if *slots_free == 1 { "goes" } else { "go" };
        write!(f, "{instance}: {tasks} {task} {need} {slots_needed} {} elsewhere, ", slots(slots_needed))?;
        write!(f, "{slots_free} free {} {go} with it", slots(slots_free))
    }
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
