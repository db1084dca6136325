//! How long a history lasts.

use proptest::prelude::Strategy;
use proptest::prop_oneof;

use crate::scenario::{ClusterPlan, DrainerPlan};

pub(super) fn quiet_after() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 300_u32..=900, 1 => 901_u32..=3600]
}

/// Every history is over after this.
const QUIET_SECONDS_MAX: u32 = 10_800;

/// Lambda's two retries of an event, 1 and 2 minutes after a failure, and one wait for an
/// environment.
const RETRIES_SECONDS: u32 = 60 + 120 + 300;

/// Long enough for everything to end that must: a drain that begins with the quiet, its hook's last
/// wait, the other hook's, and an event that is tried three times on the way.
pub(super) fn quiet(clusters: &[ClusterPlan], drainer: &DrainerPlan) -> u32 {
    let groups = || clusters.iter().flat_map(|cluster| &cluster.groups);
    let drain = groups().filter_map(|group| group.metadata_drain_timeout_seconds).max().unwrap_or(0);
    let drain = drain.max(drainer.drain_timeout_seconds);
    let heartbeat = groups().map(|group| group.heartbeat_seconds).max().unwrap_or(0);
    let other = groups().filter_map(|group| group.other_hook_seconds).max().unwrap_or(0);
    let ends = drain.max(other) + 2 * heartbeat + 3 * drainer.timeout_seconds + RETRIES_SECONDS;
    ends.min(QUIET_SECONDS_MAX)
}
