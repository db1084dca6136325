//! The shipped handlers, as functions of the simulated world.

use std::rc::Rc;

use capacity_calculator::{CapacityCalculator, EcsReads};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{
    AutoScalingGroups, CapacityProviders, Clock, EmbeddedMetrics, GroupScaling, Metrics, NotificationTopic,
    TaskDefinitions,
};
use fleetkeeper_sim::SimulatedAws;
use fleetkeeper_sim::driver::{Environment, Function};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use lifecycle_drainer::{AutoScalingCalls, Drainer, EcsCalls};
use serde_json::Value;

/// Ports as a function gets them: the simulated ones, or what a mutant makes of them.
pub trait Wiring: Clone + 'static {
    /// All ports in one.
    type Aws: EcsCalls
        + TaskDefinitions
        + CapacityProviders
        + AutoScalingCalls
        + GroupScaling
        + NotificationTopic
        + EmbeddedMetrics
        + Metrics
        + Clock
        + Clone
        + 'static;

    /// The ports of an environment.
    fn ports(&self, aws: SimulatedAws) -> Self::Aws;
}

/// The simulated ports as they are.
#[derive(Debug, Clone, Copy)]
pub struct AsShipped;

impl Wiring for AsShipped {
    type Aws = SimulatedAws;

    fn ports(&self, aws: SimulatedAws) -> SimulatedAws {
        aws
    }
}

/// The lifecycle-drainer with its settings.
#[derive(Debug, Clone)]
pub struct DrainerFunction<W> {
    /// Its wiring.
    pub wiring: W,
    /// Its settings.
    pub config: lifecycle_drainer::Config,
}

/// The capacity-calculator with its settings.
#[derive(Debug, Clone)]
pub struct CalculatorFunction<W> {
    /// Its wiring.
    pub wiring: W,
    /// Its settings.
    pub config: capacity_calculator::Config,
}

impl<W: Wiring> Function for DrainerFunction<W> {
    fn start(&self, aws: SimulatedAws) -> Rc<dyn Environment> {
        let aws = self.wiring.ports(aws);
        Rc::new(DrainerEnvironment(Drainer::new(aws, self.config.clone())))
    }
}

impl<W: Wiring> Function for CalculatorFunction<W> {
    fn start(&self, aws: SimulatedAws) -> Rc<dyn Environment> {
        let aws = self.wiring.ports(aws);
        let (ecs, auto_scaling, metrics, clock) = (aws.clone(), aws.clone(), aws.clone(), aws);
        let calculator = CapacityCalculator::new(ecs, auto_scaling, metrics, clock, self.config.clone());
        Rc::new(CalculatorEnvironment(calculator))
    }
}

struct DrainerEnvironment<A>(Drainer<A>);

struct CalculatorEnvironment<A>(CapacityCalculator<A, A, A, A>);

impl<A> Environment for DrainerEnvironment<A>
where
    A: EcsCalls + AutoScalingCalls + NotificationTopic + EmbeddedMetrics + Clock,
{
    fn invoke(&self, event: Value, invocation: Invocation) -> LocalBoxFuture<'_, Result<Value, String>> {
        answer(self.0.handle(event, invocation)).boxed_local()
    }
}

impl<A> Environment for CalculatorEnvironment<A>
where
    A: EcsReads + AutoScalingGroups + GroupScaling + Metrics + Clock,
{
    fn invoke(&self, event: Value, invocation: Invocation) -> LocalBoxFuture<'_, Result<Value, String>> {
        answer(self.0.handle(event, invocation)).boxed_local()
    }
}

/// The handler's answer as Lambda gets it: JSON, or the error with its sources.
async fn answer<T: serde::Serialize, E: std::error::Error + 'static>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<Value, String> {
    match work.await {
        Ok(answer) => serde_json::to_value(answer).map_err(|error| error.to_string()),
        Err(error) => Err(ErrorChain(&error).to_string()),
    }
}
