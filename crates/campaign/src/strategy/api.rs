//! How AWS's API behaves within what it promises.

use proptest::option::weighted;
use proptest::prelude::Strategy;
use proptest::prop_oneof;

use crate::scenario::ApiPlan;

pub(super) fn api() -> impl Strategy<Value = ApiPlan> {
    let page = prop_oneof![2 => 1_usize..=3, 1 => 4_usize..=99];
    (weighted(0.25, page), proptest::bool::weighted(0.05))
        .prop_map(|(page_limit, filters_ignored)| ApiPlan { page_limit, filters_ignored })
}
