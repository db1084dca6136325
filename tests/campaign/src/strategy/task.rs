//! Task definitions, and tasks that belong to no service.

use proptest::bool::weighted as weighted_bool;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::prop_oneof;

use crate::scenario::{GroupPlan, StandalonePlan, TaskPlan};

pub(super) fn task() -> impl Strategy<Value = TaskPlan> {
    let ports = (weighted(0.15, port()), weighted(0.05, port()));
    let timing = (1_u32..=40, 0_u32..=60, seldom(300), seldom(120), seldom(40));
    (resources(), ports, timing, weighted_bool(0.15)).prop_map(|drawn| {
        let ((cpu, memory), (tcp_port, udp_port), timing, awsvpc) = drawn;
        let (pending_seconds, healthy_seconds, deregistration_seconds, stop_seconds, deprovisioning_seconds) =
            timing;
        TaskPlan {
            cpu,
            memory,
            tcp_port,
            udp_port,
            awsvpc,
            pending_seconds,
            healthy_seconds,
            deregistration_seconds,
            stop_seconds,
            deprovisioning_seconds,
        }
    })
}

pub(super) fn standalone_tasks() -> impl Strategy<Value = Vec<StandalonePlan>> {
    prop_oneof![3 => Just(Vec::new()), 2 => vec(standalone(), 1..=3)]
}

/// It ends soon, or late, or not within any history.
pub(super) fn standalone() -> impl Strategy<Value = StandalonePlan> {
    let run_seconds = prop_oneof![4 => 1_u32..=600, 3 => 601_u32..=7200, 1 => Just(1_000_000)];
    (run_seconds, task()).prop_map(|(run_seconds, task)| StandalonePlan { run_seconds, task })
}

/// How many of a task an empty host of a group has room for.
pub(super) fn room(group: &GroupPlan, task: &TaskPlan) -> u64 {
    let fits = |has: u64, takes: u64| has.checked_div(takes).unwrap_or(u64::MAX);
    let room = fits(group.cpu, task.cpu).min(fits(group.memory, task.memory)).min(100);
    if task.tcp_port.is_some() || task.udp_port.is_some() { room.min(1) } else { room }
}

/// CPU units and MiB.
fn resources() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![Just((256, 512)), Just((512, 512)), Just((0, 900)), (1_u64..=1024, 4_u64..=2048),]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![3 => Just(80_u16), 1 => Just(443), 1 => 1024_u16..=49_151]
}

/// Often 0, otherwise anything up to `most` seconds.
fn seldom(most: u32) -> BoxedStrategy<u32> {
    prop_oneof![1 => Just(0), 2 => 1_u32..=most].boxed()
}
