//! The drainer's input: instances in each state, and messages that are not for the drainer.

use std::time::Duration;

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_sim::LaggingReads;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::sns::SnsMessage;
use futures_util::future::join;
use serde_json::{Value, json};

use crate::scene::{
    CLUSTER, GROUP, Scene, TOPIC, first, sample_event, sns_event, two_hosts_with_web, world_of_hosts,
};

/// Two hosts, of which the first never joined the cluster.
fn one_that_never_joined() -> Scene {
    let (mut world, hosts) = world_of_hosts(2, 600);
    world.set_container_instance_status(CLUSTER, &hosts[0], ContainerInstanceStatus::Inactive).unwrap();
    world.take_outbox();
    Scene::new((world, hosts))
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_never_joined_is_completed_after_a_minute_if_its_group_is_in_the_cluster() {
    let scene = one_that_never_joined();
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], "the instance is not in the cluster");
    let took = (scene.ends()[0].0 - began).num_seconds();
    assert!((60..=62).contains(&took), "{took} s");
    // Five searches, and one for the other instance.
    assert_eq!(scene.calls(Operation::ListContainerInstances), 6);
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 0);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_the_cluster_lists_late_is_drained() {
    let (mut world, _) = world_of_hosts(1, 600);
    let until = world.now() + TimeDelta::hours(1);
    // Each read is as old as that: the cluster lists nothing of the new instance for 50 s.
    world.lag_reads(LaggingReads {
        lag_seconds: 50,
        each_by_its_own: false,
        share_per_mille: 1000,
        until,
        seed: 0,
    });
    let hosts = vec![world.launch_now(GROUP).unwrap()];
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    let seen_within_a_search = async {
        scene.wait(71).await;
        assert_eq!(scene.set_draining(), 1);
    };
    let ((answer, _), ()) = join(scene.see_through(&notice), seen_within_a_search).await;
    assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn the_hooks_metadata_wins_over_the_variable() {
    let (world, hosts) = world_of_hosts(1, 600);
    let scene = Scene::with_settings((world, hosts), &[("ECS_CLUSTER", "elsewhere")]);
    let mut notice = scene.terminate(0);
    let mut message: Value = serde_json::from_str(&notice.message).unwrap();
    message["NotificationMetadata"] = json!(r#"{"cluster": "demo"}"#);
    notice.message = message.to_string();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["cluster"], CLUSTER);
    assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped");
}

#[tokio::test(start_paused = true)]
async fn a_notice_without_any_cluster_is_an_error_that_says_where_to_put_one() {
    let (world, hosts) = world_of_hosts(1, 600);
    let scene = Scene::with_settings((world, hosts), &[]);
    let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("NotificationMetadata of hook drain") && text.contains("ECS_CLUSTER"), "{text}");
    assert_eq!(error.kind(), "NoCluster");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_already_draining_is_not_set_again() {
    let (mut world, hosts) = two_hosts_with_web();
    let arn = world.container_instance_of(CLUSTER, &hosts[0]).unwrap().arn;
    world.update_container_instances_state(Some(CLUSTER), &[arn.0], "DRAINING").unwrap();
    let scene = Scene::new((world, hosts));
    scene.sent();
    scene.see_through(&scene.terminate(0)).await;

    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 0);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_registering_is_drained_once_it_is_active() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    world.set_container_instance_status(CLUSTER, &hosts[0], ContainerInstanceStatus::Registering).unwrap();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    let becomes_active = async {
        scene.wait(40).await;
        let active = ContainerInstanceStatus::Active;
        scene.world(|world| world.set_container_instance_status(CLUSTER, &scene.hosts[0], active)).unwrap();
    };
    let (answer, ()) = join(scene.deliver(&notice), becomes_active).await;

    assert_eq!(first(&answer.unwrap())["outcome"], "completed");
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn the_hook_of_an_instance_that_can_never_take_tasks_is_completed_without_setting_it_draining() {
    for (status, seconds) in [
        (ContainerInstanceStatus::Registering, 130),
        (ContainerInstanceStatus::RegistrationFailed, 15),
        (ContainerInstanceStatus::Deregistering, 15),
        (ContainerInstanceStatus::Inactive, 65),
    ] {
        let (mut world, hosts) = world_of_hosts(2, 600);
        world.set_container_instance_status(CLUSTER, &hosts[0], status.clone()).unwrap();
        let scene = Scene::new((world, hosts));
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let answer = scene.deliver(&notice).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "completed", "{status}");
        assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 0, "{status}");
        let took = (scene.aws.world().now() - began).num_seconds();
        assert!(took <= seconds, "{status}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_not_for_the_drainer_are_ignored_with_a_reason_and_without_a_call() {
    for (sample, reason) in [
        ("sns-test-notification.json", "a test notification"),
        ("sns-lifecycle-launching.json", "EC2_INSTANCE_LAUNCHING"),
        ("sns-autoscaling-notification.json", "an ordinary Auto Scaling notification"),
        ("eventbridge-lifecycle-launching.json", "EC2 Instance-launch Lifecycle Action"),
        ("eventbridge-terminate-successful.json", "EC2 Instance Terminate Successful"),
    ] {
        let scene = Scene::new(world_of_hosts(0, 600));
        let answer = scene.invoke(sample_event(sample)).await.unwrap();
        assert!(first(&answer)["ignored"].as_str().unwrap().contains(reason), "{sample}");
        assert!(scene.world(|world| world.history().api_calls().is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_sample_notices_are_read_with_and_without_the_newer_fields() {
    for sample in [
        "sns-lifecycle-terminating.json",
        "sns-lifecycle-terminating-2018.json",
        "eventbridge-lifecycle-terminating.json",
        "eventbridge-lifecycle-replace-root-volume.json",
    ] {
        let scene = Scene::new(world_of_hosts(0, 600));
        let answer = scene.invoke(sample_event(sample)).await.unwrap();
        // Their time lies years back: the hook has ended long ago.
        assert_eq!(first(&answer)["cluster"], CLUSTER, "{sample}");
        assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
    }
}

/// The event of a notice's lifecycle action.
fn as_event(notice: &SnsMessage) -> Value {
    let message: Value = serde_json::from_str(&notice.message).unwrap();
    let mut event = sample_event("eventbridge-lifecycle-terminating.json");
    event["time"] = message["Time"].clone();
    // Only the event has an action.
    let detail = event["detail"].as_object_mut().unwrap();
    detail.retain(|field, _| field == "Action" || message.get(field).is_some());
    for (field, value) in detail {
        *value = message.get(field).unwrap_or(value).clone();
    }
    event
}

#[tokio::test(start_paused = true)]
async fn an_eventbridge_notice_is_drained_and_republished_to_the_configured_topic() {
    let variables = [("ECS_CLUSTER", CLUSTER), ("LIFECYCLE_TOPIC_ARN", TOPIC)];
    let mut scene = Scene::with_settings(two_hosts_with_web(), &variables);
    scene.timeout = Duration::from_secs(25);
    let answer = scene.invoke(as_event(&scene.terminate(0))).await.unwrap();
    assert_eq!((&first(&answer)["outcome"], &first(&answer)["attempt"]), (&json!("republished"), &json!(1)));

    let republished = scene.sent().remove(0);
    assert_eq!(
        (republished.topic_arn.as_str(), republished.attributes.as_ref().unwrap().attempt),
        (TOPIC, 2)
    );
    let (answer, _) = scene.see_through(&republished).await;
    assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_republished_is_an_error_that_names_the_variable_and_leaves_the_hook_open() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    let error = scene.invoke(as_event(&scene.terminate(0))).await.unwrap_err();
    assert!(error.to_string().contains("set LIFECYCLE_TOPIC_ARN"), "{error}");
    assert_eq!(error.kind(), "NoTopic");
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
}

#[tokio::test(start_paused = true)]
async fn unreadable_input_is_an_error_that_names_what_is_missing() {
    let scene = Scene::new(world_of_hosts(1, 600));
    let notice = scene.terminate(0);
    let mut lacks_signature = sns_event(&[&notice]);
    lacks_signature["Records"][0]["Sns"].as_object_mut().unwrap().remove("Signature");
    let mut bad_id = notice.clone();
    bad_id.message = bad_id.message.replace(scene.hosts[0].as_str(), "i-0 or true");
    for (event, part) in [
        (json!({}), "lacks Records"),
        (json!("text"), "lacks Records"),
        (json!({"source": "aws.ecs", "detail": {}}), "lacks Records"),
        (
            json!({"source": "aws.ecs", "detail-type": "Other", "detail": {}}),
            "\"Other\" of \"aws.ecs\" is not accepted",
        ),
        (lacks_signature, "missing field `Signature`"),
        (sample_event("sqs-lifecycle-terminating.json"), "SQS is not accepted"),
        (sns_event(&[&bad_id]), "\"i-0 or true\" is not accepted: an EC2 instance id"),
    ] {
        let error = scene.invoke(event).await.unwrap_err();
        let text = ErrorChain(&error).to_string();
        assert!(text.contains(part), "{text}");
        assert_eq!(error.kind(), "UnreadableEvent");
    }
    assert!(scene.world(|world| world.history().api_calls().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn no_records_are_no_work() {
    let scene = Scene::new(world_of_hosts(0, 600));
    assert!(scene.invoke(json!({"Records": []})).await.unwrap().records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_a_short_default() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let invocation = Invocation::new(600_000, began);
    let answer = scene.drainer().handle(sns_event(&[&notice]), invocation).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "republished");
    assert_eq!((scene.aws.world().now() - began).num_seconds(), 50);
}

#[tokio::test(start_paused = true)]
async fn message_attributes_that_cannot_be_read_do_not_lose_a_drain() {
    let attribute = |value: Value| json!({"fleetkeeper.attempt": {"Type": "Number", "Value": value}});
    for (attributes, attempt) in [
        (json!(null), 1),
        (json!("none"), 1),
        (json!({"other": null}), 1),
        (attribute(json!("7")), 7),
        (attribute(json!("4294967295")), u32::MAX),
        (attribute(json!("4294967296")), 2),
        (attribute(json!("-1")), 2),
        (attribute(json!("")), 2),
        (attribute(json!(null)), 2),
        (json!({"fleetkeeper.attempt": null}), 2),
    ] {
        let mut scene = Scene::new(two_hosts_with_web());
        scene.timeout = Duration::from_secs(25);
        let mut event = sns_event(&[&scene.terminate(0)]);
        event["Records"][0]["Sns"]["MessageAttributes"] = attributes.clone();
        let answer = first(&scene.invoke(event).await.unwrap());
        assert_eq!((&answer["outcome"], &answer["attempt"]), (&json!("republished"), &json!(attempt)));
        assert_eq!(answer["nextAttempt"], attempt.saturating_add(1), "{attributes}");
        let waiting_for = answer["waitingFor"].as_str().unwrap();
        assert_eq!(waiting_for, "tasks running: 2");
        assert_eq!(answer["secondsSinceNotice"], 15);
    }
}
