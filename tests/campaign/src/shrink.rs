//! Makes a scenario that fails as small as it gets while it still fails in the same way.

use proptest::strategy::ValueTree;

use crate::campaign::{Failed, verdict};
use crate::rules::Rule;
use crate::scenario::Scenario;

/// The smallest scenario that was found.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The scenario.
    pub scenario: Scenario,
    /// How it fails.
    pub failed: Failed,
    /// How many scenarios were played to find it.
    pub plays: u32,
}

/// Playing more than this for one failure takes longer than it helps.
pub const PLAYS_MAX: u32 = 2_000;

/// Shrinks a scenario that breaks a rule, `first` the way it does. `report` is called before each
/// play with how many there were.
pub fn shrink(
    mut tree: impl ValueTree<Value = Scenario>,
    first: Failed,
    rules: &[&dyn Rule],
    report: impl Fn(u32),
) -> Shrunk {
    let mut shrunk = Shrunk { scenario: tree.current(), failed: first, plays: 0 };
    let mut goes_on = tree.simplify();
    while goes_on && shrunk.plays < PLAYS_MAX {
        report(shrunk.plays);
        goes_on = if shrunk.accepts(tree.current(), rules) { tree.simplify() } else { tree.complicate() };
    }
    cut_the_tail(&mut shrunk, rules, report);
    shrunk
}

/// Halves the quiet time, as long as that changes nothing.
fn cut_the_tail(shrunk: &mut Shrunk, rules: &[&dyn Rule], report: impl Fn(u32)) {
    while shrunk.scenario.quiet_seconds > 0 {
        report(shrunk.plays);
        let quiet_seconds = shrunk.scenario.quiet_seconds / 2;
        if !shrunk.accepts(Scenario { quiet_seconds, ..shrunk.scenario.clone() }, rules) {
            break;
        }
    }
}

impl Shrunk {
    /// Takes a scenario that breaks the same rule.
    fn accepts(&mut self, scenario: Scenario, rules: &[&dyn Rule]) -> bool {
        self.plays += 1;
        // A simplification at the tree may give the same scenario.
        if scenario == self.scenario {
            return true;
        }
        let Some(failed) = verdict(&scenario, rules).filter(|failed| failed.rule == self.failed.rule) else {
            return false;
        };
        self.scenario = scenario;
        self.failed = failed;
        true
    }
}
