//! The summary of a campaign.

use std::time::Duration;

use fleetkeeper_campaign::campaign::Tally;
use fleetkeeper_campaign::coverage::{SEEDS_MIN, Seen, all};
use fleetkeeper_campaign::rules::RULES;

use crate::progress::per_second;

pub(crate) fn print(tally: &Tally, took: Duration) {
    let figures = tally.figures;
    let hours = figures.seconds / 3600;
    let line = |name: &str, count: u64| println!("{count:>12}  {name}");
    println!("histories");
    line("played", tally.histories);
    line("a second", per_second(tally.histories, took));
    line("simulated hours", hours);
    line("simulated hours a second", per_second(hours, took));
    line("drains", figures.drains);
    line("invocations", figures.invocations);
    line("API calls", figures.calls);
    line("of them without their answer", figures.faults);
    line("invocations that died", figures.deaths);
    line("invocations for an event that had one", figures.duplicates);
    println!("\nin how many histories there was");
    for state in all() {
        line(&state.to_string(), tally.seen.get(&state).copied().unwrap_or(0));
    }
    println!("\nrules broken");
    let broken = |rule: &str| tally.failures.iter().filter(|(_, failed)| failed.rule == rule).count();
    let names = RULES.iter().map(|rule| rule.name());
    for name in names.chain(["no panic", "no endless history", "playable"]) {
        line(name, u64::try_from(broken(name)).unwrap_or(u64::MAX));
    }
}

/// Corner cases that a campaign of this size should have covered and did not.
pub(crate) fn unseen(tally: &Tally) -> Vec<Seen> {
    if tally.histories < SEEDS_MIN {
        return Vec::new();
    }
    all().into_iter().filter(|state| state.expected() && !tally.seen.contains_key(state)).collect()
}
