//! Auto Scaling groups and their hooks.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;

use super::drainer;
use crate::scenario::{GroupOptions, GroupPlan, Metadata, Takes, WarmPoolPlan};

/// Without hosts: the cluster shares out its own.
pub(super) fn groups() -> impl Strategy<Value = Vec<GroupPlan>> {
    prop_oneof![4 => vec(group(), 1..=1), 1 => vec(group(), 1..=3)]
}

fn group() -> impl Strategy<Value = GroupPlan> {
    let hook =
        (heartbeat(), any::<bool>(), weighted(0.15, drainer::drain_timeout()), weighted(0.15, 30_u32..=900));
    let ends = (weighted(0.15, warm_pool()), proptest::bool::weighted(0.1), takes());
    let besides = (weighted(0.1, 30_u32..=300), proptest::bool::weighted(0.1), metadata(), options());
    (size(), launch(), hook, ends, besides).prop_map(|drawn| {
        let ((cpu, memory), launch, hook, ends, (launch_hook_seconds, notifies, metadata, options)) = drawn;
        let (launch_seconds, registering_seconds) = launch;
        let (warm_pool, retains_abandoned, takes) = ends;
        let (heartbeat_seconds, default_abandon, metadata_drain_timeout_seconds, other_hook_seconds) = hook;
        GroupPlan {
            hosts: 0,
            cpu,
            memory,
            launch_seconds,
            registering_seconds,
            heartbeat_seconds,
            default_abandon,
            metadata_drain_timeout_seconds,
            other_hook_seconds,
            warm_pool,
            retains_abandoned,
            launch_hook_seconds,
            notifies,
            takes,
            metadata,
            options,
        }
    })
}

/// Seconds until an instance registers, and until it is ACTIVE then.
fn launch() -> impl Strategy<Value = (u32, u32)> {
    (20_u32..=300, prop_oneof![4 => Just(0_u32), 1 => 1_u32..=150])
}

/// Mostly plain; otherwise each in a third of the groups.
fn options() -> impl Strategy<Value = GroupOptions> {
    let third = || proptest::bool::weighted(0.33);
    let timing = (weighted(0.33, 1_u32..=300), weighted(0.33, 1_u32..=120));
    let recorded = (third(), third(), third(), third());
    let drawn = (timing, 0_usize..=3, recorded, proptest::bool::weighted(0.05)).prop_map(|drawn| {
        let ((connection_draining_seconds, lingering_seconds), zones, recorded, notification_refused) = drawn;
        let (replaces_as_recorded, retained_run_hooks_again, status_reason, without_action_member) = recorded;
        GroupOptions {
            connection_draining_seconds,
            lingering_seconds,
            zones,
            replaces_as_recorded,
            retained_run_hooks_again,
            status_reason,
            without_action_member,
            notification_refused,
            ..GroupOptions::default()
        }
    });
    prop_oneof![1 => Just(GroupOptions::default()), 1 => drawn]
}

/// Mostly as documented.
fn metadata() -> impl Strategy<Value = Metadata> {
    prop_oneof![
        12 => Just(Metadata::Named),
        1 => Just(Metadata::Absent),
        1 => Just(Metadata::UnderAnotherKey),
        1 => Just(Metadata::Text),
    ]
}

fn takes() -> impl Strategy<Value = Takes> {
    prop_oneof![2 => Just(Takes::AsByDefault), 1 => Just(Takes::Oldest), 1 => Just(Takes::Newest)]
}

fn warm_pool() -> impl Strategy<Value = WarmPoolPlan> {
    (5_u32..=60, any::<bool>()).prop_map(|(start_seconds, registers_anew)| WarmPoolPlan {
        start_seconds,
        registers_anew,
        keeps_abandoned: start_seconds % 2 == 0,
    })
}

/// CPU units and MiB as an instance registers them: some memory is the system's.
fn size() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        Just((1024, 1024)),
        Just((2048, 3884)),
        Just((2048, 7764)),
        Just((4096, 15_722)),
        (512_u64..=8192, 400_u64..=16_000),
    ]
}

/// From AWS's least to the template's default.
fn heartbeat() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 30_u32..=60, 4 => 61_u32..=300, 3 => 301_u32..=900]
}
