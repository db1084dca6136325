//! The drainer's input: instances in each state, and messages that are not for the drainer.

use std::time::Duration;

use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::sns::SnsMessage;
use serde_json::{Value, json};

use crate::scene::{
    CLUSTER, Scene, TOPIC, first, sample_event, sns_event, two_hosts_with_web, world_of_hosts,
};

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_not_in_the_cluster_is_let_go_after_a_second_look() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    world.add_cluster("other");
    let scene = Scene::with_settings((world, hosts), &[("ECS_CLUSTER", "other")]);
    let (answer, _) = scene.see_through(&scene.terminate(0)).await;

    assert_eq!(first(&answer)["reason"], "the instance is not in the cluster");
    assert_eq!(scene.calls(Operation::ListContainerInstances), 2);
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 0);
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
    let said = error.to_string();
    assert!(said.contains("NotificationMetadata of hook drain") && said.contains("ECS_CLUSTER"), "{said}");
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
    let (answer, ()) = futures_util::future::join(scene.deliver(&notice), becomes_active).await;

    assert_eq!(first(&answer.unwrap())["outcome"], "completed");
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_can_never_take_tasks_is_let_go_without_being_set_draining() {
    for status in [
        ContainerInstanceStatus::Registering,
        ContainerInstanceStatus::RegistrationFailed,
        ContainerInstanceStatus::Deregistering,
        ContainerInstanceStatus::Inactive,
    ] {
        let (mut world, hosts) = world_of_hosts(1, 600);
        world.set_container_instance_status(CLUSTER, &hosts[0], status.clone()).unwrap();
        let scene = Scene::new((world, hosts));
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let answer = scene.deliver(&notice).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "completed", "{status}");
        assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 0, "{status}");
        assert!((scene.aws.world().now() - began).num_seconds() <= 130, "{status}");
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
    assert_eq!((&first(&answer)["outcome"], &first(&answer)["attempt"]), (&json!("handed-on"), &json!(1)));

    let handed_on = scene.sent().remove(0);
    assert_eq!((handed_on.topic_arn.as_str(), handed_on.attempt), (TOPIC, Some(2)));
    let (answer, _) = scene.see_through(&handed_on).await;
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
        let said = ErrorChain(&error).to_string();
        assert!(said.contains(part), "{said}");
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
    assert_eq!(first(&answer)["outcome"], "handed-on");
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
        assert_eq!((&answer["outcome"], &answer["attempt"]), (&json!("handed-on"), &json!(attempt)));
        assert_eq!(answer["nextAttempt"], attempt.saturating_add(1), "{attributes}");
        let waiting_for = answer["waitingFor"].as_str().unwrap();
        assert!(waiting_for.starts_with("tasks on the instance: 2 running, 0 pending: web: 2 running: "));
        assert_eq!(answer["secondsSinceNotice"], 15);
    }
}
