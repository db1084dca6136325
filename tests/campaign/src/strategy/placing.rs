//! Where tasks may be placed, and where they are. It matters to the calculator most, so all of it
//! is of histories that have one, and drawn after all else: the others stay as they were.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;

use crate::scenario::{HeadroomPlan, Places, Scenario};

#[derive(Debug, Clone)]
pub(super) struct Drawn {
    places: Places,
    headroom: HeadroomPlan,
    /// For each service, counted round, whether a provider binds it to its group, and whether its
    /// tasks keep apart.
    services: Vec<(bool, bool)>,
}

pub(super) fn placing() -> impl Strategy<Value = Drawn> {
    let places = prop_oneof![
        1 => Just(Places::FewestTasks),
        1 => Just(Places::Spread),
        1 => Just(Places::Packed),
        2 => Just(Places::Anywhere),
    ];
    let headroom = prop_oneof![
        4 => Just(HeadroomPlan::One),
        2 => Just(HeadroomPlan::None),
        1 => (1_u8..=50).prop_map(HeadroomPlan::Percent),
    ];
    let service = (proptest::bool::weighted(0.5), proptest::bool::weighted(0.2));
    (places, headroom, vec(service, 3..=3)).prop_map(|(places, headroom, services)| Drawn {
        places,
        headroom,
        services,
    })
}

impl Drawn {
    pub(super) fn of(self, mut scenario: Scenario) -> Scenario {
        let Some(calculator) = &mut scenario.calculator else { return scenario };
        calculator.headroom = self.headroom;
        scenario.places = self.places;
        for cluster in &mut scenario.clusters {
            for (service, (by_provider, distinct)) in cluster.services.iter_mut().zip(&self.services) {
                service.by_provider = *by_provider && !service.daemon && service.only_on_group.is_some();
                service.distinct = *distinct && !service.daemon;
            }
        }
        scenario
    }
}
