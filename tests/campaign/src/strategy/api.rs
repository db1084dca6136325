//! How AWS's API behaves within what it promises.

use proptest::option::weighted;
use proptest::prelude::Strategy;
use proptest::prop_oneof;

use crate::scenario::{ApiPlan, ClusterPlan, LagPlan};

/// The most pages of a list that ignores its filter. Finding one host in hundreds of pages takes
/// longer than an invocation may, and no AWS does that.
const MOST_PAGES: usize = 20;

pub(super) fn api() -> impl Strategy<Value = ApiPlan> {
    let page = prop_oneof![2 => 1_usize..=3, 1 => 4_usize..=99];
    let seconds = prop_oneof![2 => 1_u32..=4, 1 => 5_u32..=60];
    let lag = (seconds, 50_u32..=1000, proptest::bool::weighted(0.5))
        .prop_map(|(seconds, per_mille, each_by_its_own)| LagPlan { seconds, per_mille, each_by_its_own });
    (weighted(0.25, page), proptest::bool::weighted(0.05), weighted(0.3, others()), weighted(0.3, lag))
        .prop_map(|(page_limit, filters_ignored, request_rates, lagging_reads)| ApiPlan {
            page_limit,
            filters_ignored,
            request_rates,
            lagging_reads,
            lagging_groups: None,
        })
}

/// The reads a second that others of the account make: from none to nearly all that there are.
fn others() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 0_u32..=10, 1 => 11_u32..=18]
}

/// The plan for clusters of a size.
pub(super) fn within(plan: ApiPlan, clusters: &[ClusterPlan]) -> ApiPlan {
    let hosts_of = |cluster: &ClusterPlan| cluster.groups.iter().map(|group| group.hosts).sum();
    let hosts: u32 = clusters.iter().map(hosts_of).max().unwrap_or(0);
    let least = usize::try_from(hosts).unwrap_or(usize::MAX).div_ceil(MOST_PAGES);
    match plan.page_limit {
        Some(limit) if plan.filters_ignored => ApiPlan { page_limit: Some(limit.max(least)), ..plan },
        _ => plan,
    }
}
