//! A drain that is sent to a cluster which is not its group's completes nothing.

use std::time::Duration;

use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::MessageAttributes;
use fleetkeeper_sim::LifecycleHook;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::sns::SnsMessage;

use crate::scene::{
    CLUSTER, GROUP, Scene, TOPIC, a_host_with, drainer, first, sns_event, two_hosts_with_web, web,
};

/// Hosts with tasks in the cluster `demo`, a second cluster `other`, and a hook with this metadata.
fn scene_of(metadata: Option<&str>, cluster: &str) -> Scene {
    let (mut world, hosts) = two_hosts_with_web();
    world.add_cluster("other");
    if let Some(metadata) = metadata {
        let hook = LifecycleHook::new("drain", TOPIC).heartbeat_timeout(600).metadata(metadata);
        world.put_lifecycle_hook(GROUP, hook).unwrap();
        world.take_outbox();
    }
    Scene::with_settings((world, hosts), &[("ECS_CLUSTER", cluster)])
}

/// Metadata that names the cluster in forms that are not understood.
const NOT_UNDERSTOOD: [&str; 5] = [
    r#"{"clusterName": "demo"}"#,
    r#"{"Cluster": "demo"}"#,
    "demo",
    r#"["demo"]"#,
    r#""{\"cluster\": \"demo\"}""#,
];

#[tokio::test(start_paused = true)]
async fn a_cluster_without_the_instance_and_its_group_is_an_error_that_names_it_and_completes_nothing() {
    for metadata in NOT_UNDERSTOOD.map(Some).into_iter().chain([None, Some(r#"{"cluster": "other"}"#)]) {
        let scene = scene_of(metadata, "other");
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        // Lambda retries twice.
        for _ in 0..3 {
            let error = scene.deliver(&notice).await.unwrap_err();
            assert_eq!(error.kind(), "WrongCluster", "{metadata:?}");
            let text = ErrorChain(&error).to_string();
            for named in
                ["cluster other", "of its group", "ECS_CLUSTER", "NotificationMetadata of hook drain"]
            {
                assert!(text.contains(named), "{text}");
            }
        }
        let took = (scene.aws.world().now() - began).num_seconds();
        assert!((180..=190).contains(&took), "{took} s");
        assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0, "{metadata:?}");
        assert_eq!((scene.ends().len(), scene.killed()), (0, 0), "{metadata:?}");
        assert!(!scene.reasons("DrainErrors", 1.0).is_empty());
        assert!(scene.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_that_is_not_understood_does_not_hold_back_a_drain_whose_instance_is_in_the_cluster() {
    for metadata in NOT_UNDERSTOOD {
        let scene = scene_of(Some(metadata), CLUSTER);
        let (answer, _) = scene.see_through(&scene.terminate(0)).await;
        let reason = &first(&answer)["reason"];
        assert_eq!(reason, "drained: every task on the instance has stopped", "{metadata}");
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_of_another_cluster_completes_nothing() {
    let scene = scene_of(None, "other");
    scene.terminate(0);
    let sweep = serde_json::json!({"sweep": {"cluster": "other", "group": GROUP, "hook": "drain"}});
    for _ in 0..8 {
        let answer = first(&scene.invoke(sweep.clone()).await.unwrap());
        assert_eq!(answer["outcome"], "swept");
        scene.wait(60).await;
    }
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
    assert_eq!(scene.killed(), 0);
    assert!(!scene.reasons("DrainErrors", 1.0).is_empty());
}

/// The only instance of its group is deregistered by hand between two invocations of its drain.
#[tokio::test(start_paused = true)]
async fn an_instance_that_an_earlier_invocation_saw_in_the_cluster_was_in_the_right_one() {
    let mut scene = Scene::new(a_host_with(&[web()], 600));
    scene.timeout = Duration::from_secs(100);
    let answer = first(&scene.deliver(&scene.terminate(0)).await.unwrap());
    assert_eq!(answer["outcome"], "republished");

    scene.world(|world| {
        world.set_container_instance_status(CLUSTER, &scene.hosts[0], "INACTIVE".into()).unwrap();
    });
    let republished = scene.sent().remove(0);
    let seen_in = |cluster: Option<&str>| {
        let attributes = republished.attributes.clone().unwrap();
        let attributes = MessageAttributes { seen_in: cluster.map(|it| it.parse().unwrap()), ..attributes };
        SnsMessage { attributes: Some(attributes), ..republished.clone() }
    };
    for cluster in [None, Some("other")] {
        // In another environment, which remembers nothing.
        let other = drainer(&scene.aws, &[("ECS_CLUSTER", CLUSTER)]);
        let event = sns_event(&[&seen_in(cluster)]);
        let error = other.handle(event, scene.invocation()).await.unwrap_err();
        assert_eq!(error.kind(), "WrongCluster", "{cluster:?}");
    }
    let answer = first(&scene.deliver(&republished).await.unwrap());
    assert_eq!(answer["reason"], "the instance is not in the cluster");
}
