//! The lifecycle-drainer's settings: all that it accepts, with short invocations frequent, so that
//! chains get long.

use proptest::option::weighted;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;

use crate::scenario::{DrainerPlan, OnTimeout};

pub(super) fn drainer() -> impl Strategy<Value = DrainerPlan> {
    let timing = (timeout(), poll(), margin(), (drain_timeout(), on_timeout()));
    let besides = (proptest::bool::weighted(0.15), proptest::bool::weighted(0.5), ecs_cluster());
    (timing, weighted(0.2, 1_u32..=5), besides).prop_map(
        |((timeout, poll_seconds, margin_seconds, drain), reserved_concurrency, besides)| {
            let (cut, sweeps, ecs_cluster) = besides;
            let (drain_timeout_seconds, on_drain_timeout) = drain;
            DrainerPlan {
                timeout_seconds: timeout.max(poll_seconds + margin_seconds + LEAST_SECONDS),
                poll_seconds,
                margin_seconds,
                drain_timeout_seconds,
                on_drain_timeout,
                reserved_concurrency,
                recursion_terminated: cut,
                ecs_cluster,
                sweeps,
            }
        },
    )
}

/// The least time of an invocation beside a poll interval and its margin. With less the drainer
/// refuses the message.
const LEAST_SECONDS: u32 = 6;

/// The cluster of `ECS_CLUSTER`: mostly the first one.
fn ecs_cluster() -> impl Strategy<Value = usize> {
    prop_oneof![8 => Just(0_usize), 1 => Just(1), 1 => Just(9)]
}

fn timeout() -> impl Strategy<Value = u32> {
    prop_oneof![5 => 30_u32..=60, 3 => 61_u32..=300, 2 => 301_u32..=900]
}

fn poll() -> impl Strategy<Value = u32> {
    prop_oneof![1 => 1_u32..=1, 5 => 2_u32..=15, 2 => 16_u32..=60]
}

fn margin() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 5_u32..=15, 1 => 16_u32..=60]
}

fn on_timeout() -> impl Strategy<Value = OnTimeout> {
    prop_oneof![3 => Just(OnTimeout::StopTasks), 1 => Just(OnTimeout::Continue), 1 => Just(OnTimeout::Abandon)]
}

/// `DRAIN_TIMEOUT_SECONDS`, or the hook's own.
pub(super) fn drain_timeout() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 60_u32..=900, 4 => 901_u32..=3600, 1 => 3601_u32..=7200]
}
