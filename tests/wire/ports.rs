//! Each adapter on the wire: ECS and Auto Scaling against the simulated world's HTTP face, SNS and CloudWatch against
//! the emulator. What a call answers there is what the simulated port answers: handlers proven on one hold on the other.

use aws_config::{Region, SdkConfig};
use chrono::Utc;
use fleetkeeper_aws::auto_scaling::AutoScaling;
use fleetkeeper_aws::cloudwatch::CloudWatch;
use fleetkeeper_aws::ecs::Ecs;
use fleetkeeper_aws::sdk;
use fleetkeeper_aws::sns::Sns;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::lifecycle::{
    LifecycleAction, LifecycleActionId, LifecycleActionResult, LifecycleActionState,
};
use fleetkeeper_core::ports::{
    CallError, CallErrorKind, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances,
    LifecycleActions, MetricDatum, MetricUnit, Metrics, NotificationTopic, StorageResolution, Tasks,
};
use fleetkeeper_core::read;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::cloud_watch::MetricData;
use fleetkeeper_sim::world::cloud_watch::metric::{Metric, Statistic};
use fleetkeeper_sim::{
    AutoScalingGroup, InstanceType, LifecycleHook, Service, SharedWorld, SimulatedAws, TaskDefinition, World,
};
use fleetkeeper_tests::ministack::Ministack;

pub(crate) async fn sdk_at(url: &str) -> SdkConfig {
    sdk::loader().endpoint_url(url).region(Region::new("us-east-1")).test_credentials().load().await
}

/// Twenty hosts, a service with ports of its own, pages of seven, and one host that is to go. Nothing in it changes
/// by time within the seconds of a test.
fn world() -> (World, LifecycleAction) {
    let mut world = World::new(Utc::now());
    world.set_page_limit(7);
    world.add_cluster("demo");
    let group = AutoScalingGroup::new("demo-asg", InstanceType::new("c5.large", 2048, 3767));
    world.add_group(group.in_cluster("demo"));
    let hook = LifecycleHook::new("drain", "arn:aws:sns:us-east-1:111122223333:lifecycle");
    world.put_lifecycle_hook("demo-asg", hook.heartbeat_timeout(600)).unwrap();
    let hosts: Vec<_> = (0..20).map(|_| world.launch_now("demo-asg").unwrap()).collect();
    let task = TaskDefinition::new("web", 256, 512).tcp_port(80).udp_port(53).deregistration_delay(3600);
    world.create_service("demo", Service::new("web", 20, task)).unwrap();
    world.advance_seconds(120);
    world.take_outbox();
    world.terminate_instance("demo-asg", &hosts[0], true).unwrap();
    let sent = world.take_outbox();
    let notice = sent.iter().find_map(|emission| emission.sns_message()).unwrap();
    let notice: serde_json::Value = serde_json::from_str(&notice.message).unwrap();
    let text = |field: &str| notice[field].as_str().unwrap().to_owned();
    let action = LifecycleAction {
        group: text("AutoScalingGroupName"),
        hook: text("LifecycleHookName"),
        id: LifecycleActionId::Token(text("LifecycleActionToken")),
    };
    (world, action)
}

/// Every call of a drain and of a snapshot, in turn, and what each answered.
async fn transcript(
    ecs: &(impl ContainerInstances + ContainerInstanceDraining + Tasks),
    auto_scaling: &impl LifecycleActions,
    action: &LifecycleAction,
) -> Vec<String> {
    let mut said = Vec::new();
    let cluster: Cluster = "demo".parse().unwrap();
    let by_arn: Cluster = "arn:aws:ecs:us-east-1:111122223333:cluster/demo".parse().unwrap();
    let all = read::container_instances(ecs, &cluster, &ContainerInstanceQuery::All).await.unwrap();
    assert_eq!(all.items.len(), 20);
    let first = &all.items[0];
    said.push(format!("{all:?}"));

    let query = ContainerInstanceQuery::OfEc2Instances(vec![first.ec2_instance_id.parse().unwrap()]);
    said.push(format!("{:?}", ecs.list_container_instances(&by_arn, &query, None).await));
    let tasks = read::tasks(ecs, &cluster, &first.arn).await.unwrap();
    assert_eq!(tasks.items.len(), 1);
    said.push(format!("{tasks:?}"));
    said.push(format!("{:?}", ecs.set_draining(&cluster, std::slice::from_ref(&first.arn)).await));
    said.push(format!(
        "{:?}",
        read::describe_container_instances(ecs, &cluster, std::slice::from_ref(&first.arn)).await
    ));

    // What is not there: failures in a good answer.
    let mut gone = first.arn.clone();
    gone.0 = gone.0.replace(&gone.0[gone.0.len() - 4..], "ffff");
    let both = [gone, first.arn.clone()];
    said.push(format!("{:?}", ecs.describe_container_instances(&cluster, &both).await));
    said.push(format!("{:?}", ecs.set_draining(&cluster, &both).await));

    // Errors: by kind and code, as their texts are AWS's own.
    let misspelt: Cluster = "misspelt".parse().unwrap();
    let too_many = vec![first.arn.clone(); 101];
    said.push(short(&ecs.list_container_instances(&misspelt, &query, None).await.unwrap_err()));
    said.push(short(&ecs.describe_container_instances(&cluster, &too_many).await.unwrap_err()));
    said.push(short(&ecs.set_draining(&cluster, &too_many[..11]).await.unwrap_err()));

    said.push(format!("{:?}", auto_scaling.describe_hook(action).await));
    let unknown = LifecycleAction { hook: "unknown".to_owned(), ..action.clone() };
    said.push(format!("{:?}", auto_scaling.describe_hook(&unknown).await));
    said.push(format!("{:?}", auto_scaling.record_heartbeat(action).await));
    said.push(format!("{:?}", auto_scaling.complete(action, LifecycleActionResult::Continue).await));
    said.push(format!("{:?}", auto_scaling.record_heartbeat(action).await));
    said.push(format!("{:?}", auto_scaling.complete(action, LifecycleActionResult::Continue).await));
    said
}

/// Operation, kind and the service's error code.
fn short(error: &CallError) -> String {
    let chain = ErrorChain(error).to_string();
    let code = chain.split(": ").nth(1).unwrap_or_default().to_owned();
    format!("{} {:?} {code}", error.operation, error.kind)
}

#[tokio::test]
async fn ecs_and_auto_scaling_answer_on_the_wire_as_the_simulated_ports_do() {
    let (simulated, action) = world();
    let face = Face::start(SharedWorld::in_real_time(simulated.clone())).unwrap();
    let config = sdk_at(&face.url()).await;
    let on_the_wire = transcript(&Ecs::new(&config), &AutoScaling::new(&config), &action).await;

    let aws = SimulatedAws::new(SharedWorld::in_real_time(simulated));
    let in_the_world = transcript(&aws, &aws, &action).await;
    for (wire, world) in on_the_wire.iter().zip(&in_the_world) {
        assert_eq!(wire, world);
    }
    assert_eq!(on_the_wire.len(), in_the_world.len());
    let expected = |state| format!("{:?}", Ok::<LifecycleActionState, CallError>(state));
    assert_eq!(on_the_wire[on_the_wire.len() - 3], expected(LifecycleActionState::Active));
    assert_eq!(on_the_wire[on_the_wire.len() - 1], expected(LifecycleActionState::Gone));
}

#[tokio::test]
async fn a_throttled_call_is_tried_again_by_the_sdk_and_a_refused_one_is_not() {
    let (world, _) = world();
    let face = Face::start(SharedWorld::in_real_time(world)).unwrap();
    let ecs = Ecs::new(&sdk_at(&face.url()).await);
    let cluster: Cluster = "demo".parse().unwrap();
    let calls = || {
        let calls = face.world().with(|world| world.history().api_calls());
        calls.get(&Operation::ListContainerInstances).copied().unwrap_or(0)
    };
    let list = || ecs.list_container_instances(&cluster, &ContainerInstanceQuery::All, None);

    let operation = Operation::ListContainerInstances;
    face.world().faults(|faults| faults.plant(operation, When::First(1), Fault::Throttled));
    list().await.unwrap();
    assert_eq!(calls(), 2);

    face.world().faults(|faults| faults.plant(operation, When::Always, Fault::Refused));
    let error = list().await.unwrap_err();
    let said = ErrorChain(&error).to_string();
    assert_eq!((error.kind, calls()), (CallErrorKind::Refused, 3));
    assert!(
        said.starts_with("ecs:ListContainerInstances on cluster demo was refused: AccessDeniedException: "),
        "{said}"
    );

    face.world().faults(|faults| {
        faults.clear();
        faults.plant(operation, When::Always, Fault::Throttled);
    });
    assert_eq!(list().await.unwrap_err().kind, CallErrorKind::Throttled);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_says_why() {
    let ecs = Ecs::new(&sdk_at("http://127.0.0.1:1").await);
    let cluster: Cluster = "demo".parse().unwrap();
    let error = ecs.list_container_instances(&cluster, &ContainerInstanceQuery::All, None).await.unwrap_err();
    let said = ErrorChain(&error).to_string();
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    assert!(said.contains("onnection refused"), "{said}");
}

#[tokio::test]
async fn sns_and_cloudwatch_take_what_the_adapters_send() {
    let emulator = Ministack::start().unwrap();
    let config = sdk_at(emulator.url()).await;

    let refused =
        Sns::new(&config).publish("arn:aws:sns:us-east-1:111122223333:none", "{}", 2).await.unwrap_err();
    let said = ErrorChain(&refused).to_string();
    assert_eq!(refused.kind, CallErrorKind::Refused);
    assert!(said.contains("sns:Publish on arn:aws:sns:us-east-1:111122223333:none was refused: "), "{said}");

    let in_cluster = ("ClusterName", "demo".to_owned());
    let datum = |dimensions, value| MetricDatum {
        name: "ContainerCapacity",
        dimensions,
        unit: MetricUnit::Count,
        value,
    };
    let data = [
        datum(vec![in_cluster.clone()], 2.0),
        datum(vec![in_cluster.clone(), ("Resource", "MEMORY".to_owned())], 8.0),
        MetricDatum {
            name: "IdleHostCapacity",
            dimensions: vec![in_cluster],
            unit: MetricUnit::None,
            value: 1.6,
        },
    ];
    for resolution in [StorageResolution::OneMinute, StorageResolution::OneSecond] {
        let cloudwatch = CloudWatch::new(&config);
        cloudwatch.put_metric_data("ECS/Fleetkeeper", resolution, Utc::now(), &data).await.unwrap();
    }
    let read = |name: &str, dimensions: &[(&str, &str)]| {
        emulator.metric("ECS/Fleetkeeper", name, dimensions).unwrap().last().copied()
    };
    assert_eq!(read("ContainerCapacity", &[("ClusterName", "demo")]), Some(2.0));
    assert_eq!(read("ContainerCapacity", &[("ClusterName", "demo"), ("Resource", "MEMORY")]), Some(8.0));
    assert_eq!(read("IdleHostCapacity", &[("ClusterName", "demo")]), Some(1.6));
}

/// What the simulated alarms read is what CloudWatch makes of the same data.
#[tokio::test]
async fn a_minutes_statistics_are_those_of_the_simulated_world() {
    const NAMESPACE: &str = "ECS/Fleetkeeper";
    let minute = Utc::now().timestamp() / 60 * 60 - 60;
    let mut world = World::new(Utc::now());
    let emulator = Ministack::start().unwrap();
    let cloudwatch = CloudWatch::new(&sdk_at(emulator.url()).await);
    let dimensions = [("ClusterName", "demo")];
    for (second, value) in [(5, 4.0), (20, 1.0), (59, 2.5), (60, 9.0)] {
        let at = chrono::DateTime::from_timestamp(minute + second, 0).unwrap();
        let data = [MetricDatum {
            name: "ContainerCapacity",
            dimensions: dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            unit: MetricUnit::Count,
            value,
        }];
        let resolution = StorageResolution::OneMinute;
        cloudwatch.put_metric_data(NAMESPACE, resolution, at, &data).await.unwrap();
        let put = MetricData { namespace: NAMESPACE.to_owned(), resolution, at, data: data.to_vec() };
        world.put_metric_data(put).unwrap();
    }
    let metric = Metric::new(NAMESPACE, "ContainerCapacity", &dimensions);
    let from = chrono::DateTime::from_timestamp(minute, 0).unwrap();
    for (name, statistic, value) in [
        ("Average", Statistic::Average, 2.5),
        ("Minimum", Statistic::Minimum, 1.0),
        ("Maximum", Statistic::Maximum, 4.0),
        ("Sum", Statistic::Sum, 7.5),
        ("SampleCount", Statistic::SampleCount, 3.0),
    ] {
        let there = emulator
            .metric_statistic((NAMESPACE, "ContainerCapacity", &dimensions), name, (minute, minute + 60), 60)
            .unwrap();
        assert_eq!(there, [value], "{name}");
        assert_eq!(world.metric_statistic(&metric, statistic, from, 60), Some(value), "{name}");
    }
}
