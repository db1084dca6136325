//! The drainer's sources besides its topic: EC2's warnings, and the sweep.

use std::time::Duration;

use fleetkeeper_core::container_instance::{ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::ActionEnd;
use fleetkeeper_sim::{ActionResult, InstanceType, LifecycleHook, Service, TaskDefinition, World};
use futures_util::future::join;
use serde_json::{Value, json};

use crate::scene::{
    CLUSTER, GROUP, Scene, TOPIC, a_host_with, first, sample_event, two_hosts_with, two_hosts_with_web, web,
    world_of_hosts,
};

const INTERRUPTIONS: [&str; 2] =
    ["eventbridge-spot-interruption.json", "eventbridge-rebalance-recommendation.json"];

/// The sample's event, about an instance.
fn warning(sample: &str, of: &Ec2InstanceId) -> Value {
    let mut event = sample_event(sample);
    event["detail"]["instance-id"] = json!(of.as_str());
    event
}

/// A sweep of the group's hook.
fn sweep() -> Value {
    json!({"sweep": {"cluster": CLUSTER, "group": GROUP, "hook": "drain"}})
}

fn status(scene: &Scene, host: usize) -> ContainerInstanceStatus {
    scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[host]).unwrap().status)
}

/// A future's answer, and how many seconds it takes.
async fn taking<T>(scene: &Scene, what: impl Future<Output = T>) -> (T, i64) {
    let began = scene.aws.world().now();
    let answer = what.await;
    (answer, (scene.aws.world().now() - began).num_seconds())
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_ec2_reclaims_is_set_draining_at_once_and_nothing_else_is_done() {
    for sample in INTERRUPTIONS {
        let scene = Scene::new(two_hosts_with_web());
        let (answer, took) = taking(&scene, scene.invoke(warning(sample, &scene.hosts[0]))).await;
        let answer = first(&answer.unwrap());
        assert_eq!((&answer["outcome"], took), (&json!("set-draining"), 0), "{sample}");
        assert_eq!(answer["ec2InstanceId"], scene.hosts[0].as_str());
        assert_eq!(status(&scene, 0), ContainerInstanceStatus::Draining);
        assert_eq!(status(&scene, 1), ContainerInstanceStatus::Active);
        let calls = scene.world(|world| world.history().api_calls());
        let once: Vec<_> = calls.into_iter().collect();
        assert_eq!(
            once,
            [
                (Operation::ListContainerInstances, 1),
                (Operation::DescribeContainerInstances, 1),
                (Operation::UpdateContainerInstancesState, 1),
            ]
        );
        assert!(scene.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_another_cluster_is_ignored() {
    for sample in INTERRUPTIONS {
        let (mut world, hosts) = two_hosts_with_web();
        world.add_cluster("other");
        let scene = Scene::with_settings((world, hosts), &[("ECS_CLUSTER", "other")]);
        let answer = scene.invoke(warning(sample, &scene.hosts[0])).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "not-in-cluster", "{sample}");
        assert_eq!(scene.set_draining(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn another_instance_is_left_alone_if_ecs_ignores_the_filter() {
    let (mut world, hosts) = two_hosts_with_web();
    world.ignore_filters();
    let scene = Scene::new((world, hosts));
    for (id, outcome) in
        [(scene.hosts[1].clone(), "set-draining"), ("i-0a1b2c3d4e5f60718".parse().unwrap(), "not-in-cluster")]
    {
        let answer = scene.invoke(warning(INTERRUPTIONS[0], &id)).await.unwrap();
        assert_eq!(first(&answer)["outcome"], outcome);
        assert_eq!(status(&scene, 0), ContainerInstanceStatus::Active);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_drains_already_is_not_set_again() {
    let scene = Scene::new(two_hosts_with_web());
    for outcome in ["set-draining", "draining-already", "draining-already"] {
        let answer = scene.invoke(warning(INTERRUPTIONS[1], &scene.hosts[0])).await.unwrap();
        assert_eq!(first(&answer)["outcome"], outcome);
    }
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
}

/// A host that is REGISTERING for some seconds, of which ten have passed.
fn a_registering_host(seconds: u32) -> (World, Vec<Ec2InstanceId>) {
    let (mut world, _) = world_of_hosts(0, 600);
    let of_type = InstanceType::new("c5.large", 2048, 3767).registering_for(seconds);
    let host = world.launch_now_of_type(GROUP, of_type).unwrap();
    world.advance_seconds(10);
    world.take_outbox();
    (world, vec![host])
}

#[tokio::test(start_paused = true)]
async fn a_registering_instance_is_set_draining_as_soon_as_it_is_active() {
    for sample in INTERRUPTIONS {
        for seconds in [11, 40, 100] {
            let scene = Scene::new(a_registering_host(seconds));
            assert_eq!(status(&scene, 0), ContainerInstanceStatus::Registering);
            let (answer, took) = taking(&scene, scene.invoke(warning(sample, &scene.hosts[0]))).await;
            assert_eq!(first(&answer.unwrap())["outcome"], "set-draining", "{sample} {seconds}");
            let active_after = i64::from(seconds) - 10;
            assert!((active_after..=active_after + 2).contains(&took), "{sample} {seconds}: {took} s");
            assert_eq!(status(&scene, 0), ContainerInstanceStatus::Draining);
            assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_stays_registering_ends_the_wait_before_ec2_reclaims_it() {
    for (timeout, least, most) in [(900, 96, 100), (30, 26, 30)] {
        let mut scene = Scene::new(a_registering_host(600));
        scene.timeout = Duration::from_secs(timeout);
        let (answer, took) = taking(&scene, scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0]))).await;
        assert_eq!(first(&answer.unwrap())["outcome"], "still-registering");
        assert!((least..=most).contains(&took), "{took} s");
        assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_while_an_instance_is_registering_are_retried_until_it_is_active() {
    for fault in [Fault::Throttled, Fault::AnswerLost, Fault::Failure { reason: "MISSING" }] {
        let scene = Scene::new(a_registering_host(90));
        let now = scene.aws.world().now();
        let failing = When::Between(now + Duration::from_secs(10), now + Duration::from_secs(85));
        scene.plant(Operation::DescribeContainerInstances, failing, fault);
        let (answer, took) = taking(&scene, scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0]))).await;
        assert_eq!(first(&answer.unwrap())["outcome"], "set-draining", "{fault:?}");
        assert!((80..=90).contains(&took), "{fault:?}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_active_registration_does_not_wait_for_one_that_is_registering() {
    let (mut world, hosts) = a_registering_host(30);
    world.advance_seconds(60);
    world.register_anew(CLUSTER, &hosts[0]).unwrap();
    let scene = Scene::new((world, hosts));
    let answer = async {
        scene.wait(5).await;
        assert_eq!(scene.set_draining(), 1);
    };
    let (answer, ()) = join(scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0])), answer).await;
    assert_eq!(first(&answer.unwrap())["outcome"], "set-draining");
    assert_eq!(scene.set_draining(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_which_no_task_can_run_is_left_alone() {
    for (at, outcome) in [
        (ContainerInstanceStatus::Draining, "draining-already"),
        (ContainerInstanceStatus::Deregistering, "draining-already"),
        (ContainerInstanceStatus::RegistrationFailed, "not-in-cluster"),
        (ContainerInstanceStatus::Inactive, "not-in-cluster"),
    ] {
        let (mut world, hosts) = world_of_hosts(1, 600);
        world.set_container_instance_status(CLUSTER, &hosts[0], at.clone()).unwrap();
        let scene = Scene::new((world, hosts));
        let (answer, took) = taking(&scene, scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0]))).await;
        assert_eq!((&first(&answer.unwrap())["outcome"], took), (&json!(outcome), 0), "{at}");
        assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 0, "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_does_not_wait_for_a_registering_instance() {
    let settings = [("ECS_CLUSTER", CLUSTER), ("FLEETKEEPER_DRY_RUN", "true")];
    let scene = Scene::with_settings(a_registering_host(600), &settings);
    let (answer, took) = taking(&scene, scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0]))).await;
    assert_eq!((&first(&answer.unwrap())["outcome"], took), (&json!("dry-run"), 0));
}

#[tokio::test(start_paused = true)]
async fn all_container_instances_of_an_interrupted_instance_are_set_draining() {
    let (mut world, hosts) = two_hosts_with_web();
    world.register_anew(CLUSTER, &hosts[0]).unwrap();
    let scene = Scene::new((world, hosts));
    scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0])).await.unwrap();
    assert_eq!(scene.set_draining(), 2);
}

#[tokio::test(start_paused = true)]
async fn failed_calls_of_an_interruption_are_retried_for_a_minute() {
    for operation in [
        Operation::ListContainerInstances,
        Operation::DescribeContainerInstances,
        Operation::UpdateContainerInstancesState,
    ] {
        for fault in [
            Fault::Throttled,
            Fault::Unavailable,
            Fault::Refused,
            Fault::AnswerLost,
            Fault::Hang,
            Fault::Failure { reason: "MISSING" },
            Fault::Failure { reason: "INACTIVE" },
        ] {
            if matches!(fault, Fault::Failure { .. }) && !operation.is_on_several() {
                continue;
            }
            let scene = Scene::new(two_hosts_with_web());
            scene.plant(operation, When::First(3), fault);
            let answer = scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0])).await.unwrap();
            let outcome = first(&answer)["outcome"].clone();
            assert!(
                outcome == "set-draining" || outcome == "draining-already",
                "{operation} {fault:?}: {outcome}"
            );
            assert_eq!(status(&scene, 0), ContainerInstanceStatus::Draining);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_keeps_failing_is_an_error_after_a_minute() {
    for fault in [Fault::Throttled, Fault::Hang] {
        let scene = Scene::new(two_hosts_with_web());
        scene.plant(Operation::UpdateContainerInstancesState, When::Always, fault);
        let (answer, took) = taking(&scene, scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0]))).await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), "DrainFailed");
        assert!(error.to_string().contains(scene.hosts[0].as_str()), "{error}");
        assert!((50..=61).contains(&took), "{fault:?}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_keeps_failing_is_an_error_before_a_short_invocation_ends() {
    for fault in [Fault::Throttled, Fault::Hang] {
        for seconds in [3, 15, 60] {
            let mut scene = Scene::new(two_hosts_with_web());
            scene.timeout = Duration::from_secs(seconds);
            scene.plant(Operation::ListContainerInstances, When::Always, fault);
            let error = scene.invoke(warning(INTERRUPTIONS[0], &scene.hosts[0])).await.unwrap_err();
            assert_eq!(error.kind(), "DrainFailed", "{fault:?} {seconds}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_warning_for_which_no_cluster_is_known_names_the_variable() {
    let scene = Scene::with_settings(two_hosts_with_web(), &[]);
    let mut of_no_cluster = sweep();
    of_no_cluster["sweep"].as_object_mut().unwrap().remove("cluster");
    for event in [warning(INTERRUPTIONS[0], &scene.hosts[0]), of_no_cluster] {
        let error = scene.invoke(event).await.unwrap_err();
        assert_eq!(error.kind(), "NoCluster");
        assert!(error.to_string().contains("set ECS_CLUSTER"), "{error}");
    }
    assert!(scene.world(|world| world.history().api_calls().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_was_interrupted_and_then_terminated_is_drained_as_any() {
    let scene = Scene::new(two_hosts_with_web());
    scene.invoke(warning(INTERRUPTIONS[1], &scene.hosts[0])).await.unwrap();
    scene.wait(20).await;
    scene.see_through(&scene.terminate(0)).await;
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
    scene.assert_all_drained(1);
}

/// Sweeps each minute for some minutes. No sweep lasts so long that they would pile up.
async fn sweep_for(scene: &Scene, minutes: u32) {
    let begin = scene.aws.world().now();
    for minute in 1..=minutes {
        let answer = scene.invoke(sweep()).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "swept");
        let next = begin + chrono::TimeDelta::minutes(minute.into());
        let left = (next - scene.aws.world().now()).to_std().unwrap();
        scene.aws.world().sleep(left).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_of_a_group_in_which_nothing_waits_ends_at_once() {
    let scene = Scene::new(two_hosts_with_web());
    let (answer, took) = taking(&scene, scene.invoke(sweep())).await;
    assert_eq!((&first(&answer.unwrap())["outcome"], took), (&json!("swept"), 0));
    assert_eq!(scene.calls(Operation::DescribeAutoScalingGroups), 1);
    let reads =
        [Operation::ListContainerInstances, Operation::DescribeContainerInstances, Operation::ListTasks];
    assert_eq!(reads.map(|operation| scene.calls(operation)), [0; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_whose_message_is_lost_is_completed_by_sweeps() {
    let scene = Scene::new(two_hosts_with_web());
    // Its message is lost.
    scene.terminate(0);
    sweep_for(&scene, 6).await;
    scene.assert_all_drained(1);
    assert_eq!(scene.set_draining(), 1);
    assert!(scene.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_drains_of_less_than_two_minutes_alone() {
    let scene = Scene::new(two_hosts_with_web());
    scene.terminate(0);
    for (minute, left_alone) in [(0, true), (1, true), (2, false)] {
        let (answer, ()) = join(scene.invoke(sweep()), scene.wait(60)).await;
        answer.unwrap();
        assert_eq!(scene.set_draining() == 0, left_alone, "{minute}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_beside_a_drain_under_way_changes_nothing() {
    let slow = web().deregistration_delay(300);
    let scene = Scene::new(two_hosts_with(Service::new("web", 2, slow), 600));
    let notice = scene.terminate(0);
    let ((answer, _), ()) = join(scene.see_through(&notice), sweep_for(&scene, 8)).await;
    assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped");
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 1);
    scene.assert_all_drained(1);
}

/// A host with a job that does not end, its hook's metadata, if any, and a drain timeout of 300 s.
fn a_host_with_a_job(metadata: Option<&str>, policy: &str) -> Scene {
    let (mut world, hosts) = a_host_with(&[TaskDefinition::new("batch", 256, 256)], 7200);
    if let Some(metadata) = metadata {
        let hook = LifecycleHook::new("drain", TOPIC).heartbeat_timeout(7200);
        world.put_lifecycle_hook(GROUP, hook.metadata(metadata)).unwrap();
        // The test notification.
        world.take_outbox();
    }
    Scene::with_drain_timeout((world, hosts), "300", policy)
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_a_drain_by_the_time_that_its_notice_would_have_had() {
    for (metadata, before, after) in [(None, 4, 7), (Some(r#"{"drainTimeoutSeconds": 900}"#), 13, 17)] {
        for (policy, stops) in [("stop-tasks", 1), ("continue", 0)] {
            let scene = a_host_with_a_job(metadata, policy);
            scene.terminate(0);
            sweep_for(&scene, before).await;
            assert_eq!(scene.set_draining(), 1);
            let changes = [Operation::StopTask, Operation::CompleteLifecycleAction];
            assert_eq!(changes.map(|operation| scene.calls(operation)), [0, 0], "{metadata:?} {policy}");
            sweep_for(&scene, after - before).await;
            assert_eq!(scene.calls(Operation::StopTask), stops, "{metadata:?} {policy}");
            let ends: Vec<_> = scene.ends().into_iter().map(|(_, end)| end).collect();
            assert_eq!(ends, [ActionEnd::Completed(ActionResult::Continue)], "{metadata:?} {policy}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_cannot_read_the_hook_stops_no_task_and_completes_nothing() {
    for policy in ["stop-tasks", "continue"] {
        let scene = a_host_with_a_job(None, policy);
        scene.plant(Operation::DescribeLifecycleHooks, When::Always, Fault::Refused);
        scene.terminate(0);
        sweep_for(&scene, 20).await;
        assert_eq!(scene.set_draining(), 1);
        assert_eq!(scene.calls(Operation::StopTask), 0);
        assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_group_cannot_be_read_does_nothing() {
    for fault in [Fault::Throttled, Fault::Refused, Fault::Hang] {
        let scene = Scene::new(two_hosts_with_web());
        scene.terminate(0);
        scene.wait(300).await;
        scene.plant(Operation::DescribeAutoScalingGroups, When::Always, fault);
        let (answer, took) = taking(&scene, scene.invoke(sweep())).await;
        assert_eq!(first(&answer.unwrap())["outcome"], "swept");
        assert!(took <= 60, "{took}");
        assert_eq!(scene.set_draining(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_whose_message_is_lost_is_completed_though_no_activity_may_be_read() {
    for fault in [Fault::Refused, Fault::Throttled] {
        let scene = Scene::new(two_hosts_with_web());
        scene.terminate(0);
        scene.wait(300).await;
        scene.plant(Operation::DescribeScalingActivities, When::Always, fault);
        // An instance that the sweeps have seen for less than two minutes is left alone.
        sweep_for(&scene, 2).await;
        assert_eq!(scene.set_draining(), 0, "{fault:?}");
        sweep_for(&scene, 4).await;
        assert_eq!(scene.set_draining(), 1, "{fault:?}");
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_calls_fail_ends_in_time_for_the_next_one_which_continues() {
    for operation in [Operation::ListContainerInstances, Operation::DescribeContainerInstances] {
        for fault in [Fault::Throttled, Fault::Refused, Fault::Hang] {
            let scene = Scene::new(two_hosts_with_web());
            scene.terminate(0);
            sweep_for(&scene, 2).await;
            let now = scene.aws.world().now();
            scene.plant(operation, When::Between(now, now + Duration::from_secs(60)), fault);
            let (answer, took) = taking(&scene, scene.invoke(sweep())).await;
            assert_eq!(first(&answer.unwrap())["outcome"], "swept", "{operation} {fault:?}");
            assert!(took < 60, "{operation} {fault:?}: {took} s");
            assert_eq!((scene.set_draining(), scene.calls(Operation::CompleteLifecycleAction)), (0, 0));
            scene.wait(60).await;
            sweep_for(&scene, 3).await;
            scene.assert_all_drained(1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sweeps_act_however_far_apart_the_polls_are() {
    let variables = [("ECS_CLUSTER", CLUSTER), ("POLL_INTERVAL_SECONDS", "300")];
    let scene = Scene::with_settings(two_hosts_with_web(), &variables);
    scene.terminate(0);
    sweep_for(&scene, 6).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn instances_of_many_are_swept_together() {
    let (mut world, mut hosts) = world_of_hosts(9, 900);
    hosts.sort();
    world.create_service(CLUSTER, Service::new("web", 12, web())).unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    scene.world(|world: &mut World| world.terminate_instances(GROUP, &scene.hosts[..5], true).unwrap());
    scene.sent();
    sweep_for(&scene, 7).await;
    scene.assert_all_drained(5);
    assert_eq!(scene.set_draining(), 5);
}

#[tokio::test(start_paused = true)]
async fn sweeps_beside_a_long_drain_cost_few_calls() {
    let mut calls = Vec::new();
    for with_sweeps in [false, true] {
        let batch = TaskDefinition::new("batch", 256, 256).running_for(3000);
        let scene = Scene::with_drain_timeout(a_host_with(&[batch], 900), "7200", "stop-tasks");
        let notice = scene.terminate(0);
        let sweeping = async {
            if with_sweeps {
                sweep_for(&scene, 50).await;
            }
        };
        join(scene.see_through(&notice), sweeping).await;
        scene.assert_all_drained(1);
        calls.push(scene.all_calls());
    }
    assert!(calls[1] <= calls[0] + calls[0] / 20, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn sweeps_complete_the_hook_of_an_instance_that_never_joined_the_cluster() {
    let (mut world, hosts) = world_of_hosts(2, 600);
    world.set_container_instance_status(CLUSTER, &hosts[0], ContainerInstanceStatus::Inactive).unwrap();
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    scene.terminate(0);
    sweep_for(&scene, 20).await;
    scene.assert_all_drained(1);
}
