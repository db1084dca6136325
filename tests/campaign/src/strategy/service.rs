//! Services.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;

use super::task;
use crate::scenario::ServicePlan;

/// A service, and how much of its share of the cluster it wants.
#[derive(Debug, Clone)]
pub(super) struct Filling {
    pub(super) service: ServicePlan,
    pub(super) per_mille: u64,
}

pub(super) fn services() -> impl Strategy<Value = Vec<Filling>> {
    prop_oneof![1 => vec(service(), 0..=1), 5 => vec(service(), 1..=3)]
}

fn service() -> impl Strategy<Value = Filling> {
    let where_to = (proptest::bool::weighted(0.15), weighted(0.15, 0_usize..3));
    (per_mille(), percents(), task::task(), where_to).prop_map(|drawn| {
        let (per_mille, (minimum_percent, maximum_percent), task, (daemon, only_on_group)) = drawn;
        let service = ServicePlan {
            daemon,
            tasks: 0,
            minimum_percent,
            maximum_percent,
            only_on_group,
            by_provider: false,
            distinct: false,
            spreads_over_zones: false,
            rebalances_zones_after: None,
            task,
        };
        Filling { service, per_mille }
    })
}

/// Most clusters have room for what leaves a host, some have not, some lack room from the start.
fn per_mille() -> impl Strategy<Value = u64> {
    prop_oneof![7 => 0_u64..=600, 2 => 600_u64..=1000, 1 => 1000_u64..=1200]
}

/// Minimum healthy and maximum percent. With 100 and 100 nothing moves, ever.
fn percents() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![
        6 => Just((100, 200)),
        4 => Just((0, 100)),
        3 => Just((50, 100)),
        3 => Just((100, 150)),
        2 => (0_u32..=100, 100_u32..=200),
        1 => Just((100, 100)),
    ]
}
