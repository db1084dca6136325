//! Heartbeats, and the times of polls and invocations.

use std::time::Duration;

use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{LifecycleHook, Service, TaskDefinition};
use futures_util::future::join;

use crate::scene::{
    CLUSTER, GROUP, Scene, TOPIC, first, two_hosts_with, two_hosts_with_web, web, world_of_hosts,
};

#[tokio::test(start_paused = true)]
async fn a_drain_much_longer_than_the_hooks_timeout_is_kept_alive() {
    let slow = web().deregistration_delay(1200);
    let scene = Scene::new(two_hosts_with(Service::new("web", 2, slow), 30));
    let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;

    assert_eq!(first(&answer)["outcome"], "completed");
    assert_eq!(invocations, 2);
    scene.assert_all_drained(1);
    // One every 10 s, no more: a third of the hook's 30 s.
    let heartbeats = scene.calls(Operation::RecordLifecycleActionHeartbeat);
    assert!((110..=135).contains(&heartbeats), "{heartbeats}");
}

#[tokio::test(start_paused = true)]
async fn a_short_drain_needs_no_heartbeat() {
    let scene = Scene::new(two_hosts_with_web());
    scene.see_through(&scene.terminate(0)).await;
    assert_eq!(scene.calls(Operation::RecordLifecycleActionHeartbeat), 0);
    assert_eq!(scene.calls(Operation::DescribeLifecycleHooks), 1);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_finds_no_action_ends_the_drain_as_done() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    // The hook runs out before the message arrives: the instance is gone.
    scene.wait(700).await;
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(scene.calls(Operation::ListContainerInstances), 0);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_too_short_for_a_poll_is_an_error_and_not_a_loop() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(15);
    let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();
    assert_eq!(error.kind(), "TimeoutTooShort");
    assert!(error.to_string().contains("the invocation has 15 s"), "{error}");
    assert!(scene.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_invocation_is_used_up_to_the_margin_and_not_beyond() {
    let mut scene = Scene::with_settings(
        two_hosts_with_web(),
        &[("ECS_CLUSTER", CLUSTER), ("DEADLINE_MARGIN_SECONDS", "7"), ("POLL_INTERVAL_SECONDS", "9")],
    );
    scene.timeout = Duration::from_secs(40);
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "republished");
    assert_eq!((scene.aws.world().now() - began).num_seconds(), 33);
}

#[tokio::test(start_paused = true)]
async fn every_invocation_that_is_long_enough_to_be_accepted_is_long_enough_to_end_a_drain() {
    let mut accepted = 0;
    for seconds in 1..40 {
        let mut scene = Scene::new(two_hosts_with_web());
        scene.timeout = Duration::from_secs(seconds);
        let notice = scene.terminate(0);
        if let Err(error) = scene.deliver(&notice).await {
            assert_eq!((error.kind(), accepted), ("TimeoutTooShort", 0));
            continue;
        }
        accepted += 1;
        let republished = scene.sent().pop();
        scene.see_through(&republished.unwrap_or(notice)).await;
        scene.assert_all_drained(1);
    }
    assert_eq!(accepted, 19);
}

/// Two hosts, whose tasks take 300 s to stop, and a hook with a heartbeat timeout of `heartbeat`
/// seconds.
fn slow_to_stop(heartbeat: u32, variables: &[(&str, &str)]) -> Scene {
    let slow = web().deregistration_delay(300);
    let world = two_hosts_with(Service::new("web", 2, slow), heartbeat);
    Scene::with_settings(world, &[&[("ECS_CLUSTER", CLUSTER)], variables].concat())
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_kept_alive_where_the_polls_are_further_apart_than_its_timeout() {
    for heartbeat in [30, 45, 100] {
        let scene = slow_to_stop(heartbeat, &[("POLL_INTERVAL_SECONDS", "200")]);
        let (answer, _) = scene.see_through(&scene.terminate(0)).await;
        assert_eq!(first(&answer)["outcome"], "completed", "{heartbeat}");
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_kept_alive_while_calls_fail() {
    for (from, operation, fault) in [
        (10, Operation::DescribeTasks, Fault::Throttled),
        (10, Operation::DescribeTasks, Fault::Hang),
        (10, Operation::ListTasks, Fault::Hang),
        (10, Operation::DescribeContainerInstances, Fault::Unavailable),
        (0, Operation::DescribeLifecycleHooks, Fault::Hang),
    ] {
        let scene = slow_to_stop(30, &[]);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let outage = When::Between(began + Duration::from_secs(from), began + Duration::from_secs(200));
        scene.plant(operation, outage, fault);
        let (answer, invocations) = scene.see_through(&notice).await;
        assert_eq!(first(&answer)["outcome"], "completed", "{operation} {fault:?}");
        assert_eq!(invocations, 1);
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_kept_alive_where_auto_scalings_clock_is_ahead() {
    let scene = slow_to_stop(30, &[]);
    let mut notice = scene.terminate(0);
    let mut message: serde_json::Value = serde_json::from_str(&notice.message).unwrap();
    message["Time"] = "9999-12-31T23:59:59Z".into();
    notice.message = message.to_string();
    let (answer, _) = scene.see_through(&notice).await;
    assert_eq!(first(&answer)["outcome"], "completed");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_outlives_two_heartbeats_that_fail() {
    let scene = slow_to_stop(30, &[]);
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let outage = When::Between(began + Duration::from_secs(15), began + Duration::from_secs(35));
    scene.plant(Operation::RecordLifecycleActionHeartbeat, outage, Fault::Unavailable);
    let (answer, _) = scene.see_through(&notice).await;
    assert_eq!(first(&answer)["outcome"], "completed");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_cannot_be_read_is_read_again_each_20_s() {
    let scene = slow_to_stop(600, &[]);
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let outage = When::Between(began, began + Duration::from_secs(70));
    scene.plant(Operation::DescribeLifecycleHooks, outage, Fault::Throttled);
    scene.see_through(&notice).await;
    scene.assert_all_drained(1);
    assert_eq!(scene.calls(Operation::DescribeLifecycleHooks), 4);
    // Every 10 s while its timeout was not known, every 200 s since.
    let heartbeats = scene.calls(Operation::RecordLifecycleActionHeartbeat);
    assert_eq!(heartbeats, 7);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_ends_during_a_pause_ends_the_drain_with_the_next_heartbeat() {
    let scene = slow_to_stop(30, &[("POLL_INTERVAL_SECONDS", "200")]);
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let is_lost = async {
        scene.wait(35).await;
        scene.world(|world| world.lose_instance(GROUP, &scene.hosts[0]).unwrap());
    };
    let (answer, ()) = join(scene.deliver(&notice), is_lost).await;
    assert_ne!(first(&answer.unwrap())["outcome"], "completed");
    let lasted = (scene.aws.world().now() - began).num_seconds();
    assert!((35..=46).contains(&lasted), "{lasted}");
}

#[tokio::test(start_paused = true)]
async fn the_hooks_metadata_says_how_long_a_drain_may_last() {
    let (mut world, hosts) = world_of_hosts(1, 300);
    world.start_task(CLUSTER, &TaskDefinition::new("batch", 256, 256), &hosts[0]).unwrap();
    let hook = LifecycleHook::new("drain", TOPIC).heartbeat_timeout(300);
    world.put_lifecycle_hook(GROUP, hook.metadata(r#"{"drainTimeoutSeconds": 600}"#)).unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;
    assert_eq!(first(&answer)["outcome"], "completed");
    // The task is stopped at the drain timeout, and takes ten seconds.
    let lasted = (scene.ends()[0].0 - began).num_seconds();
    assert!((610..=615).contains(&lasted), "{lasted}");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_fails_is_retried_every_ten_seconds() {
    let slow = web().deregistration_delay(600);
    let variables = [("ECS_CLUSTER", CLUSTER), ("POLL_INTERVAL_SECONDS", "50")];
    let scene = Scene::with_settings(two_hosts_with(Service::new("web", 4, slow), 900), &variables);
    scene.plant(Operation::RecordLifecycleActionHeartbeat, When::Always, Fault::Throttled);
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
    // From the 300th second on, however far apart the polls are.
    let heartbeats = scene.calls(Operation::RecordLifecycleActionHeartbeat);
    assert!((30..=36).contains(&heartbeats), "{heartbeats}");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_takes_long_to_be_read_does_not_hold_back_the_drain_timeout() {
    let variables =
        [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", "100"), ("ON_DRAIN_TIMEOUT", "continue")];
    let mut scene = Scene::with_settings(two_hosts_with_web(), &variables);
    scene.timeout = Duration::from_secs(60);
    let notice = scene.terminate(0);
    scene.plant(Operation::DescribeLifecycleHooks, When::Nth(1), Fault::Hang);
    // Ten seconds for the hook, and the drain timeout passes meanwhile.
    scene.wait(95).await;
    let answer = first(&scene.deliver(&notice).await.unwrap());
    assert_eq!(answer["reason"], "drain timeout: continued with the remaining tasks");
    assert_eq!(answer["secondsSinceNotice"], 105);
    // The one that shows that the old notice's action is open.
    assert_eq!(scene.calls(Operation::RecordLifecycleActionHeartbeat), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_kept_alive_while_nothing_of_ecs_answers_wherever_that_begins() {
    for from in 2..16 {
        let scene = slow_to_stop(30, &[]);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let outage = When::Between(began + Duration::from_secs(from), began + Duration::from_secs(from + 60));
        for operation in [
            Operation::DescribeContainerInstances,
            Operation::ListTasks,
            Operation::DescribeTasks,
            Operation::DescribeServices,
            Operation::GetTaskProtection,
        ] {
            scene.plant(operation, outage, Fault::Hang);
        }
        scene.see_through(&notice).await;
        scene.assert_all_drained(1);
    }
}
