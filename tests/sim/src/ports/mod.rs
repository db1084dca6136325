//! The functions' ports, played by a world: the real handlers run against it.
//!
//! | module | purpose |
//! | --- | --- |
//! | `ecs` | container instances and tasks |
//! | `ecs_services` | services, the protection of their tasks, and capacity providers |
//! | `ecs_tasks` | stopping tasks, and how long that takes |
//! | `auto_scaling` | lifecycle hooks and actions, and groups |
//! | `cloud` | the topic, the metrics and the clock |
//! | `embedded_metrics` | the log that CloudWatch takes metrics from |
//! | `error` | AWS's errors, as a port's caller gets them |
//! | `await_point` | the calls that an environment waits for |
//!
//! In a test that tokio starts with its clock paused (`#[tokio::test(start_paused = true)]`):
//!
//! ```
//! # use fleetkeeper_sim::faults::{Fault, When};
//! # use fleetkeeper_sim::world::Operation;
//! # use fleetkeeper_sim::{SharedWorld, SimulatedAws, World};
//! # use fleetkeeper_core::ports::Clock;
//! # async fn test(mut world: World) {
//! let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
//! aws.world().faults(|faults| faults.plant(Operation::ListTasks, When::Nth(2), Fault::Throttled));
//! aws.sleep(std::time::Duration::from_secs(3600)).await;
//! let notices = aws.world().with(|world| world.take_outbox());
//! # }
//! ```

mod auto_scaling;
mod await_point;
mod cloud;
mod ecs;
mod ecs_services;
mod ecs_tasks;
mod embedded_metrics;
mod error;

use std::time::Duration;

use fleetkeeper_core::ports::{Answer, CallError};

use crate::shared::{Called, SharedWorld};
use crate::world::history::Occurrence;
use crate::world::lambda::invocation::{AwaitPoint, EnvironmentId};
use crate::world::{ApiError, Operation, World};
use await_point::AwaitPoints;
use error::call_error;

/// All ports at once, over one world. Clones share it.
#[derive(Debug, Clone)]
pub struct SimulatedAws {
    world: SharedWorld,
    latency: Duration,
    environment: Option<EnvironmentId>,
    await_points: AwaitPoints,
}

impl SimulatedAws {
    /// Ports whose calls take 20 ms: half of it to reach AWS, half of it back.
    #[must_use]
    pub fn new(world: SharedWorld) -> Self {
        Self {
            world,
            latency: Duration::from_millis(20),
            environment: None,
            await_points: AwaitPoints::default(),
        }
    }

    /// With calls of this latency. It must not be zero: a caller that retries without waiting would
    /// stop the time.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency.max(Duration::from_millis(1));
        self
    }

    /// The ports of a function's environment: its invocations are who calls.
    pub(crate) fn of_environment(world: SharedWorld, environment: EnvironmentId) -> Self {
        Self { environment: Some(environment), ..Self::new(world) }
    }

    /// The world below.
    #[must_use]
    pub fn world(&self) -> &SharedWorld {
        &self.world
    }

    /// The wait of the newest call that is under way.
    pub(crate) fn await_point(&self) -> AwaitPoint {
        self.await_points.newest()
    }

    /// Returns whether a call that is under way waits there.
    pub(crate) fn awaits(&self, point: AwaitPoint) -> bool {
        self.await_points.any(point)
    }

    /// Makes a call, with its error in AWS's form.
    async fn ask<T>(
        &self,
        operation: Operation,
        run: impl FnOnce(&mut World) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.under_way(operation, |world| world.call(self.environment, operation, run)).await
    }

    /// A call, its error as a port's caller gets it.
    async fn call<T>(
        &self,
        operation: Operation,
        resource: &str,
        run: impl FnOnce(&mut World) -> Result<T, ApiError>,
    ) -> Result<T, CallError> {
        self.ask(operation, run).await.map_err(|error| call_error(operation, resource, error))
    }

    async fn call_on_several<T>(
        &self,
        operation: Operation,
        resource: &str,
        named: &[String],
        run: impl FnOnce(&mut World, &[String]) -> Result<Answer<T>, ApiError>,
    ) -> Result<Answer<T>, CallError> {
        let answer =
            self.under_way(operation, |world| world.call_on_several(self.environment, operation, named, run));
        answer.await.map_err(|error| call_error(operation, resource, error))
    }

    /// Records what an environment's invocation came to know.
    fn record_for_caller(&self, what: Occurrence) {
        self.world.with(|world| {
            world.set_caller(self.environment);
            world.record(what);
            world.set_caller(None);
        });
    }

    /// On its way to AWS, done there, and on its way back: whoever is killed meanwhile does not
    /// know whether it was.
    async fn under_way<T>(
        &self,
        operation: Operation,
        run: impl FnOnce(&SharedWorld) -> Called<T>,
    ) -> Result<T, ApiError> {
        let half = (self.latency + self.world.with(World::draw_slowness)) / 2;
        let call = self.await_points.begin(operation);
        self.world.sleep(half).await;
        let called = run(&self.world);
        call.reached();
        let answer = settle(called).await;
        self.world.sleep(half).await;
        answer
    }
}

async fn settle<T>(called: Called<T>) -> Result<T, ApiError> {
    match called {
        Called::Answered(answer) => answer,
        Called::Hanging => std::future::pending().await,
    }
}
