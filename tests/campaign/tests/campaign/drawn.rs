//! The scenarios that are drawn from seeds.

use fleetkeeper_campaign::scenario::Scenario;
use fleetkeeper_campaign::stage::play;
use fleetkeeper_campaign::strategy::{scenario_of, scenario_tree};
use proptest::strategy::ValueTree;

#[test]
fn a_seed_decides_the_scenario() {
    assert_eq!(scenario_of(7), scenario_of(7));
    assert_ne!(scenario_of(7), Scenario { seed: 7, ..scenario_of(8) });
}

#[test]
fn a_scenario_survives_json() {
    for seed in 0..200 {
        let scenario = scenario_of(seed);
        let text = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&text).unwrap(), scenario);
    }
}

/// Every setting that is drawn is accepted, and so is the least that it shrinks to.
#[test]
fn the_least_scenario_is_small_and_calm() {
    for seed in 0..20 {
        let mut tree = scenario_tree(seed);
        while tree.simplify() {}
        let least = tree.current();
        assert_eq!((least.seed, least.clusters.len(), least.faults.len()), (seed, 1, 0));
        assert!(least.calculator.is_none());
        assert_eq!(least.disorder, fleetkeeper_sim::world::disorder::Disorder::default());
        play(&least).unwrap();
    }
}
