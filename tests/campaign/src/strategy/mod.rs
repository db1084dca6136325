//! Scenarios drawn by chance, one room a part. What is drawn shrinks: to fewer, smaller, calmer.
//!
//! | module | purpose |
//! | --- | --- |
//! | `cluster`, `group`, `service`, `task` | the start of a history |
//! | `drainer`, `calculator` | how the functions are configured |
//! | `happenings` | the actions of people and hosts |
//! | `disorder`, `faults`, `api` | faults and delays |
//! | `chains` | bounds chains that would grow without end |
//! | `placing` | where tasks may be placed, and where they are |
//! | `direct` | direct scaling, and what its groups are like |
//! | `lately` | options that came last |
//! | `length` | how long it lasts |

mod api;
mod calculator;
mod chains;
mod cluster;
mod direct;
mod disorder;
mod drainer;
mod faults;
mod group;
mod happenings;
mod lately;
mod length;
mod placing;
mod service;
mod task;

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::scenario::{Places, Scenario};
use chains::Chains;

/// A scenario with all that it may shrink to.
pub type ScenarioTree = Box<dyn ValueTree<Value = Scenario>>;

/// The scenario of a seed: always the same, as long as these strategies are.
#[must_use]
pub fn scenario_of(seed: u64) -> Scenario {
    scenario_tree(seed).current()
}

/// The scenario of a seed, with all that it may shrink to.
#[must_use]
pub fn scenario_tree(seed: u64) -> ScenarioTree {
    thread_local! {
        static SCENARIOS: BoxedStrategy<Scenario> = scenario();
    }
    let mut bytes = [0; 32];
    for (byte, of_seed) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *byte = of_seed;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    Box::new(Seeded { seed, tree: SCENARIOS.with(|scenarios| draw(scenarios, &mut runner)) })
}

fn draw<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Tree {
    #[expect(clippy::expect_used, reason = "nothing that is drawn here is ever rejected")]
    strategy.new_tree(runner).expect("a scenario")
}

/// What comes first is shrunk first: a scenario is calmed, then made smaller and so quicker to
/// play, then simpler.
fn scenario() -> BoxedStrategy<Scenario> {
    let wrong = (disorder::disorder(), faults::faults(), api::api());
    let begins_with = (calculator::calculator(), cluster::clusters(), drainer::drainer());
    let last = (placing::placing(), direct::direct(), lately::lately());
    (wrong, begins_with, happenings::happenings(), length::quiet_after(), last)
        .prop_map(|(wrong, begins_with, happenings, quiet_after_seconds, last)| {
            let (placing, direct, lately) = last;
            let (disorder, faults, api) = wrong;
            let (calculator, clusters, drainer) = begins_with;
            let calculator = calculator.map(|drawn| drawn.of(&clusters));
            let direct = calculator.as_ref().and(direct);
            let quiet_after_seconds =
                direct.as_ref().map_or(quiet_after_seconds, |direct| direct.quiet_after(quiet_after_seconds));
            let happenings = happenings.into_iter().map(|drawn| drawn.within(quiet_after_seconds)).collect();
            let chains = Chains::of(&clusters, &drainer, quiet_after_seconds);
            let disorder = chains.bound_disorder(disorder);
            let faults = faults.into_iter().map(|drawn| drawn.within(quiet_after_seconds));
            let faults = faults.map(|fault| chains.bound_fault(fault)).collect();
            let api = api::within(api, &clusters);
            let quiet_seconds = length::quiet(&clusters, &drainer);
            let scenario = placing.of(Scenario {
                seed: 0,
                clusters,
                drainer,
                calculator,
                happenings,
                disorder,
                faults,
                api,
                places: Places::default(),
                quiet_after_seconds,
                quiet_seconds,
            });
            let scenario = match direct {
                Some(direct) => direct.of(scenario),
                None => scenario,
            };
            lately.of(scenario)
        })
        .boxed()
}

/// The seed goes on to decide what chance decides while the scenario is played, whatever it shrinks
/// to.
struct Seeded<T> {
    seed: u64,
    tree: T,
}

impl<T: ValueTree<Value = Scenario>> ValueTree for Seeded<T> {
    type Value = Scenario;

    fn current(&self) -> Scenario {
        Scenario { seed: self.seed, ..self.tree.current() }
    }

    fn simplify(&mut self) -> bool {
        self.tree.simplify()
    }

    fn complicate(&mut self) -> bool {
        self.tree.complicate()
    }
}

impl<T> std::fmt::Debug for Seeded<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seeded").field("seed", &self.seed).finish_non_exhaustive()
    }
}
