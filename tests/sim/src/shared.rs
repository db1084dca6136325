//! One world, shared: by simulated ports on one thread, or by the HTTP face's server and those who
//! watch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::ports::{Answer, Failure};
use tokio::sync::Notify;

use crate::clock::WorldClock;
use crate::faults::{self, Fault, Faults};
use crate::world::history::CallOutcome;
use crate::world::lambda::invocation::EnvironmentId;
use crate::world::{ApiError, Operation, World};

/// A world with what drives its time and the faults on its API.
///
/// Every access first plays everything that is due by now.
#[derive(Debug, Clone)]
pub struct SharedWorld {
    state: Arc<Mutex<State>>,
    clock: WorldClock,
    sooner: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    world: World,
    faults: Faults,
    /// When whoever drives the world looks at it next.
    driver_wakes: Option<DateTime<Utc>>,
}

/// The result of a call.
pub(crate) enum Called<T> {
    /// An answer.
    Answered(Result<T, ApiError>),
    /// No answer, ever.
    Hanging,
}

impl SharedWorld {
    /// In tokio's time: with the runtime's clock paused (`start_paused`), hours pass in
    /// milliseconds. The world's time goes on from where it is.
    #[must_use]
    pub fn in_tokio_time(world: World) -> Self {
        let clock = WorldClock::tokio(world.now());
        Self::new(world, clock)
    }

    /// In the wall clock's time, for real processes: they compare the times of notices with their
    /// own clock.
    #[must_use]
    pub fn in_real_time(world: World) -> Self {
        Self::new(world, WorldClock::Wall)
    }

    /// From the world's time on, `speed` times faster than the wall clock. Processes that have a
    /// clock of their own will find the times of notices ahead of it.
    #[must_use]
    pub fn in_scaled_time(world: World, speed: f64) -> Self {
        let clock = WorldClock::scaled(world.now(), speed);
        Self::new(world, clock)
    }

    fn new(world: World, clock: WorldClock) -> Self {
        let state = State { world, faults: Faults::default(), driver_wakes: None };
        Self { state: Arc::new(Mutex::new(state)), clock, sooner: Arc::new(Notify::new()) }
    }

    /// Looks at the world, or acts on it, as of now.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.state();
        let done = act(&mut state.world);
        self.wake_driver(&mut state);
        done
    }

    /// Takes the world as it is, and leaves an empty one.
    #[must_use]
    pub fn take(&self) -> World {
        self.with(|world| std::mem::replace(world, World::new(world.now())))
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.with(|world| world.now())
    }

    /// Waits for so much of the world's time.
    pub async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// The time of the next thing that time alone brings about, for the driver of the world.
    /// [`Self::sooner`] returns when something is due before it.
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        let mut state = self.state();
        let next = state.world.next_transition();
        state.driver_wakes = Some(next.unwrap_or(DateTime::<Utc>::MAX_UTC));
        next
    }

    /// Waits until something is due before the last answer of [`Self::next_due`].
    pub(crate) async fn sooner(&self) {
        self.sooner.notified().await;
    }

    fn wake_driver(&self, state: &mut State) {
        let next = state.world.next_transition();
        let sooner = next.zip(state.driver_wakes).is_some_and(|(next, wakes)| next < wakes);
        if state.driver_wakes.is_some() && (sooner || state.world.has_starts()) {
            state.driver_wakes = None;
            self.sooner.notify_one();
        }
    }

    /// Plants a fault, or takes faults back.
    pub fn faults<T>(&self, act: impl FnOnce(&mut Faults) -> T) -> T {
        act(&mut self.state().faults)
    }

    /// A call on the world's API, from outside. The world records it, and a fault may be on it. The
    /// calls of a function's environment count as its invocation's.
    pub(crate) fn call<T>(
        &self,
        by: Option<EnvironmentId>,
        operation: Operation,
        run: impl FnOnce(&mut World) -> Result<T, ApiError>,
    ) -> Called<T> {
        let mut state = self.state();
        let fault = state.next_fault(operation);
        let called = state.answer(by, operation, fault, run);
        self.wake_driver(&mut state);
        called
    }

    /// A call on several resources: a fault may be on one of them alone.
    pub(crate) fn call_on_several<T>(
        &self,
        by: Option<EnvironmentId>,
        operation: Operation,
        named: &[String],
        run: impl FnOnce(&mut World, &[String]) -> Result<Answer<T>, ApiError>,
    ) -> Called<Answer<T>> {
        let mut state = self.state();
        let fault = state.next_fault(operation);
        let called = state.answer(by, operation, fault, |world| {
            let (Some(Fault::Failure { reason }), Some((first, others))) = (fault, named.split_first())
            else {
                return run(world, named);
            };
            let mut answer = match others {
                [] => Answer { items: Vec::new(), failures: Vec::new() },
                others => run(world, others)?,
            };
            let failure = Failure { arn: first.clone(), reason: reason.to_owned(), detail: String::new() };
            answer.failures.push(failure);
            Ok(answer)
        });
        self.wake_driver(&mut state);
        called
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.world.advance_to(self.clock.now());
        state
    }
}

impl State {
    fn next_fault(&mut self, operation: Operation) -> Option<Fault> {
        self.faults.next(operation, self.world.now())
    }

    fn answer<T>(
        &mut self,
        by: Option<EnvironmentId>,
        operation: Operation,
        fault: Option<Fault>,
        run: impl FnOnce(&mut World) -> Result<T, ApiError>,
    ) -> Called<T> {
        let world = &mut self.world;
        world.set_caller(by);
        let called = Self::answer_as_caller(world, operation, fault, run);
        world.set_caller(None);
        called
    }

    fn answer_as_caller<T>(
        world: &mut World,
        operation: Operation,
        fault: Option<Fault>,
        run: impl FnOnce(&mut World) -> Result<T, ApiError>,
    ) -> Called<T> {
        let position = world.history().entries().len();
        let service = operation.service();
        let (outcome, answer) = match fault {
            Some(Fault::Hang) => {
                world.record_call(position, operation, CallOutcome::Hung);
                return Called::Hanging;
            }
            Some(Fault::Throttled) => failed(faults::throttled(service)),
            Some(Fault::Refused) => failed(faults::refused(operation)),
            Some(Fault::Unavailable) => failed(faults::unavailable(service)),
            Some(Fault::AnswerLost) => match world.serve(operation, run) {
                Ok(_) => {
                    let error = faults::unavailable(service);
                    (CallOutcome::AnswerLost(error.code), Err(error))
                }
                Err(error) => failed(error),
            },
            Some(Fault::Failure { reason }) if operation.is_on_several() => match world.serve(operation, run)
            {
                Ok(answer) => (CallOutcome::AnsweredInPart(reason), Ok(answer)),
                Err(error) => failed(error),
            },
            Some(Fault::NoActiveAction) => {
                world.deny_actions(true);
                let served = world.serve(operation, run);
                world.deny_actions(false);
                match served {
                    Ok(answer) => (CallOutcome::Answered, Ok(answer)),
                    Err(error) => failed(error),
                }
            }
            Some(Fault::Failure { .. }) | None => match world.serve(operation, run) {
                Ok(answer) => (CallOutcome::Answered, Ok(answer)),
                Err(error) => failed(error),
            },
        };
        world.record_call(position, operation, outcome);
        Called::Answered(answer)
    }
}

fn failed<T>(error: ApiError) -> (CallOutcome, Result<T, ApiError>) {
    (CallOutcome::Failed(error.code), Err(error))
}
