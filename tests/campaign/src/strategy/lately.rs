//! Options that came last. Each is drawn after all else: the others stay as they were.

use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::disorder::Disorder;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::Strategy;
use proptest::prop_oneof;
use proptest::sample::select;

use crate::scenario::{GroupLagPlan, Scenario};

#[derive(Debug, Clone)]
pub(super) struct Drawn {
    lagging_groups: Option<GroupLagPlan>,
    killed_in: Option<KilledIn>,
    zones: Option<Zones>,
    /// Of each group, counted round: how soon ECS drains its instances beside the drainer.
    drained_by_ecs: Vec<Option<u32>>,
}

/// The call that invocations die in, and how many in a thousand.
#[derive(Debug, Clone, Copy)]
struct KilledIn {
    operation: Operation,
    of_direct_scaling: Option<Operation>,
    per_mille: u32,
}

/// Groups in several zones, and services that ECS balances over them.
#[derive(Debug, Clone)]
struct Zones {
    /// How many zones each group has, counted round.
    groups: Vec<usize>,
    /// Of each service, counted round: after how many seconds it is balanced, and whether its
    /// strategy names the zone.
    services: Vec<(Option<u32>, bool)>,
}

pub(super) fn lately() -> impl Strategy<Value = Drawn> {
    // AWS does not say how soon ECS reacts to an instance that waits at its hook.
    let drained_by_ecs = vec(weighted(0.1, prop_oneof![2 => 1_u32..=10, 1 => 11_u32..=60]), 3..=3);
    (lagging_groups(), weighted(0.4, killed_in()), weighted(0.3, zones()), drained_by_ecs).prop_map(
        |(lagging_groups, killed_in, zones, drained_by_ecs)| Drawn {
            lagging_groups,
            killed_in,
            zones,
            drained_by_ecs,
        },
    )
}

/// AWS does not say how soon ECS balances a service.
fn zones() -> impl Strategy<Value = Zones> {
    let service = (weighted(0.7, 1_u32..=180), proptest::bool::weighted(0.5));
    (vec(2_usize..=3, 3..=3), vec(service, 3..=3)).prop_map(|(groups, services)| Zones { groups, services })
}

/// Calls that an invocation makes seldom, or once at most.
const SELDOM: [Operation; 11] = [
    Operation::DescribeCapacityProviders,
    Operation::DescribeScalingActivities,
    Operation::DescribeServices,
    Operation::DescribeTaskDefinition,
    Operation::DescribeTasks,
    Operation::GetTaskProtection,
    Operation::ListContainerInstances,
    Operation::ListTasks,
    Operation::PutMetricData,
    Operation::StopTask,
    Operation::UpdateContainerInstancesState,
];

/// A call, another where groups are scaled directly, and how many of a thousand die there. Of a few
/// calls in a history, most must die for one death to be likely.
fn killed_in() -> impl Strategy<Value = KilledIn> {
    let of_direct_scaling = weighted(0.75, select(Operation::OF_DIRECT_SCALING.to_vec()));
    (select(SELDOM.to_vec()), of_direct_scaling, 100_u32..=700).prop_map(
        |(operation, of_direct_scaling, per_mille)| KilledIn { operation, of_direct_scaling, per_mille },
    )
}

/// AWS does not say how far reads of groups lag.
fn lagging_groups() -> impl Strategy<Value = Option<GroupLagPlan>> {
    let plan = (1_u32..=10, 50_u32..=1000);
    weighted(0.25, plan.prop_map(|(seconds, per_mille)| GroupLagPlan { seconds, per_mille }))
}

impl Drawn {
    pub(super) fn of(self, mut scenario: Scenario) -> Scenario {
        scenario.api.lagging_groups = self.lagging_groups;
        // A calm history stays calm.
        if let Some(KilledIn { operation, of_direct_scaling, per_mille }) = self.killed_in
            && scenario.disorder != Disorder::default()
        {
            let direct = scenario.calculator.as_ref().and_then(|calculator| calculator.direct.as_ref());
            let invocations = &mut scenario.disorder.invocations;
            invocations.killed_in = Some(of_direct_scaling.filter(|_| direct.is_some()).unwrap_or(operation));
            invocations.killed_in_per_mille = per_mille;
        }
        for cluster in &mut scenario.clusters {
            for (group, within) in cluster.groups.iter_mut().zip(&self.drained_by_ecs) {
                group.options.drained_by_ecs_within = *within;
            }
        }
        if let Some(zones) = self.zones {
            zones.of(&mut scenario);
        }
        scenario
    }
}

impl Zones {
    /// ECS balances no DAEMON service, and none with a maximum of 100 percent.
    fn of(self, scenario: &mut Scenario) {
        for cluster in &mut scenario.clusters {
            for (group, zones) in cluster.groups.iter_mut().zip(&self.groups) {
                group.options.zones = *zones;
            }
            for (service, (after, spreads)) in cluster.services.iter_mut().zip(&self.services) {
                if !service.daemon && service.maximum_percent > 100 {
                    service.rebalances_zones_after = *after;
                    service.spreads_over_zones |= *spreads && after.is_some();
                }
            }
        }
    }
}
