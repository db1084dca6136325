//! Messages that are republished near the invocation timeout.

use std::time::Duration;

use chrono::TimeDelta;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{LifecycleHook, Service, TaskDefinition};
use futures_util::future::{join, join_all};
use serde_json::Value;

use crate::scene::{CLUSTER, GROUP, Scene, TOPIC, a_host_with, first, web, world_of_hosts};

fn a_long_drain() -> Scene {
    Scene::with_drain_timeout(a_host_with(&[TaskDefinition::new("batch", 256, 256)], 900), "7200", "continue")
}

#[tokio::test(start_paused = true)]
async fn an_invocation_publishes_twice_at_most_where_answers_are_lost() {
    let scene = a_long_drain();
    let notice = scene.terminate(0);
    scene.plant(Operation::Publish, When::Always, Fault::AnswerLost);
    let error = scene.deliver(&notice).await.unwrap_err();
    assert_eq!(error.kind(), "RepublishFailed");
    assert_eq!(scene.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_outage_of_sns_leaves_a_few_copies_of_a_message_and_no_more_later() {
    let scene = a_long_drain();
    let notice = scene.terminate(0);
    let now = scene.aws.world().now();
    let outage = When::Between(now, now + TimeDelta::minutes(16));
    scene.plant(Operation::Publish, outage, Fault::AnswerLost);
    let mut generation = vec![notice.clone()];
    let mut copies = Vec::new();
    for hop in 0..6 {
        copies.push(generation.len());
        join_all(generation.iter().map(|message| scene.deliver(message))).await;
        generation = scene.sent();
        if hop == 0 {
            // Lambda's retry of the failed invocation.
            generation.push(notice.clone());
        }
    }
    assert_eq!(copies, [1, 3, 3, 3, 3, 3]);
}

/// The events of EventBridge since the last time.
fn lifecycle_events(scene: &Scene) -> Vec<Value> {
    let emissions = scene.world(fleetkeeper_sim::World::take_outbox);
    let events = emissions.iter().filter_map(fleetkeeper_sim::world::outbox::Emission::event);
    events.filter(|event| event["detail-type"] == "EC2 Instance-terminate Lifecycle Action").collect()
}

#[tokio::test(start_paused = true)]
async fn root_volumes_replaced_at_many_instances_at_once_are_drained_by_one_message_that_keeps_its_action() {
    for by_event in [false, true] {
        let (mut world, mut hosts) = world_of_hosts(10, 900);
        hosts.sort();
        if by_event {
            let hook = LifecycleHook::new("drain", TOPIC).heartbeat_timeout(900).without_topic();
            world.put_lifecycle_hook(GROUP, hook).unwrap();
        }
        let slow = web().deregistration_delay(120);
        world.create_service(CLUSTER, Service::new("web", 10, slow)).unwrap();
        world.advance_seconds(60);
        assert!(world.is_steady(CLUSTER, "web"));
        world.take_outbox();
        let variables = [("ECS_CLUSTER", CLUSTER), ("LIFECYCLE_TOPIC_ARN", TOPIC)];
        let mut scene = Scene::with_settings((world, hosts), &variables);
        scene.timeout = Duration::from_secs(100);
        scene.world(|world| {
            for host in &scene.hosts[..5] {
                world.replace_root_volume(GROUP, host).unwrap();
            }
        });
        let began = scene.aws.world().now();
        let answers = if by_event {
            join_all(lifecycle_events(&scene).into_iter().map(|event| scene.invoke(event))).await
        } else {
            let notices = scene.sent();
            join_all(notices.iter().map(|notice| scene.deliver(notice))).await
        };
        let mut outcomes: Vec<_> = answers
            .into_iter()
            .map(|answer| first(&answer.unwrap())["outcome"].as_str().unwrap().to_owned())
            .collect();
        outcomes.sort();
        assert_eq!(
            outcomes,
            ["delegated", "delegated", "delegated", "delegated", "republished"],
            "{by_event}"
        );

        let republished = scene.sent();
        assert_eq!(republished.len(), 1);
        let text: Value = serde_json::from_str(&republished[0].message).unwrap();
        assert_eq!(text["Action"], "ReplaceRootVolume", "{by_event}");
        assert_eq!(text["EC2InstanceId"], scene.hosts[0].as_str());
        let (answer, ()) = join(scene.see_through(&republished[0]), scene.wait(1)).await;
        assert_eq!(first(&answer.0)["outcome"], "completed");
        scene.assert_all_drained(5);
        // The pace of a coordinator is ten reads a second, and 50 at once.
        let seconds = (scene.aws.world().now() - began).num_seconds();
        let reads: u32 = [
            Operation::ListContainerInstances,
            Operation::DescribeContainerInstances,
            Operation::ListTasks,
            Operation::DescribeTasks,
        ]
        .map(|operation| scene.calls(operation))
        .into_iter()
        .sum();
        assert!(i64::from(reads) <= seconds, "{reads} reads in {seconds} s");
    }
}
