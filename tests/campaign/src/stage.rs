//! Plays a scenario: sets the world up, runs the handlers in it, and brings about the scenario's
//! happenings.

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::setting::SettingError;
use fleetkeeper_sim::SharedWorld;
use fleetkeeper_sim::driver::Driver;
use fleetkeeper_sim::faults::{Fault, Faults, When};
use fleetkeeper_sim::world::{ApiError, World};

use crate::functions::{AsShipped, CalculatorFunction, DrainerFunction, Wiring};
use crate::scenario::{FaultPlan, Scenario, Wrong};
use crate::script::Script;
use crate::set_up::{set_up, trouble};
use crate::settings::{calculator_config, drainer_config};

pub use crate::names::{CALCULATOR, DRAINER, HOOK, TOPIC};

/// Every history begins on 23 November 2026 at 9.
const SINCE_THE_EPOCH: TimeDelta = TimeDelta::seconds(1_795_424_400);

/// A scenario that was played.
#[derive(Debug)]
pub struct Played {
    /// The scenario that was played.
    pub scenario: Scenario,
    /// The world as it was left, with its history.
    pub world: World,
    /// When what happens began to happen.
    pub began: DateTime<Utc>,
    /// Since when nothing went wrong any more.
    pub quiet_from: DateTime<Utc>,
}

/// A scenario that can't be played.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    /// The functions refuse their settings.
    #[error("a function refuses its settings")]
    Setting(#[source] SettingError),
    /// The world refuses to be set up.
    #[error("the world can't be set up")]
    World(#[source] ApiError),
    /// There is nothing to run it on.
    #[error("there is nothing to run it on")]
    Runtime(#[source] std::io::Error),
    /// So much happens that it does not come to an end.
    #[error("{entries} entries by {}", at.format("%H:%M:%S"))]
    Endless {
        /// How many entries the history had.
        entries: usize,
        /// By then.
        at: DateTime<Utc>,
    },
}

/// Plays a scenario with the handlers as they are shipped.
pub fn play(scenario: &Scenario) -> Result<Played, Unplayable> {
    play_with(scenario, &AsShipped)
}

/// Plays a scenario with ports that something was done to.
pub fn play_with(scenario: &Scenario, wiring: &impl Wiring) -> Result<Played, Unplayable> {
    // A runtime of its own: its clock stands still while anything can go on.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(Unplayable::Runtime)?.block_on(Box::pin(act(scenario, wiring)))
}

async fn act(scenario: &Scenario, wiring: &impl Wiring) -> Result<Played, Unplayable> {
    let mut world = World::new(DateTime::UNIX_EPOCH + SINCE_THE_EPOCH);
    set_up(&mut world, scenario).map_err(Unplayable::World)?;
    let drainer = drainer_config(&scenario.drainer).map_err(Unplayable::Setting)?;
    let calculator = scenario.calculator.as_ref().map(|plan| calculator_config(scenario, plan)).transpose();
    let calculator = calculator.map_err(Unplayable::Setting)?;

    let began = world.now();
    let at = |seconds: u32| began + TimeDelta::seconds(i64::from(seconds));
    let quiet_from = at(scenario.quiet_after_seconds);
    trouble(&mut world, scenario, quiet_from).map_err(Unplayable::World)?;
    let world = SharedWorld::in_tokio_time(world);
    world.faults(|faults| plant(faults, scenario, began, quiet_from));

    let mut driver = Driver::new(world.clone());
    driver = driver.function(DRAINER, DrainerFunction { wiring: wiring.clone(), config: drainer });
    if let Some(config) = calculator {
        driver = driver.function(CALCULATOR, CalculatorFunction { wiring: wiring.clone(), config });
    }
    let mut script = Script::of(scenario, began, quiet_from);
    while let Some((time, act)) = script.next() {
        run_until(&mut driver, time).await?;
        world.with(|world| script.play(world, scenario, time, act));
    }
    run_until(&mut driver, quiet_from + TimeDelta::seconds(i64::from(scenario.quiet_seconds))).await?;
    drop(driver);
    Ok(Played { scenario: scenario.clone(), world: world.take(), began, quiet_from })
}

/// A history of more than this is endless: drains of hundreds of hosts make some hundred thousand.
const ENTRIES_MAX: usize = 2_000_000;

/// Checked every minute, so that an endless history does not use up the memory first.
async fn run_until(driver: &mut Driver, until: DateTime<Utc>) -> Result<(), Unplayable> {
    while driver.world().now() < until {
        let minute = driver.world().now() + TimeDelta::seconds(60);
        driver.run_until(minute.min(until)).await;
        let entries = driver.world().with(|world| world.history().entries().len());
        if entries > ENTRIES_MAX {
            return Err(Unplayable::Endless { entries, at: driver.world().now() });
        }
    }
    Ok(())
}

fn plant(faults: &mut Faults, scenario: &Scenario, began: DateTime<Utc>, quiet_from: DateTime<Utc>) {
    faults.seed(scenario.seed);
    for FaultPlan { operation, fault, per_mille, from_seconds, seconds, throughout } in &scenario.faults {
        let from = began + TimeDelta::seconds(i64::from(if *throughout { 0 } else { *from_seconds }));
        let ends = quiet_from.min(from + TimeDelta::seconds(i64::from(*seconds)));
        let until = if *throughout { DateTime::<Utc>::MAX_UTC } else { ends };
        let when = When::Sometimes { per_mille: *per_mille, from, until };
        let fault = match fault {
            Wrong::Throttled => Fault::Throttled,
            Wrong::Refused => Fault::Refused,
            Wrong::Unavailable => Fault::Unavailable,
            Wrong::AnswerLost => Fault::AnswerLost,
            Wrong::Hang => Fault::Hang,
            Wrong::Missing => Fault::Failure { reason: "MISSING" },
            Wrong::Untold => Fault::Failure { reason: "INTERNAL" },
            Wrong::NoActiveAction => Fault::NoActiveAction,
        };
        match operation {
            Some(operation) => faults.plant(*operation, when, fault),
            None => faults.plant_on_all(when, fault),
        }
    }
}
