//! One seed: its scenario drawn, played and checked.

use std::collections::BTreeSet;

use fleetkeeper_core::error_chain::ErrorChain;

use super::figures::Figures;
use super::panics;
use crate::coverage::{self, Seen};
use crate::rules::Rule;
use crate::scenario::Scenario;
use crate::stage::{Played, Unplayable, play};
use crate::strategy::scenario_of;

/// The result of a seed.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The seed.
    pub seed: u64,
    /// The counts.
    pub figures: Figures,
    /// The rare states that were seen.
    pub seen: BTreeSet<Seen>,
    /// How it failed, if it did.
    pub failed: Option<Failed>,
}

/// How a history failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The rule that was broken. That nothing panics and that every scenario can be played are two
    /// more.
    pub rule: &'static str,
    /// How, in one line.
    pub how: String,
}

/// Draws a seed's scenario, plays it and checks it.
#[must_use]
pub fn trial(seed: u64, rules: &[&dyn Rule]) -> Trial {
    let mut trial = Trial { seed, figures: Figures::default(), seen: BTreeSet::new(), failed: None };
    match played(&scenario_of(seed)) {
        Err(failed) => trial.failed = Some(failed),
        Ok(played) => {
            trial.figures = Figures::of(&played);
            trial.seen = coverage::seen(&played);
            trial.failed = check(&played, rules).err();
        }
    }
    trial
}

/// How a scenario fails, if it does.
#[must_use]
pub fn verdict(scenario: &Scenario, rules: &[&dyn Rule]) -> Option<Failed> {
    panics::catch_quietly();
    played(scenario).and_then(|played| check(&played, rules)).err()
}

/// The whole history of a scenario, one line an entry, as far as it can be played.
pub fn timeline(scenario: &Scenario) -> Result<String, Failed> {
    panics::catch_quietly();
    played(scenario).map(|played| played.world.history().to_string())
}

fn played(scenario: &Scenario) -> Result<Played, Failed> {
    match panics::catch(|| play(scenario)) {
        Err(how) => Err(Failed { rule: "no panic", how }),
        Ok(Err(unplayable)) => {
            let endless = matches!(unplayable, Unplayable::Endless { .. });
            let rule = if endless { "no endless history" } else { "playable" };
            Err(Failed { rule, how: ErrorChain(&unplayable).to_string() })
        }
        Ok(Ok(played)) => Ok(played),
    }
}

fn check(played: &Played, rules: &[&dyn Rule]) -> Result<(), Failed> {
    let broken = panics::catch(|| rules.iter().try_for_each(|rule| rule.check(played)));
    match broken {
        Err(how) => Err(Failed { rule: "no panic", how }),
        Ok(Err(breach)) => Err(Failed { rule: breach.rule, how: breach.to_string() }),
        Ok(Ok(())) => Ok(()),
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = self.how.strip_prefix(self.rule).and_then(|how| how.strip_prefix(": "));
        write!(f, "{}: {}", self.rule, how.unwrap_or(&self.how))
    }
}
