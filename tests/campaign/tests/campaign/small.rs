//! A small campaign, and that seeds decide everything.

use std::thread;

use fleetkeeper_campaign::campaign::{Campaign, FAILURES_MAX, timeline};
use fleetkeeper_campaign::rules::{Breach, RULES, Rule};
use fleetkeeper_campaign::stage::Played;
use fleetkeeper_campaign::strategy::scenario_of;

#[test]
fn every_rule_holds_in_a_small_campaign() {
    let campaign = Campaign { from: 0, seeds: 80, jobs: 2, rules: &RULES };
    let tally = campaign.run(|_| ());
    assert_eq!(tally.failures, []);
    assert_eq!(tally.histories, 80);
    assert!(tally.figures.drains > 80 && tally.figures.faults > 100, "{:?}", tally.figures);
}

#[test]
fn the_same_seed_gives_the_same_history_on_any_thread() {
    for seed in [1, 7, 13] {
        let play = move || timeline(&scenario_of(seed)).unwrap();
        let (one, other) = (thread::spawn(play), thread::spawn(play));
        let first = play();
        assert!(first.lines().count() > 100);
        assert_eq!(one.join().unwrap(), first);
        assert_eq!(other.join().unwrap(), first);
    }
}

/// Fails every third seed.
struct Thirds;

impl Rule for Thirds {
    fn name(&self) -> &'static str {
        "no third seed"
    }

    fn check(&self, played: &Played) -> Result<(), Breach> {
        let seed = played.scenario.seed;
        assert_ne!(seed, 4, "a checker that panics");
        if seed.is_multiple_of(3) {
            return Err(Breach { rule: self.name(), at: played.began, how: format!("{seed}") });
        }
        Ok(())
    }
}

#[test]
fn a_campaign_stops_at_the_tenth_failure_whatever_the_number_of_threads() {
    let run = |jobs| Campaign { from: 0, seeds: 1000, jobs, rules: &[&Thirds] }.run(|_| ());
    let tally = run(1);
    let seeds: Vec<u64> = tally.failures.iter().map(|(seed, _)| *seed).collect();
    assert_eq!(seeds, [0, 3, 4, 6, 9, 12, 15, 18, 21, 24]);
    assert_eq!((seeds.len(), tally.histories), (FAILURES_MAX, 25));
    let panic = &tally.failures[2].1;
    assert_eq!(panic.rule, "no panic");
    assert!(panic.how.contains("small.rs") && panic.how.contains("a checker that panics"), "{panic}");
    assert_eq!(run(3), tally);
}
