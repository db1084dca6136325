//! The ports over a world, in virtual time.

use std::time::Duration;

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_core::drain::DrainMetrics;
use fleetkeeper_core::lifecycle::{
    LifecycleAction, LifecycleActionId, LifecycleActionResult, LifecycleActionState,
};
use fleetkeeper_core::ports::{
    CallErrorKind, Clock, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances,
    EmbeddedMetrics, LifecycleActions, MessageAttributes, MetricDatum, MetricUnit, Metrics,
    NotificationTopic, StorageResolution, TasksOf,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::{DesiredStatus, Task};
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{SharedWorld, SimulatedAws};

use crate::scene::{arn_of, start, tokens, two_hosts_with_web, world_of_hosts};

fn demo() -> Cluster {
    "demo".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_drain_of_an_hour_takes_no_time() {
    let (world, hosts) = two_hosts_with_web(100, 200);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    aws.world().with(|world| world.terminate_instance("hosts", &hosts[0], true)).unwrap();
    let token = aws.world().with(tokens).remove(0);
    let action = LifecycleAction {
        group: "hosts".to_owned(),
        hook: "drain".to_owned(),
        id: LifecycleActionId::Token(token),
    };

    let hook = aws.describe_termination_hooks("hosts").await.unwrap().remove(0);
    assert_eq!((hook.heartbeat_timeout.as_secs(), hook.global_timeout.as_secs()), (600, 60_000));
    let query = ContainerInstanceQuery::OfEc2Instances(vec![hosts[0].clone()]);
    let found = read::container_instances(&aws, &demo(), &query).await.unwrap();
    let arn = found.items[0].arn.clone();
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].ec2_instance_id, hosts[0].as_str());

    let set = aws.set_draining(&demo(), std::slice::from_ref(&arn)).await.unwrap();
    assert_eq!((&set.items[0].arn, &set.items[0].status), (&arn, &ContainerInstanceStatus::Draining));
    let mut polls = 0;
    let both = [DesiredStatus::Running, DesiredStatus::Stopped];
    let of = TasksOf::ContainerInstance(&arn);
    let tasks = || async { read::tasks_desired(&aws, &demo(), of, &both).await.unwrap().items };
    while !tasks().await.iter().all(Task::is_stopped) {
        assert_eq!(aws.record_heartbeat(&action).await.unwrap(), LifecycleActionState::Active);
        aws.sleep(Duration::from_secs(5)).await;
        polls += 1;
    }
    assert!(polls > 5, "{polls}");
    let done = aws.complete(&action, LifecycleActionResult::Continue).await.unwrap();
    let again = aws.complete(&action, LifecycleActionResult::Continue).await.unwrap();
    assert_eq!((done, again), (LifecycleActionState::Active, LifecycleActionState::Gone));
    aws.sleep(Duration::from_secs(3600)).await;
    aws.world().with(|world| {
        assert!(world.history().killed_tasks().is_empty());
        assert_eq!(world.history().api_calls()[&Operation::CompleteLifecycleAction], 2);
        let told = world.history().to_string();
        assert!(told.contains("call autoscaling:CompleteLifecycleAction: ValidationError"), "{told}");
    });
    assert!(aws.now() > start() + chrono::TimeDelta::hours(1));
}

#[tokio::test(start_paused = true)]
async fn every_page_of_many_is_read() {
    let (mut world, _) = world_of_hosts(250);
    world.set_page_limit(7);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let found = read::container_instances(&aws, &demo(), &ContainerInstanceQuery::All).await.unwrap();
    assert_eq!(found.items.len(), 250);
    assert!(found.items.iter().all(|host| host.status == ContainerInstanceStatus::Active));
    let calls = aws.world().with(|world| world.history().api_calls());
    assert_eq!(calls[&Operation::ListContainerInstances], 36);
}

#[tokio::test(start_paused = true)]
async fn faults_come_true_on_the_calls_they_were_planted_on() {
    let (world, hosts) = world_of_hosts(1);
    let arns = [arn_of(&world, &hosts[0])];
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let operation = Operation::DescribeContainerInstances;
    aws.world().faults(|faults| {
        faults.plant(operation, When::Nth(1), Fault::Throttled);
        faults.plant(operation, When::Nth(2), Fault::Refused);
        faults.plant(operation, When::Nth(3), Fault::Unavailable);
        faults.plant(operation, When::Nth(4), Fault::Failure { reason: "MISSING" });
        faults.plant(operation, When::Nth(5), Fault::Hang);
    });
    let cluster = demo();
    let describe = || aws.describe_container_instances(&cluster, &arns);
    for kind in [CallErrorKind::Throttled, CallErrorKind::Refused, CallErrorKind::Unavailable] {
        assert_eq!(describe().await.unwrap_err().kind, kind);
    }
    let partial = describe().await.unwrap();
    assert_eq!((partial.items.len(), partial.failures.len()), (0, 1));
    assert!(tokio::time::timeout(Duration::from_secs(900), describe()).await.is_err());
    assert_eq!(describe().await.unwrap().items.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_action_may_be_denied_once() {
    let (mut world, hosts) = world_of_hosts(1);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let token = tokens(&mut world).remove(0);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let action = LifecycleAction {
        group: "hosts".to_owned(),
        hook: "drain".to_owned(),
        id: LifecycleActionId::Token(token),
    };
    for operation in [Operation::RecordLifecycleActionHeartbeat, Operation::CompleteLifecycleAction] {
        aws.world().faults(|faults| faults.plant(operation, When::Nth(1), Fault::NoActiveAction));
    }
    let heartbeats =
        (aws.record_heartbeat(&action).await.unwrap(), aws.record_heartbeat(&action).await.unwrap());
    assert_eq!(heartbeats, (LifecycleActionState::Gone, LifecycleActionState::Active));
    let complete = || aws.complete(&action, LifecycleActionResult::Continue);
    assert_eq!(complete().await.unwrap(), LifecycleActionState::Gone);
    let open = aws.world().with(|world| world.open_actions("drain").len());
    assert_eq!(open, 1);
    assert_eq!(complete().await.unwrap(), LifecycleActionState::Active);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_had_its_effect() {
    let (world, hosts) = world_of_hosts(1);
    let arns = [arn_of(&world, &hosts[0])];
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let operation = Operation::UpdateContainerInstancesState;
    aws.world().faults(|faults| faults.plant(operation, When::Nth(1), Fault::AnswerLost));
    let error = aws.set_draining(&demo(), &arns).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    let host = aws.world().with(|world| world.container_instance_of("demo", &hosts[0])).unwrap();
    assert_eq!(host.status, ContainerInstanceStatus::Draining);
}

#[tokio::test(start_paused = true)]
async fn messages_and_metrics_are_kept_as_they_were_sent() {
    let (world, _) = world_of_hosts(0);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    aws.world().with(fleetkeeper_sim::World::take_outbox);
    aws.publish(
        crate::scene::TOPIC,
        "again",
        &MessageAttributes { attempt: 2, ..MessageAttributes::default() },
    )
    .await
    .unwrap();
    let sent = aws.world().with(fleetkeeper_sim::World::take_outbox);
    assert_eq!(sent[0].sns_message().unwrap().attributes.as_ref().unwrap().attempt, 2);
    assert_eq!(aws.world().with(|world| world.published()[0].message.clone()), "again");

    let datum = |value| MetricDatum {
        name: "ContainerCapacity",
        dimensions: vec![("ClusterName", "demo".to_owned())],
        unit: MetricUnit::Count,
        value,
    };
    let put = |namespace: &'static str, value| {
        let (aws, data) = (aws.clone(), [datum(value)]);
        async move { aws.put_metric_data(namespace, StorageResolution::OneMinute, aws.now(), &data).await }
    };
    put("ECS/Fleetkeeper", 3.0).await.unwrap();
    assert_eq!(put("AWS/ECS", 3.0).await.unwrap_err().kind, CallErrorKind::Refused);
    assert_eq!(put("ECS/Fleetkeeper", f64::NAN).await.unwrap_err().kind, CallErrorKind::Refused);
    assert_eq!(aws.world().with(|world| world.metric_data().len()), 1);
}

#[tokio::test(start_paused = true)]
async fn metrics_in_the_log_are_recorded_with_a_line_for_people() {
    let (world, _) = world_of_hosts(0);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let metrics = DrainMetrics { namespace: "ECS/Fleetkeeper", cluster: &demo(), group: "g", hook: "drain" };
    let document = metrics.in_progress(2, aws.now());
    aws.put(&document);
    aws.world().with(|world| {
        let Some(last) = world.history().entries().last() else { panic!("nothing was recorded") };
        let Occurrence::EmbeddedMetricsPut { document: put } = &last.what else { panic!("{last}") };
        assert_eq!(**put, document);
        let told = last.to_string();
        assert!(
            told.ends_with("  log: metrics ECS/Fleetkeeper ClusterName=demo DrainsInProgress=2.0"),
            "{told}"
        );
        assert!(world.history().api_calls().is_empty());
        // The world records a value that is no such document all the same.
        world.put_embedded_metrics(serde_json::Value::Null);
        assert!(world.history().to_string().ends_with("  log\n"));
    });
}
