//! Clusters: mostly one, mostly small, most of them with room for a drain.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{BoxedStrategy, Strategy};
use proptest::prop_oneof;

use super::{group, service, task};
use crate::scenario::{ClusterPlan, FlappingPlan, GroupPlan, ServicePlan};

pub(super) fn clusters() -> impl Strategy<Value = Vec<ClusterPlan>> {
    prop_oneof![
        8 => vec(cluster(hosts()), 1..=1),
        2 => vec(cluster(few_hosts()), 1..=3),
    ]
}

fn cluster(hosts: BoxedStrategy<u32>) -> impl Strategy<Value = ClusterPlan> {
    let parts = (group::groups(), service::services(), task::standalone_tasks());
    (hosts, parts, 0_u32..=10, weighted(0.15, flapping())).prop_map(|drawn| {
        let (hosts, (groups, services, standalone), delay, flapping_agents) = drawn;
        let groups = share(hosts, groups);
        let services = fill(&groups, services);
        ClusterPlan { groups, services, standalone, scheduler_delay_seconds: delay, flapping_agents }
    })
}

/// Several times an hour is what AWS calls healthy.
fn flapping() -> impl Strategy<Value = FlappingPlan> {
    (300_u32..=1800, 1_u32..=120)
        .prop_map(|(every_seconds, for_seconds)| FlappingPlan { every_seconds, for_seconds })
}

/// Large clusters cost the most and show the least: pages and batches.
fn hosts() -> BoxedStrategy<u32> {
    prop_oneof![800 => few_hosts(), 190 => 11_u32..=60, 10 => 61_u32..=300].boxed()
}

fn few_hosts() -> BoxedStrategy<u32> {
    (1_u32..=10).boxed()
}

/// The groups share the hosts as evenly as possible.
fn share(hosts: u32, groups: Vec<GroupPlan>) -> Vec<GroupPlan> {
    let mut sharing = u32::try_from(groups.len()).unwrap_or(1);
    let mut left = hosts;
    let mut shared = Vec::new();
    for group in groups {
        let hosts = left.div_ceil(sharing.max(1));
        left -= hosts;
        sharing = sharing.saturating_sub(1);
        shared.push(GroupPlan { hosts, ..group });
    }
    shared
}

/// The services share the room.
fn fill(groups: &[GroupPlan], services: Vec<service::Filling>) -> Vec<ServicePlan> {
    let sharing = u64::try_from(services.len()).unwrap_or(1).max(1);
    let hosts: u64 = groups.iter().map(|group| u64::from(group.hosts)).sum();
    let tasks_of = |filling: &service::Filling| {
        let task = &filling.service.task;
        let room: u64 = groups.iter().map(|group| u64::from(group.hosts) * task::room(group, task)).sum();
        let tasks = (room * filling.per_mille / sharing).div_ceil(1000);
        u32::try_from(tasks.min(hosts * TASKS_A_HOST_MAX)).unwrap_or(u32::MAX)
    };
    services.into_iter().map(|filling| ServicePlan { tasks: tasks_of(&filling), ..filling.service }).collect()
}

/// Small tasks by the hundred show no more than these.
const TASKS_A_HOST_MAX: u64 = 4;
