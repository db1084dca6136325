//! The metrics of drains, in the function's log.

use std::time::Duration;

use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{Service, TaskDefinition};
use futures_util::future::join;
use serde_json::json;

use crate::scene::{
    CLUSTER, GROUP, Scene, a_host_with, first, two_hosts_with, two_hosts_with_web, web, world_of_hosts,
};

#[tokio::test(start_paused = true)]
async fn a_finished_drain_is_logged_once_with_its_length_its_tasks_and_no_error() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    scene.see_through(&notice).await;
    let took = scene.ends()[0].0 - began;

    let documents = scene.documents("DrainSeconds");
    assert_eq!(documents.len(), 1);
    let document = &documents[0];
    let seconds = document["DrainSeconds"].as_f64().unwrap();
    assert!((seconds - took.as_seconds_f64()).abs() < 1.0, "{seconds} {took}");
    let metrics =
        ["DrainedTasks", "DrainDeadlineExceeded", "DrainErrors"].map(|name| document[name].as_f64());
    assert_eq!(metrics, [Some(2.0), Some(0.0), Some(0.0)]);
    assert_eq!(document["ClusterName"], CLUSTER);
    assert_eq!(document["ec2InstanceId"], scene.hosts[0].as_str());
    assert_eq!((&document["group"], &document["hook"]), (&json!(GROUP), &json!("drain")));
    assert_eq!(document["reason"], "drained: every task on the instance has stopped");
    let at = document["_aws"]["Timestamp"].as_i64().unwrap();
    assert!((at - scene.ends()[0].0.timestamp_millis()).abs() < 1000);
    assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Namespace"], "ECS/Fleetkeeper");
}

#[tokio::test(start_paused = true)]
async fn the_namespace_is_the_configured_one() {
    let variables = [("ECS_CLUSTER", CLUSTER), ("METRIC_NAMESPACE", "Team/ECS")];
    let scene = Scene::with_settings(two_hosts_with_web(), &variables);
    scene.see_through(&scene.terminate(0)).await;
    for metric in ["DrainSeconds", "DrainsInProgress"] {
        for document in scene.documents(metric) {
            assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Team/ECS", "{metric}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_of_several_invocations_is_logged_once_with_all_its_tasks_and_time() {
    let slow = web().deregistration_delay(300);
    let mut scene = Scene::new(two_hosts_with(Service::new("web", 4, slow), 600));
    scene.timeout = Duration::from_secs(120);
    let (_, invocations) = scene.see_through(&scene.terminate(0)).await;
    assert!(invocations > 2);
    let seconds = scene.values("DrainSeconds");
    assert_eq!(seconds.len(), 1);
    assert!(seconds[0] > 300.0, "{seconds:?}");
    assert_eq!(scene.values("DrainedTasks"), [2.0]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_reached_its_drain_timeout_is_logged_as_such_with_what_held_it() {
    for policy in ["continue", "abandon", "stop-tasks"] {
        // Stopping it takes long.
        let task = TaskDefinition::new("batch", 256, 256).stopping(1000).stop_timeout(1000);
        let scene = Scene::with_drain_timeout(a_host_with(&[task], 600), "600", policy);
        scene.see_through(&scene.terminate(0)).await;
        assert_eq!(scene.values("DrainDeadlineExceeded"), [1.0], "{policy}");
        assert_eq!(scene.values("DrainErrors"), [0.0]);
        let seconds = scene.values("DrainSeconds");
        let least = if policy == "stop-tasks" { 1600.0 } else { 600.0 };
        assert!((least..=least + 5.0).contains(&seconds[0]), "{policy}: {seconds:?}");
        let reason = scene.documents("DrainErrors")[0]["reason"].as_str().unwrap().to_owned();
        assert!(
            reason.starts_with("drain timeout: ") && reason.contains("family:batch"),
            "{policy}: {reason}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_tasks_that_had_stopped_at_the_end_are_counted() {
    // By one policy, the third one is stopped and waited for.
    for (policy, stopped) in [("stop-tasks", 3.0), ("continue", 2.0), ("abandon", 2.0)] {
        let ends = |seconds| TaskDefinition::new("batch", 256, 256).running_for(seconds);
        let stays = TaskDefinition::new("stays", 256, 256).stopping(1000).stop_timeout(1000);
        let host = a_host_with(&[ends(100), ends(200), stays], 600);
        let scene = Scene::with_drain_timeout(host, "600", policy);
        scene.see_through(&scene.terminate(0)).await;
        assert_eq!(scene.values("DrainedTasks"), [stopped], "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_stopped_before_the_drain_are_not_counted() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    for seconds in [10, 300] {
        let task = TaskDefinition::new("batch", 256, 256).running_for(seconds);
        world.start_task(CLUSTER, &task, &hosts[0]).unwrap();
    }
    world.advance_seconds(100);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    scene.see_through(&scene.terminate(0)).await;
    assert_eq!(scene.values("DrainedTasks"), [1.0]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_fails_is_counted_as_one_error_with_the_reason() {
    let scene = Scene::new(two_hosts_with_web());
    scene.plant(Operation::DescribeContainerInstances, When::Always, Fault::Refused);
    scene.deliver(&scene.terminate(0)).await.unwrap_err();
    assert_eq!(scene.values("DrainErrors"), [1.0]);
    let document = &scene.documents("DrainErrors")[0];
    assert_eq!(document["ec2InstanceId"], scene.hosts[0].as_str());
    assert!(document["reason"].as_str().unwrap().contains("ecs:DescribeContainerInstances"), "{document}");
    assert!(scene.documents("DrainSeconds").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_republished_is_an_error_too() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    scene.plant(Operation::Publish, When::Always, Fault::Throttled);
    scene.deliver(&scene.terminate(0)).await.unwrap_err();
    assert_eq!(scene.values("DrainErrors"), [1.0]);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_too_short_to_drain_is_an_error_too() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(15);
    scene.deliver(&scene.terminate(0)).await.unwrap_err();
    assert_eq!(scene.values("DrainErrors"), [1.0]);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_somebody_else_completed_is_not_logged_twice() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let (one, other) = join(scene.deliver(&notice), scene.deliver(&notice)).await;
    one.unwrap();
    other.unwrap();
    assert_eq!(scene.values("DrainErrors"), [0.0]);
}

#[tokio::test(start_paused = true)]
async fn drains_in_progress_are_logged_at_once_every_minute_and_at_the_end() {
    let slow = web().deregistration_delay(300);
    let scene = Scene::new(two_hosts_with(Service::new("web", 4, slow), 600));
    scene.see_through(&scene.terminate(0)).await;
    let logged = scene.values("DrainsInProgress");
    assert_eq!((logged[0], logged[logged.len() - 1]), (1.0, 0.0));
    assert!(logged[..logged.len() - 1].iter().all(|drains| (*drains - 1.0).abs() < 0.1), "{logged:?}");
    // 360 s and some.
    assert!((6..=9).contains(&logged.len()), "{logged:?}");
}

#[tokio::test(start_paused = true)]
async fn in_a_mass_drain_all_that_wait_are_in_progress_and_each_end_is_logged_once() {
    let (mut world, mut hosts) = world_of_hosts(12, 600);
    hosts.sort();
    world.create_service(CLUSTER, Service::new("web", 12, web().deregistration_delay(120))).unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    scene.world(|world| world.terminate_instances(GROUP, &scene.hosts[..6], true).unwrap());
    let notice = scene.sent().into_iter().find(|notice| notice.message.contains(scene.hosts[0].as_str()));
    let (answer, _) = scene.see_through(&notice.unwrap()).await;
    assert_eq!(first(&answer)["outcome"], "completed");

    let in_progress = scene.values("DrainsInProgress");
    assert!((in_progress[0] - 6.0).abs() < 0.1, "{in_progress:?}");
    assert!(in_progress.is_sorted_by(|earlier, later| earlier >= later), "{in_progress:?}");
    assert!(in_progress[in_progress.len() - 1].abs() < 0.1);
    let mut of: Vec<_> = scene
        .documents("DrainSeconds")
        .iter()
        .map(|document| document["ec2InstanceId"].as_str().unwrap().to_owned())
        .collect();
    of.sort();
    let hosts: Vec<_> = scene.hosts[..6].iter().map(|host| host.as_str().to_owned()).collect();
    assert_eq!(of, hosts);
    assert!((scene.values("DrainedTasks").iter().sum::<f64>() - 6.0).abs() < 0.1);
}
