//! Direct scaling, in part of the histories that have a calculator. It is drawn after all else: the
//! others stay as they were.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;

use super::{faults, happenings};
use crate::direct_plan::{Again, DirectPlan, DrainingAtOnce};
use crate::scenario::{GroupOptions, Scenario};

#[derive(Debug, Clone)]
pub(super) struct Drawn {
    plan: DirectPlan,
    keeps_alarms: bool,
    is_scheduled: bool,
    /// Of each group, counted round.
    groups: Vec<Group>,
    /// Of each service, counted round: whether its strategy names the zone.
    spreads: Vec<bool>,
    happenings: Vec<happenings::Drawn>,
    faults: Vec<faults::Drawn>,
    quiet_after_seconds: u32,
}

#[derive(Debug, Clone)]
struct Group {
    again: Again,
    rebalances_after_seconds: Option<u32>,
    min_size: u32,
    /// How many more hosts than at first it may have.
    grows_by: Option<u32>,
    scaled_by_ecs: bool,
}

/// For part of the histories.
pub(super) fn direct() -> impl Strategy<Value = Option<Drawn>> {
    let most = prop_oneof![
        2 => (1_u32..=3).prop_map(DrainingAtOnce::Hosts),
        2 => prop_oneof![Just(10_u32), 1..=100_u32].prop_map(DrainingAtOnce::Percent),
    ];
    let plan = (prop_oneof![2 => Just(1_u32), 1 => 2_u32..=5], most, proptest::bool::weighted(0.05));
    let plan = plan.prop_map(|(scale_in_minutes, max_draining, dry_run)| DirectPlan {
        scale_in_minutes,
        max_draining,
        dry_run,
    });
    let calculator = (weighted(0.4, plan), proptest::bool::weighted(0.15), proptest::bool::weighted(0.9));
    let services = vec(proptest::bool::weighted(0.25), 3..=3);
    let wrong = (happenings::of_direct_scaling(), faults::of_direct_scaling());
    (calculator, vec(group(), 3..=3), services, wrong, 1500_u32..=4200).prop_map(|drawn| {
        let ((plan, keeps_alarms, is_scheduled), groups, spreads, (happenings, faults), quiet) = drawn;
        let quiet_after_seconds = quiet;
        let plan = plan?;
        let drawn = Drawn {
            plan,
            keeps_alarms,
            is_scheduled,
            groups,
            spreads,
            happenings,
            faults,
            quiet_after_seconds,
        };
        Some(drawn)
    })
}

fn group() -> impl Strategy<Value = Group> {
    let again =
        prop_oneof![2 => Just(Again::Decremented), 1 => Just(Again::Ignored), 1 => Just(Again::Refused)];
    let sizes = (prop_oneof![2 => Just(0_u32), 1 => 1_u32..=4], weighted(0.4, 0_u32..=6));
    (again, weighted(0.6, 1_u32..=300), sizes, proptest::bool::weighted(0.06)).prop_map(|drawn| {
        let (again, rebalances_after_seconds, (min_size, grows_by), scaled_by_ecs) = drawn;
        Group { again, rebalances_after_seconds, min_size, grows_by, scaled_by_ecs }
    })
}

impl Drawn {
    /// Hosts are removed only once they have been removable for minutes, and ten minutes after a
    /// scale-out.
    pub(super) fn quiet_after(&self, drawn_seconds: u32) -> u32 {
        drawn_seconds.max(self.quiet_after_seconds)
    }

    pub(super) fn of(self, mut scenario: Scenario) -> Scenario {
        let Some(calculator) = scenario.calculator.as_mut() else {
            return scenario;
        };
        calculator.direct = Some(self.plan);
        calculator.scales &= self.keeps_alarms;
        calculator.scheduled |= self.is_scheduled;
        for cluster in &mut scenario.clusters {
            for (group, drawn) in cluster.groups.iter_mut().zip(&self.groups) {
                group.options = GroupOptions {
                    terminated_again: drawn.again,
                    rebalances_after_seconds: drawn.rebalances_after_seconds,
                    min_size: drawn.min_size,
                    max_size: drawn.grows_by.map(|more| group.hosts + more),
                    scaled_by_ecs: drawn.scaled_by_ecs,
                    ..group.options.clone()
                };
            }
            for (service, spreads) in cluster.services.iter_mut().zip(&self.spreads) {
                service.spreads_over_zones = *spreads && !service.daemon;
            }
        }
        let quiet_after = scenario.quiet_after_seconds;
        scenario.happenings.extend(self.happenings.into_iter().map(|drawn| drawn.within(quiet_after)));
        scenario.faults.extend(self.faults.into_iter().map(|drawn| drawn.within(quiet_after)));
        scenario
    }
}
