//! Wires the capacity-calculator to AWS.

use std::process::ExitCode;

use capacity_calculator::{CapacityCalculator, Config};
use fleetkeeper_aws::auto_scaling::AutoScaling;
use fleetkeeper_aws::clock::SystemClock;
use fleetkeeper_aws::cloudwatch::CloudWatch;
use fleetkeeper_aws::ecs::Ecs;
use fleetkeeper_aws::lambda::{FunctionError, serve, start};
use fleetkeeper_aws::sdk;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start(async |settings| {
        let config = Config::read(&settings)?;
        let aws = sdk::config().await;
        let (ecs, auto_scaling, metrics) = (Ecs::new(&aws), AutoScaling::new(&aws), CloudWatch::new(&aws));
        let calculator = CapacityCalculator::new(ecs, auto_scaling, metrics, SystemClock, config);
        serve(async |event, invocation| {
            // Boxed: the calls of the SDK make it a large future, and a deep one for the compiler.
            let answer = Box::pin(calculator.handle(event, invocation)).await;
            answer.map_err(|error| FunctionError { kind: error.kind(), error: error.into() })
        })
        .await
    })
    .await
}
