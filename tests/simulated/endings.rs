//! How a drain ends where its action ends otherwise than by its own completion.

use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::ActionEnd;
use fleetkeeper_sim::{ActionResult, Service};
use futures_util::future::join;

use crate::scene::{GROUP, Scene, first, two_hosts_with, two_hosts_with_web, web};

const DRAINED: &str = "drained: every task on the instance has stopped";

/// Hosts whose tasks take 300 s to stop, and a hook of two minutes.
/// After how many seconds a drain ends, what it waits for then, and how it ends.
type Way = (u64, &'static str, fn(&Scene));

fn slow_to_stop() -> Scene {
    Scene::new(two_hosts_with(Service::new("web", 4, web().deregistration_delay(300)), 120))
}

#[tokio::test(start_paused = true)]
async fn heartbeats_that_fail_are_an_error_before_the_hook_runs_out_and_end_the_drain_then() {
    for fault in [Fault::Refused, Fault::Throttled] {
        let scene = slow_to_stop();
        scene.plant(Operation::RecordLifecycleActionHeartbeat, When::Always, fault);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let warned = async {
            // Half of the hook's heartbeat timeout, and a retry.
            scene.wait(75).await;
            let reasons = scene.reasons("DrainErrors", 1.0);
            assert_eq!(reasons.len(), 1, "{fault:?}");
            assert!(reasons[0].contains("heartbeats fail"), "{reasons:?}");
        };
        let (answer, ()) = join(scene.deliver(&notice), warned).await;
        answer.unwrap();
        assert!((scene.aws.world().now() - began).num_seconds() <= 140);
        let ends: Vec<_> = scene.ends().into_iter().map(|(_, end)| end).collect();
        assert_eq!(ends, [ActionEnd::Expired(ActionResult::Continue)]);
        assert!(scene.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_whose_tasks_were_killed_by_the_end_of_their_instance_is_cut_short() {
    let ends: [Way; 3] = [
        // The hook runs out.
        (60, "tasks stopping: 2", |scene| {
            scene.plant(Operation::RecordLifecycleActionHeartbeat, When::Always, Fault::Throttled);
        }),
        // EC2 loses the instance. Of tasks that were stopping just then ECS does not say how they
        // ended.
        (5, "tasks running: 2", |scene| {
            scene.world(|world| world.lose_instance(GROUP, &scene.hosts[0]).unwrap());
        }),
        // Somebody deletes the group.
        (60, "tasks stopping: 2", |scene| {
            scene.world(|world| world.delete_group_by_force(GROUP).unwrap());
        }),
    ];
    for (way, (seconds, waited_for, end)) in ends.into_iter().enumerate() {
        let scene = slow_to_stop();
        let notice = scene.terminate(0);
        let ends = async {
            scene.wait(seconds).await;
            end(&scene);
        };
        let (answer, ()) = join(scene.deliver(&notice), ends).await;
        assert!(scene.killed() >= 2, "{way}");
        let answer = first(&answer.unwrap());
        assert_eq!((&answer["outcome"], &answer["unfinished"]), (&"cut-short".into(), &2.into()), "{way}");
        assert_eq!(scene.values("DrainCutShort"), [1.0], "{way}");
        let reasons = scene.reasons("DrainCutShort", 1.0);
        assert!(reasons[0].contains(waited_for), "{way}: {reasons:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_no_action_is_active_ends_no_drain_whose_instance_the_group_shows_waiting() {
    for times in [1, 2, 5] {
        for operation in [Operation::RecordLifecycleActionHeartbeat, Operation::CompleteLifecycleAction] {
            let slow = web().deregistration_delay(120);
            let scene = Scene::new(two_hosts_with(Service::new("web", 4, slow), 60));
            scene.plant(operation, When::First(times), Fault::NoActiveAction);
            let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;
            let answer = first(&answer);
            assert_eq!(
                (&answer["outcome"], &answer["reason"], invocations),
                (&"completed".into(), &DRAINED.into(), 1),
                "{operation} {times}"
            );
            scene.assert_all_drained(1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_deleted_by_force_ends_its_drains_at_once_and_without_an_error() {
    // With a heartbeat that shows it soon, and with one that is due much later.
    for (heartbeat, most) in [(30, 15), (900, 65)] {
        let slow = web().deregistration_delay(300);
        let scene = Scene::new(two_hosts_with(Service::new("web", 4, slow), heartbeat));
        let notice = scene.terminate(0);
        let deleted = async {
            scene.wait(60).await;
            scene.world(|world| world.delete_group_by_force(GROUP).unwrap());
            scene.aws.world().now()
        };
        let (answer, at) = join(scene.deliver(&notice), deleted).await;
        assert_ne!(first(&answer.unwrap())["outcome"], "completed");
        let took = (scene.aws.world().now() - at).num_seconds();
        assert!(took <= most, "{heartbeat}: {took} s");
        assert!(scene.reasons("DrainErrors", 1.0).is_empty());
        assert!(scene.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_notice_of_a_group_that_is_gone_ends_at_once_and_without_an_error() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    scene.world(|world| world.delete_group_by_force(GROUP).unwrap());
    let began = scene.aws.world().now();
    let answer = first(&scene.deliver(&notice).await.unwrap());
    assert_eq!(answer["outcome"], "action-gone");
    assert!((scene.aws.world().now() - began).num_seconds() <= 2);
    assert!(scene.reasons("DrainErrors", 1.0).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_invocation_ends_within_seconds_of_its_drain_though_the_group_cannot_be_read() {
    for fault in [Fault::Throttled, Fault::Refused, Fault::Hang] {
        let scene = Scene::with_drain_timeout(two_hosts_with_web(), "86400", "stop-tasks");
        scene.plant(Operation::DescribeAutoScalingGroups, When::Always, fault);
        let notice = scene.terminate(0);
        let (answer, invocations) = scene.see_through(&notice).await;
        assert_eq!((&first(&answer)["reason"], invocations), (&DRAINED.into(), 1), "{fault:?}");
        let lingered = (scene.aws.world().now() - scene.ends()[0].0).num_seconds();
        assert!(lingered <= 15, "{fault:?}: {lingered} s");
        scene.assert_all_drained(1);
    }
}
