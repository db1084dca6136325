//! Every hook ends.

use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::ActionEnd;
use fleetkeeper_sim::{ActionResult, Service, TaskDefinition};
use futures_util::future::join;

use crate::scene::{CLUSTER, Scene, first, two_hosts_with, two_hosts_with_web, web, world_of_hosts};

#[tokio::test(start_paused = true)]
async fn the_hook_of_an_instance_that_ecs_cannot_drain_is_completed_after_the_drain_timeout() {
    // A standalone task that never ends: ECS does not touch it, and the drainer stops it. Where the
    // agent is not connected it will never be seen STOPPED, and is given 450 s.
    for (agent_connected, lasts) in [(true, 1810..=1815), (false, 2250..=2255)] {
        let (mut world, hosts) = world_of_hosts(1, 600);
        world.start_task(CLUSTER, &TaskDefinition::new("batch", 256, 256), &hosts[0]).unwrap();
        world.advance_seconds(60);
        world.set_agent_connected(CLUSTER, &hosts[0], agent_connected).unwrap();
        world.take_outbox();
        let variables = [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", "1800")];
        let scene = Scene::with_settings((world, hosts), &variables);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let (answer, invocations) = scene.see_through(&notice).await;

        assert_eq!(first(&answer)["reason"], "drain timeout: the remaining tasks were stopped");
        assert!(invocations <= 3);
        assert_eq!(scene.calls(Operation::StopTask), 1);
        let ends = scene.ends();
        assert_eq!(ends[0].1, ActionEnd::Completed(ActionResult::Continue));
        let lasted = (ends[0].0 - began).num_seconds();
        assert!(lasts.contains(&lasted), "{lasted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_stays_missing_holds_its_hook_until_450_s_after_the_drain_timeout() {
    let scene = Scene::new(two_hosts_with_web());
    scene.plant(Operation::DescribeTasks, When::Always, Fault::Failure { reason: "MISSING" });
    let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;
    // ECS shows a stopped task for an hour.
    assert_eq!((&first(&answer)["outcome"], invocations), (&"completed".into(), 5));
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_was_deleted_meanwhile_cuts_the_drain_short() {
    let scene = Scene::new(two_hosts_with_web());
    let mut notice = scene.terminate(0);
    notice.message = notice.message.replace(r#""drain""#, r#""deleted""#);
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!((&first(&answer)["outcome"], &first(&answer)["unfinished"]), (&"cut-short".into(), &2.into()));
    assert_eq!(scene.values("DrainCutShort"), [1.0]);
    assert_eq!(scene.calls(Operation::DescribeLifecycleHooks), 1);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
}

#[tokio::test(start_paused = true)]
async fn the_hook_of_an_instance_that_is_deregistered_meanwhile_is_completed_within_five_minutes() {
    // However far apart the polls are, and though its tasks are polled all the same.
    for poll in ["5", "60", "61"] {
        let slow = web().deregistration_delay(300);
        let variables = [("ECS_CLUSTER", CLUSTER), ("POLL_INTERVAL_SECONDS", poll)];
        let scene = Scene::with_settings(two_hosts_with(Service::new("web", 4, slow), 600), &variables);
        let notice = scene.terminate(0);
        let deregistered = async {
            scene.wait(200).await;
            let status = ContainerInstanceStatus::Inactive;
            scene.world(|world| {
                world.set_container_instance_status(CLUSTER, &scene.hosts[0], status).unwrap();
            });
            scene.aws.world().now()
        };
        let ((answer, _), at) = join(scene.see_through(&notice), deregistered).await;
        assert_eq!(first(&answer)["reason"], "the instance is not in the cluster");
        let took = (scene.ends()[0].0 - at).num_seconds();
        assert!(took <= 300 + 2 * poll.parse::<i64>().unwrap(), "{took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn polls_a_minute_apart_see_the_tasks_stop() {
    for poll in ["59", "60", "61"] {
        let variables = [("ECS_CLUSTER", CLUSTER), ("POLL_INTERVAL_SECONDS", poll)];
        let slow = web().deregistration_delay(120);
        let scene = Scene::with_settings(two_hosts_with(Service::new("web", 4, slow), 600), &variables);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        scene.see_through(&notice).await;
        scene.assert_all_drained(1);
        let took = (scene.ends()[0].0 - began).num_seconds();
        assert!(took < 160 + 5 * 61, "{took} s");
    }
}
