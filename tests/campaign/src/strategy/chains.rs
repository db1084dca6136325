//! What doubles a message doubles its chain of invocations, and each of both again: bounded, so
//! that a history is a history of some drains and not of millions.

use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::disorder::Disorder;

use crate::scenario::{ClusterPlan, DrainerPlan, FaultPlan, Wrong};

/// How long chains get while anything goes wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chains {
    /// The least that one invocation works.
    invocation_seconds: u32,
    /// How many of each thousand messages may be doubled by one cause.
    doubled_per_mille: u32,
}

/// The drainer retries publishes that are slower than this.
const PUBLISH_PATIENCE_MS: u32 = 3_000;

impl Chains {
    pub(super) fn of(clusters: &[ClusterPlan], drainer: &DrainerPlan, quiet_after_seconds: u32) -> Self {
        let hosts: u32 = clusters.iter().flat_map(|cluster| &cluster.groups).map(|group| group.hosts).sum();
        let invocation_seconds = drainer.timeout_seconds.saturating_sub(drainer.margin_seconds).max(1);
        let hops = quiet_after_seconds.div_ceil(invocation_seconds).max(1);
        // With three causes of it a chain grows to e^3 or e^1 chains.
        let growth = if hosts > 20 { 333 } else { 1000 };
        Self { invocation_seconds, doubled_per_mille: growth / hops }
    }

    pub(super) fn bound_disorder(self, mut disorder: Disorder) -> Disorder {
        let Disorder { messages, invocations, calls, .. } = &mut disorder;
        messages.twice_per_mille = messages.twice_per_mille.min(self.doubled_per_mille);
        invocations.twice_per_mille = invocations.twice_per_mille.min(self.doubled_per_mille);
        if calls.slow_ms_max + calls.jitter_ms_max > PUBLISH_PATIENCE_MS {
            calls.slow_per_mille = calls.slow_per_mille.min(self.doubled_per_mille);
        }
        disorder
    }

    /// Of a publish whose answer is lost there may be some six copies.
    pub(super) fn bound_fault(self, fault: FaultPlan) -> FaultPlan {
        let publishes = fault.operation.is_none_or(|operation| operation == Operation::Publish);
        if fault.fault == Wrong::AnswerLost && publishes {
            return FaultPlan { seconds: fault.seconds.min(self.invocation_seconds), ..fault };
        }
        fault
    }
}
