//! Every hook ends.

use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::ActionEnd;
use fleetkeeper_sim::{ActionResult, TaskDefinition};

use crate::scene::{CLUSTER, Scene, first, two_hosts_with_web, world_of_hosts};

#[tokio::test(start_paused = true)]
async fn one_that_ecs_cannot_drain_ends_with_its_hook() {
    // A standalone task that never ends: ECS does not touch it, and past the drain's time no heartbeat keeps the hook.
    // Where the agent is connected, ECS deregisters the instance with its end; where it is not, the entry stays.
    for (agent_connected, outcome) in [(true, "action-gone"), (false, "hook-timed-out")] {
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

        assert_eq!(first(&answer)["outcome"], outcome);
        assert_eq!(invocations, 3);
        let ends = scene.ends();
        assert_eq!(ends[0].1, ActionEnd::Expired(ActionResult::Continue));
        let lasted = (ends[0].0 - began).num_seconds();
        assert!((1800..=2400).contains(&lasted), "{lasted}");
        assert!((scene.aws.world().now() - ends[0].0).num_seconds() <= 600);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_stays_missing_is_gone_once_it_is_no_longer_listed() {
    let scene = Scene::new(two_hosts_with_web());
    scene.plant(Operation::DescribeTasks, When::Always, Fault::Failure { reason: "MISSING" });
    let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;
    // ECS tells of a stopped task for an hour.
    assert_eq!((&first(&answer)["outcome"], invocations), (&"completed".into(), 5));
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_was_deleted_meanwhile_ends_the_drain() {
    let scene = Scene::new(two_hosts_with_web());
    let mut notice = scene.terminate(0);
    notice.message = notice.message.replace(r#""drain""#, r#""deleted""#);
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(scene.calls(Operation::DescribeLifecycleHooks), 1);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
}
