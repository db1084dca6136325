//! The smallest function on the same SDKs. `make bench` compares the calculator with it, to
//! separate our own cost from that of the SDKs.
//!
//! It makes the three calls of a snapshot of one page of hosts, counts them, and does nothing else:
//! no log, no second page, no services, no figures.

use aws_sdk_cloudwatch::types::MetricDatum;
use fleetkeeper_aws::sdk;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let aws = sdk::config().await;
        let ecs = aws_sdk_ecs::Client::new(&aws);
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&aws);
        let cluster = std::env::var("ECS_CLUSTER")?;
        let (ecs, cloudwatch, cluster) = (&ecs, &cloudwatch, &cluster);
        run(service_fn(move |_: LambdaEvent<Value>| async move {
            let listed = ecs.list_container_instances().cluster(cluster).send().await?;
            let described = ecs
                .describe_container_instances()
                .cluster(cluster)
                .set_container_instances(listed.container_instance_arns)
                .send()
                .await?;
            let hosts = described.container_instances().len();
            let count = f64::from(u32::try_from(hosts)?);
            let datum = MetricDatum::builder().metric_name("Hosts").value(count).build();
            cloudwatch.put_metric_data().namespace("Smallest").metric_data(datum).send().await?;
            Ok::<_, Error>(json!({ "hosts": hosts }))
        }))
        .await
    })
}
