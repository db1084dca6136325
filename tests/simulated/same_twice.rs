//! A message that is delivered twice, late or out of order changes nothing.

use std::time::Duration;

use fleetkeeper_sim::LifecycleHook;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::sns::SnsMessage;
use futures_util::future::join;

use crate::scene::{CLUSTER, GROUP, Scene, TOPIC, first, two_hosts_with_web};

#[tokio::test(start_paused = true)]
async fn two_deliveries_at_once_complete_one_action() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let (one, other) = join(scene.deliver(&notice), scene.deliver(&notice)).await;

    let mut outcomes =
        [one, other].map(|answer| first(&answer.unwrap())["outcome"].as_str().unwrap().to_owned());
    outcomes.sort();
    assert_eq!(outcomes, ["action-gone", "completed"]);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_late_delivery_changes_nothing() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    scene.see_through(&notice).await;
    for seconds in [10, 600, 20_000] {
        scene.wait(seconds).await;
        let before = scene.world(|world| world.history().clone());
        let answer = scene.deliver(&notice).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "action-gone");
        let changed = scene.world(|world| {
            let since = &world.history().entries()[before.entries().len()..];
            let logged = |what: &Occurrence| {
                matches!(what, Occurrence::ApiCalled { .. } | Occurrence::EmbeddedMetricsPut { .. })
            };
            since.iter().any(|entry| !logged(&entry.what))
        });
        assert!(!changed);
    }
    scene.assert_all_drained(1);
}

/// A host whose drain is done and that another hook holds back, set ACTIVE by somebody; and the
/// notice.
async fn drained_and_living_on(variables: &[(&str, &str)]) -> (Scene, SnsMessage) {
    let (mut world, hosts) = two_hosts_with_web();
    world
        .put_lifecycle_hook(
            GROUP,
            LifecycleHook { notification_target_arn: None, ..LifecycleHook::new("other", TOPIC) },
        )
        .unwrap();
    world.take_outbox();
    let scene = Scene::with_settings((world, hosts), variables);
    let notice = scene.terminate(0);
    scene.see_through(&notice).await;
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
    scene.wait(60).await;
    let arn = scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap().arn.0);
    scene.world(|world| world.update_container_instances_state(Some(CLUSTER), &[arn], "ACTIVE").unwrap());
    (scene, notice)
}

#[tokio::test(start_paused = true)]
async fn an_old_notice_whose_action_is_over_does_not_drain_an_instance_that_lives_on() {
    let (scene, notice) = drained_and_living_on(&[("ECS_CLUSTER", CLUSTER)]).await;
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
}

#[tokio::test(start_paused = true)]
async fn nor_does_one_that_comes_after_the_drain_timeout() {
    let short = [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", "100")];
    // Before the hook would have ended by its own timeout, and after.
    for seconds in [10, 2000, 60_000] {
        let (mut scene, notice) = drained_and_living_on(&short).await;
        scene.wait(seconds).await;
        scene.timeout = Duration::from_secs(60);
        let answer = scene.deliver(&notice).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "action-gone");
        assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_one_whose_action_cannot_be_asked_for() {
    let (scene, notice) = drained_and_living_on(&[("ECS_CLUSTER", CLUSTER)]).await;
    let now = scene.aws.world().now();
    let when = When::Between(now, now + chrono::TimeDelta::seconds(120));
    scene.plant(Operation::RecordLifecycleActionHeartbeat, when, Fault::Throttled);
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
}

#[tokio::test(start_paused = true)]
async fn a_publish_whose_answer_was_lost_makes_two_chains_that_end_as_one() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    scene.plant(Operation::Publish, When::Nth(1), Fault::AnswerLost);
    let notice = scene.terminate(0);
    scene.deliver(&notice).await.unwrap();
    let chains = scene.sent();
    assert_eq!(
        chains.iter().map(|message| message.attributes.as_ref().unwrap().attempt).collect::<Vec<_>>(),
        [2, 2]
    );
    let (one, other) = join(scene.deliver(&chains[0]), scene.deliver(&chains[1])).await;
    one.unwrap();
    other.unwrap();
    for republished in scene.sent() {
        scene.see_through(&republished).await;
    }
    scene.assert_all_drained(1);
}
