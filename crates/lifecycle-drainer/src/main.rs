//! Wires the lifecycle-drainer to AWS.

use std::process::ExitCode;

use fleetkeeper_aws::auto_scaling::AutoScaling;
use fleetkeeper_aws::clock::SystemClock;
use fleetkeeper_aws::ecs::Ecs;
use fleetkeeper_aws::embedded_metrics::StandardOutput;
use fleetkeeper_aws::lambda::{FunctionError, serve, start};
use fleetkeeper_aws::sdk;
use fleetkeeper_aws::sns::Sns;
use lifecycle_drainer::{Adapters, Config, Drainer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start(async |settings| {
        let config = Config::read(&settings)?;
        let aws = sdk::config().await;
        let (ecs, auto_scaling, sns) = (Ecs::new(&aws), AutoScaling::new(&aws), Sns::new(&aws));
        let log = StandardOutput::new(&settings);
        let drainer = Drainer::new(Adapters { ecs, auto_scaling, sns, log, clock: SystemClock }, config);
        serve(async |event, invocation| {
            let answer = drainer.handle(event, invocation).await;
            answer.map_err(|error| FunctionError { kind: error.kind(), error: error.into() })
        })
        .await
    })
    .await
}
