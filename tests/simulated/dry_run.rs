//! A dry run changes nothing, and its answer says what a drain would do.

use fleetkeeper_core::container_instance::{ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::sns::SnsMessage;
use fleetkeeper_sim::{Service, TaskDefinition, World};
use serde_json::{Value, json};

use crate::scene::{
    CLUSTER, GROUP, Scene, first, sample_event, two_hosts_with, two_hosts_with_web, web, world_of_hosts,
};

/// The operations that change something.
const CHANGING: [Operation; 6] = [
    Operation::UpdateContainerInstancesState,
    Operation::StopTask,
    Operation::RecordLifecycleActionHeartbeat,
    Operation::CompleteLifecycleAction,
    Operation::Publish,
    Operation::PutMetricData,
];

fn dry(world: (World, Vec<Ec2InstanceId>), variables: &[(&str, &str)]) -> Scene {
    let dry = [("ECS_CLUSTER", CLUSTER), ("FLEETKEEPER_DRY_RUN", "true")];
    Scene::with_settings(world, &[&dry, variables].concat())
}

fn assert_nothing_changed(scene: &Scene) {
    for operation in CHANGING {
        assert_eq!(scene.calls(operation), 0, "{operation}");
    }
    assert!(scene.sent().is_empty());
}

/// The action that a dry run of a notice reports. It does not wait for anything.
async fn would(scene: &Scene, notice: &SnsMessage) -> String {
    let began = scene.aws.world().now();
    let answer = first(&scene.deliver(notice).await.unwrap());
    assert_eq!(answer["outcome"], "dry-run");
    assert!((scene.aws.world().now() - began).num_seconds() <= 5);
    assert_nothing_changed(scene);
    answer["would"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_active_instance_would_be_set_draining_and_the_answer_says_why_it_would_wait() {
    let scene = dry(two_hosts_with_web(), &[]);
    let notice = scene.terminate(0);
    let arn = scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap().arn);
    let answer = first(&scene.deliver(&notice).await.unwrap());
    let would = answer["would"].as_str().unwrap();
    assert!(would.starts_with(&format!("set DRAINING: {}; then wait for web: 2 running", arn.0)), "{would}");
    assert_eq!(answer["why"]["services"][0]["running"], 2);
    assert_nothing_changed(&scene);
    assert!(scene.ends().is_empty());
}

#[tokio::test(start_paused = true)]
async fn in_whatever_state_an_instance_is_nothing_is_changed() {
    for (status, starts) in [
        (ContainerInstanceStatus::Active, "set DRAINING: "),
        (ContainerInstanceStatus::Draining, "wait: every known task has stopped: confirming"),
        (ContainerInstanceStatus::Registering, "wait: the instance is REGISTERING"),
        (ContainerInstanceStatus::Deregistering, "wait: every known task has stopped: confirming"),
        (ContainerInstanceStatus::RegistrationFailed, "wait: every known task has stopped: confirming"),
        (ContainerInstanceStatus::Inactive, "wait: the cluster does not list the instance"),
    ] {
        let (mut world, hosts) = world_of_hosts(1, 600);
        world.set_container_instance_status(CLUSTER, &hosts[0], status.clone()).unwrap();
        world.take_outbox();
        let scene = dry((world, hosts), &[]);
        let text = would(&scene, &scene.terminate(0)).await;
        assert!(text.starts_with(starts), "{status}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_under_way_would_be_waited_for() {
    let slow = web().deregistration_delay(300);
    let (mut world, hosts) = two_hosts_with(Service::new("web", 4, slow), 600);
    let arn = world.container_instance_of(CLUSTER, &hosts[0]).unwrap().arn.0;
    world.update_container_instances_state(Some(CLUSTER), &[arn], "DRAINING").unwrap();
    world.advance_seconds(1);
    world.take_outbox();
    let scene = dry((world, hosts), &[]);
    let notice = scene.terminate(0);
    let text = would(&scene, &notice).await;
    assert!(text.starts_with("wait: tasks running: 2"), "{text}");
    scene.wait(30).await;
    let text = would(&scene, &notice).await;
    assert!(text.contains("deregistration delay"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_not_in_the_cluster_would_be_searched_again() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    world.add_cluster("other");
    let scene = dry((world, hosts), &[]);
    let mut notice = scene.terminate(0);
    let mut message: Value = serde_json::from_str(&notice.message).unwrap();
    message["NotificationMetadata"] = json!(r#"{"cluster": "other"}"#);
    notice.message = message.to_string();
    let text = would(&scene, &notice).await;
    assert_eq!(text, "wait: the cluster does not list the instance");
}

#[tokio::test(start_paused = true)]
async fn past_the_drain_timeout_the_answer_says_what_the_policy_would_do() {
    for (policy, starts) in [
        ("continue", "complete the hook: drain timeout: continued with the remaining tasks"),
        ("abandon", "complete the hook: drain timeout: abandoned"),
    ] {
        let (mut world, hosts) = world_of_hosts(1, 3600);
        world.start_task(CLUSTER, &TaskDefinition::new("batch", 256, 256), &hosts[0]).unwrap();
        world.advance_seconds(60);
        world.take_outbox();
        let scene = dry((world, hosts), &[("DRAIN_TIMEOUT_SECONDS", "30"), ("ON_DRAIN_TIMEOUT", policy)]);
        let notice = scene.terminate(0);
        scene.wait(40).await;
        let text = would(&scene, &notice).await;
        assert!(text.starts_with(starts), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_drain_timeout_the_answer_says_how_many_tasks_would_be_stopped() {
    let (mut world, hosts) = world_of_hosts(1, 3600);
    world.start_task(CLUSTER, &TaskDefinition::new("batch", 256, 256), &hosts[0]).unwrap();
    let arn = world.container_instance_of(CLUSTER, &hosts[0]).unwrap().arn.0;
    world.update_container_instances_state(Some(CLUSTER), &[arn], "DRAINING").unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    let scene = dry((world, hosts), &[("DRAIN_TIMEOUT_SECONDS", "60")]);
    let notice = scene.terminate(0);
    scene.wait(59).await;
    let text = would(&scene, &notice).await;
    assert!(text.starts_with("wait: tasks running: 1"), "{text}");
    scene.wait(1).await;
    let text = would(&scene, &notice).await;
    assert!(text.starts_with("stop 1 tasks"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_old_notices_action_is_assumed_to_be_open_as_a_heartbeat_would_change_it() {
    let scene = dry(two_hosts_with_web(), &[]);
    let notice = scene.terminate(0);
    scene.wait(100).await;
    let text = would(&scene, &notice).await;
    assert!(text.starts_with("set DRAINING: "), "{text}");
}

/// What docs/deploying.md does before there is a hook: a notice made by hand, of an instance that
/// is in service.
#[tokio::test(start_paused = true)]
async fn a_notice_made_by_hand_says_what_a_drain_would_do() {
    let scene = dry(two_hosts_with_web(), &[]);
    let now = scene.aws.world().now().format("%FT%TZ").to_string();
    let text = sample_event("eventbridge-lifecycle-terminating.json")
        .to_string()
        .replace("i-0a1b2c3d4e5f60718", scene.hosts[0].as_str())
        .replace("2026-11-02T09:15:27Z", &now);
    let answer = first(&scene.invoke(serde_json::from_str(&text).unwrap()).await.unwrap());
    assert_eq!(answer["outcome"], "dry-run");
    let would = answer["would"].as_str().unwrap();
    assert!(would.starts_with("set DRAINING: ") && would.contains("web: 2 running"), "{would}");
    assert_nothing_changed(&scene);
}

#[tokio::test(start_paused = true)]
async fn no_source_changes_anything() {
    for sample in [
        "eventbridge-spot-interruption.json",
        "eventbridge-rebalance-recommendation.json",
        "eventbridge-lifecycle-terminating.json",
        "eventbridge-sweep.json",
        "sns-lifecycle-terminating.json",
        "sns-eventbridge-spot-interruption.json",
        "sns-test-notification.json",
    ] {
        let scene = dry(two_hosts_with_web(), &[]);
        let id = scene.hosts[0].as_str();
        let text = sample_event(sample).to_string().replace("i-0a1b2c3d4e5f60718", id);
        scene.terminate(0);
        scene.invoke(serde_json::from_str(&text).unwrap()).await.unwrap();
        assert_nothing_changed(&scene);
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_would_set_draining_what_is_active_only() {
    let scene = dry(two_hosts_with_web(), &[]);
    let mut event = sample_event("eventbridge-spot-interruption.json");
    for (id, outcome) in [(scene.hosts[0].as_str(), "dry-run"), ("i-0a1b2c3d4e5f60718", "not-in-cluster")] {
        event["detail"]["instance-id"] = json!(id);
        assert_eq!(first(&scene.invoke(event.clone()).await.unwrap())["outcome"], outcome);
    }
    assert_nothing_changed(&scene);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_says_how_many_wait() {
    let scene = dry(two_hosts_with_web(), &[]);
    let sweep = json!({"sweep": {"cluster": CLUSTER, "group": GROUP, "hook": "drain"}});
    for waiting in [0, 1] {
        let answer = first(&scene.invoke(sweep.clone()).await.unwrap());
        assert_eq!(answer["would"], format!("drain {waiting} instances that wait"));
        scene.world(|world| world.terminate_instance(GROUP, &scene.hosts[0], true).unwrap());
        scene.sent();
        scene.wait(300).await;
    }
    assert_nothing_changed(&scene);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_cannot_be_diagnosed_has_an_answer_all_the_same() {
    for operation in [
        Operation::DescribeServices,
        Operation::GetTaskProtection,
        Operation::ListTasks,
        Operation::DescribeTasks,
    ] {
        for fault in [Fault::Refused, Fault::Throttled] {
            let scene = dry(two_hosts_with_web(), &[]);
            scene.plant(operation, When::Always, fault);
            let text = would(&scene, &scene.terminate(0)).await;
            assert!(text.starts_with("set DRAINING: "), "{operation}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_cannot_be_read_is_waited_for_as_in_a_drain() {
    for (fault, most) in [(Fault::Refused, 0), (Fault::Throttled, 60)] {
        let scene = dry(two_hosts_with_web(), &[]);
        scene.plant(Operation::DescribeAutoScalingGroups, When::Always, fault);
        let answer = first(&scene.deliver(&scene.terminate(0)).await.unwrap());
        assert!(answer["would"].as_str().unwrap().starts_with("set DRAINING: "), "{answer}");
        assert!(answer["secondsSinceNotice"].as_u64().unwrap() <= most, "{answer}");
        assert_nothing_changed(&scene);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_cannot_be_read_is_an_error_that_changes_nothing() {
    let scene = dry(two_hosts_with_web(), &[]);
    scene.plant(Operation::ListContainerInstances, When::Always, Fault::Refused);
    let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();
    assert_eq!(error.kind(), "DrainFailed");
    assert_nothing_changed(&scene);
}

#[tokio::test(start_paused = true)]
async fn it_logs_no_metric() {
    let scene = dry(two_hosts_with_web(), &[]);
    would(&scene, &scene.terminate(0)).await;
    let logged = scene.world(|world| {
        let entries = world.history().entries().iter();
        entries.filter(|entry| matches!(entry.what, Occurrence::EmbeddedMetricsPut { .. })).count()
    });
    assert_eq!(logged, 0);
}
