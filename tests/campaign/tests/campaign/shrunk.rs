//! Failures shrink to small scenarios.

use fleetkeeper_campaign::campaign::verdict;
use fleetkeeper_campaign::rules::{Breach, Rule};
use fleetkeeper_campaign::scenario::Scenario;
use fleetkeeper_campaign::shrink::shrink;
use fleetkeeper_campaign::stage::Played;
use fleetkeeper_campaign::strategy::{scenario_of, scenario_tree};
use fleetkeeper_sim::world::disorder::Disorder;
use fleetkeeper_sim::world::history::Occurrence;

/// A rule that many histories break: that no agent ever goes away.
struct NoAgentLeaves;

impl Rule for NoAgentLeaves {
    fn name(&self) -> &'static str {
        "no agent leaves"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let left = |what: &Occurrence| matches!(what, Occurrence::AgentConnected { connected: false, .. });
        let entry = played.world.history().entries().iter().find(|entry| left(&entry.what));
        entry.map_or(Ok(()), |entry| {
            Err(Breach { rule: self.name(), at: entry.at, how: entry.what.to_string() })
        })
    }
}

#[test]
fn a_broken_rule_is_shrunk_to_what_breaks_it() {
    let rules: [&dyn Rule; 1] = [&NoAgentLeaves];
    let many = |scenario: &Scenario| scenario.happenings.len() > 4 && scenario.quiet_seconds < 2400;
    let few = |scenario: &Scenario| scenario.clusters[0].groups[0].hosts < 5 && scenario.clusters.len() == 1;
    let suits =
        |seed: &u64| Some(scenario_of(*seed)).is_some_and(|scenario| many(&scenario) && few(&scenario));
    let seeds = (0..).filter(suits);
    let found = seeds.take(50).find_map(|seed| Some((seed, verdict(&scenario_of(seed), &rules)?)));
    let (seed, failed) = found.unwrap();
    let shrunk = shrink(scenario_tree(seed), failed, &rules, |_| ());

    let least = &shrunk.scenario;
    assert_eq!(verdict(least, &rules), Some(shrunk.failed.clone()));
    assert_eq!(least.disorder, Disorder::default());
    assert_eq!((least.faults.len(), least.clusters.len(), least.quiet_seconds), (0, 1, 0));
    assert!(least.calculator.is_none());
    assert!(least.happenings.len() <= 2, "{:?}", least.happenings);
    assert!(least.clusters[0].groups[0].hosts < 5);
}
