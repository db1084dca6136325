//! The diagnosis of a drain that waits, and its cost.

use std::time::Duration;

use chrono::{DateTime, Utc};
use expect_test::expect;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{Service, TaskDefinition, World};
use serde_json::{Value, json};

use crate::scene::{CLUSTER, Scene, first, two_hosts_with, two_hosts_with_web, web, world_of_hosts};

/// The answer of an invocation of one minute, whose drain waits at its end.
async fn after_a_minute(world: (World, Vec<Ec2InstanceId>)) -> Value {
    let mut scene = Scene::new(world);
    scene.timeout = Duration::from_secs(60);
    let answer = first(&scene.deliver(&scene.terminate(0)).await.unwrap());
    assert_eq!(answer["outcome"], "republished");
    // The first diagnosis is made after 30 s.
    let as_of: DateTime<Utc> = answer["why"]["asOf"].as_str().unwrap().parse().unwrap();
    let age = (scene.aws.world().now() - as_of).num_seconds();
    assert!((15..=20).contains(&age), "{answer}");
    answer
}

/// The wait of a drain as its answer has it: for what, and each service and standalone task.
fn why(answer: &Value) -> String {
    let of = |name: &str| answer["why"][name].as_array().unwrap().iter().map(Value::to_string);
    let first = std::iter::once(answer["waitingFor"].to_string());
    first.chain(of("services")).chain(of("standalone")).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn no_room_is_diagnosed_with_the_resource_that_is_lacking() {
    let mut answers = Vec::new();
    for task in [
        TaskDefinition::new("web", 2048, 512),
        TaskDefinition::new("web", 512, 3700),
        TaskDefinition::new("web", 512, 512).tcp_port(80),
    ] {
        answers.push(why(&after_a_minute(two_hosts_with(Service::new("web", 2, task), 600)).await));
    }
    expect![[r#"
        "tasks running: 1"
        {"cause":"no-room","detail":"no room for the replacement (CPU)","name":"web","pending":0,"running":1,"stopping":0}
        "tasks running: 1"
        {"cause":"no-room","detail":"no room for the replacement (memory)","name":"web","pending":0,"running":1,"stopping":0}
        "tasks running: 1"
        {"cause":"no-room","detail":"no room for the replacement (a host port)","name":"web","pending":0,"running":1,"stopping":0}"#]].assert_eq(&answers.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn percentages_that_let_nothing_move_are_diagnosed() {
    let answer = after_a_minute(two_hosts_with(Service::new("web", 4, web()).percents(100, 100), 600)).await;
    expect![[r#"
        "tasks running: 2"
        {"cause":"no-leeway","detail":"minimum 100 % and maximum 100 % of 4 let ECS neither stop nor start a task first: it will not drain until they are changed","name":"web","pending":0,"running":2,"stopping":0}"#]].assert_eq(&why(&answer));
}

#[tokio::test(start_paused = true)]
async fn a_deregistration_delay_is_diagnosed() {
    let slow = web().deregistration_delay(600);
    let answer = after_a_minute(two_hosts_with(Service::new("web", 4, slow), 600)).await;
    expect![[r#"
        "tasks stopping: 2"
        {"cause":"deregistration-delay","detail":"waiting for the deregistration delay of its target group","name":"web","pending":0,"running":0,"stopping":2}"#]].assert_eq(&why(&answer));
}

#[tokio::test(start_paused = true)]
async fn standalone_tasks_are_diagnosed() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    for _ in 0..2 {
        world.start_task(CLUSTER, &TaskDefinition::new("batch", 256, 256), &hosts[0]).unwrap();
    }
    world.advance_seconds(30);
    world.take_outbox();
    let answer = after_a_minute((world, hosts)).await;
    expect![[r#"
        "tasks running: 2"
        {"group":"family:batch","stopping":0,"tasks":2}"#]]
    .assert_eq(&why(&answer));
}

#[tokio::test(start_paused = true)]
async fn protected_tasks_are_diagnosed_with_the_end_of_their_protection() {
    let (mut world, hosts) = two_hosts_with_web();
    let until = world.now() + Duration::from_secs(7200);
    let tasks: Vec<_> = world.tasks_of_service(CLUSTER, "web").iter().map(|task| task.arn.clone()).collect();
    for task in &tasks {
        world.protect_task(CLUSTER, task, until).unwrap();
    }
    let answer = after_a_minute((world, hosts)).await;
    expect![[r#"
        "tasks running: 2"
        {"cause":"protected","detail":"protected until 2026-11-22 12:01 UTC","name":"web","pending":0,"running":2,"stopping":0}"#]].assert_eq(&why(&answer));
    assert_eq!(answer["why"]["protectedTasks"], 2);
    let diagnosed: DateTime<Utc> = answer["why"]["protectedUntil"].as_str().unwrap().parse().unwrap();
    assert_eq!(diagnosed, until);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_not_connected_is_diagnosed() {
    let (mut world, hosts) = two_hosts_with_web();
    world.set_agent_connected(CLUSTER, &hosts[0], false).unwrap();
    world.take_outbox();
    let answer = after_a_minute((world, hosts)).await;
    assert_eq!(answer["why"]["agentConnected"], false);
    assert_eq!(answer["waitingFor"], "tasks stopping: 2");
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_drain_that_is_done_has_no_diagnosis() {
    let scene = Scene::new(two_hosts_with_web());
    let (answer, _) = scene.see_through(&scene.terminate(0)).await;
    let answer = first(&answer);
    assert_eq!((answer.get("why"), answer.get("waitingFor"), answer.get("others")), (None, None, None));
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_drain_that_reached_its_drain_timeout_says_what_held_it() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    world.start_task(CLUSTER, &TaskDefinition::new("batch", 256, 256), &hosts[0]).unwrap();
    world.advance_seconds(30);
    world.take_outbox();
    let variables =
        [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", "300"), ("ON_DRAIN_TIMEOUT", "continue")];
    let scene = Scene::with_settings((world, hosts), &variables);
    let (answer, _) = scene.see_through(&scene.terminate(0)).await;
    assert_eq!(first(&answer)["outcome"], "completed");
    assert_eq!(first(&answer)["why"]["standalone"][0]["group"], "family:batch");
}

/// When an operation was called, in seconds since a time.
fn called(scene: &Scene, operation: Operation, since: DateTime<Utc>) -> Vec<i64> {
    scene.world(|world| {
        let entries = world.history().entries().iter();
        let calls = entries.filter(
            |entry| matches!(entry.what, Occurrence::ApiCalled { operation: of, .. } if of == operation),
        );
        calls.map(|call| (call.at - since).num_seconds()).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_diagnosed_after_30_s_and_then_less_and_less_often_whichever_invocation_does() {
    for timeout in [900, 100] {
        let mut scene = Scene::new(two_hosts_with(Service::new("web", 4, web()).percents(100, 100), 600));
        scene.timeout = Duration::from_secs(timeout);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        scene.see_through(&notice).await;
        let asked = called(&scene, Operation::DescribeServices, began);
        assert_eq!(asked.len(), called(&scene, Operation::GetTaskProtection, began).len());
        let pauses: Vec<_> = asked.windows(2).map(|two| two[1] - two[0]).collect();
        if timeout == 900 {
            assert_eq!(asked[0], 30);
            // 60, 120, 240, 300, 300, ... each up to a poll later, and once at the beginning of
            // each further invocation.
            assert!((60..=66).contains(&pauses[0]) && (120..=132).contains(&pauses[1]), "{pauses:?}");
            assert!((240..=264).contains(&pauses[2]) && (300..=306).contains(&pauses[3]), "{pauses:?}");
            assert!(asked.len() <= 5 + 10 + 4, "{asked:?}");
        } else {
            assert!(pauses.iter().skip(3).all(|pause| *pause >= 85), "{pauses:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_read_that_fails_here_holds_up_a_drain() {
    for operation in [Operation::DescribeServices, Operation::GetTaskProtection] {
        for fault in [
            Fault::Refused,
            Fault::Throttled,
            Fault::Unavailable,
            Fault::Failure { reason: "MISSING" },
            Fault::Failure { reason: "TASK_NOT_VALID" },
            Fault::Hang,
        ] {
            let scene = Scene::new(two_hosts_with_web());
            scene.plant(operation, When::Always, fault);
            let notice = scene.terminate(0);
            let began = scene.aws.world().now();
            let (answer, invocations) = scene.see_through(&notice).await;
            assert_eq!(
                (&first(&answer)["outcome"], invocations),
                (&json!("completed"), 1),
                "{operation} {fault:?}"
            );
            scene.assert_all_drained(1);
            // A call that never answers takes ten seconds of the pauses between polls.
            let took = (scene.ends()[0].0 - began).num_seconds();
            assert!(took <= 110, "{operation} {fault:?}: {took} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_drain_of_an_instance_without_tasks_is_not_diagnosed() {
    let scene = Scene::new(world_of_hosts(2, 600));
    scene.see_through(&scene.terminate(0)).await;
    for operation in [Operation::DescribeServices, Operation::GetTaskProtection] {
        assert_eq!(scene.calls(operation), 0, "{operation}");
    }
    scene.assert_all_drained(1);
}
