//! Disorder: a third of all histories is calm, a third mildly disturbed, a third roughly.

use fleetkeeper_sim::world::disorder::{Calls, Deliveries, Disorder, Invocations};
use proptest::prelude::{BoxedStrategy, Just, Strategy};
use proptest::prop_oneof;

pub(super) fn disorder() -> impl Strategy<Value = Disorder> {
    prop_oneof![
        Just(Disorder::default()),
        degree(Degree { rare: 30, frequent: 100, late_seconds: 30, slow_ms: 2_000 }),
        degree(Degree { rare: 300, frequent: 500, late_seconds: 600, slow_ms: 20_000 }),
    ]
}

/// How much of each there is at most.
#[derive(Clone, Copy)]
struct Degree {
    /// In a thousand: what sets a function back.
    rare: u32,
    /// In a thousand: what should be nothing to it.
    frequent: u32,
    late_seconds: u32,
    slow_ms: u32,
}

fn degree(degree: Degree) -> BoxedStrategy<Disorder> {
    (deliveries(degree), deliveries(degree), invocations(degree), calls(degree))
        .prop_map(|(messages, events, invocations, calls)| Disorder { messages, events, invocations, calls })
        .boxed()
}

fn deliveries(degree: Degree) -> impl Strategy<Value = Deliveries> {
    (0..=degree.frequent, 0..=degree.frequent, 0..=degree.late_seconds).prop_map(
        |(twice_per_mille, late_per_mille, late_seconds_max)| Deliveries {
            twice_per_mille,
            late_per_mille,
            late_seconds_max,
        },
    )
}

fn invocations(degree: Degree) -> impl Strategy<Value = Invocations> {
    let waits = prop_oneof![1 => 1_u32..=8, 2 => 8_u32..=200];
    (0..=degree.rare, waits, 0..=degree.rare, 0..=degree.frequent).prop_map(
        |(killed_per_mille, killed_by_await, twice_per_mille, recycled_per_mille)| Invocations {
            killed_per_mille,
            killed_by_await,
            killed_in_the_act_per_mille: 500,
            killed_in: None,
            killed_in_per_mille: 0,
            twice_per_mille,
            recycled_per_mille,
        },
    )
}

fn calls(degree: Degree) -> impl Strategy<Value = Calls> {
    (0..=500_u32, 0..=degree.rare, 0..=degree.slow_ms).prop_map(
        |(jitter_ms_max, slow_per_mille, slow_ms_max)| Calls { jitter_ms_max, slow_per_mille, slow_ms_max },
    )
}
