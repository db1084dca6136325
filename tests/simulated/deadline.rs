//! What is done when a drain's time is up, by each policy.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, World,
};
use futures_util::future::{Either, join, select};

use crate::scene::{
    CLUSTER, GROUP, Scene, TOPIC, a_host_with, first, two_hosts_with, two_hosts_with_web, web,
};

const STOPPED: &str = "the drain's time is up: what was left was stopped";
const LET_GO: &str = "the drain's time is up: let go with what was left";
const GIVEN_UP: &str = "the drain's time is up: given up";
const DRAINED: &str = "drained: every task on the instance has stopped";

/// A standalone task, which ECS never drains.
fn batch() -> TaskDefinition {
    TaskDefinition::new("batch", 256, 256)
}

/// Drains of at most ten minutes.
fn of_ten_minutes(world: (World, Vec<Ec2InstanceId>), policy: &str) -> Scene {
    Scene::with_drain_timeout(world, "600", policy)
}

/// When the tasks were stopped by a call, in seconds since a time.
fn stopped_by_a_call(scene: &Scene, since: DateTime<Utc>) -> Vec<i64> {
    scene.world(|world| {
        let stopping = world.history().entries().iter().filter(|entry| {
            matches!(entry.what, Occurrence::TaskStopping { code: StopCode::UserInitiated, .. })
        });
        stopping.map(|entry| (entry.at - since).num_seconds()).collect()
    })
}

fn killed(scene: &Scene) -> usize {
    scene.world(|world| world.history().killed_tasks().len())
}

/// The only action's end: how, and in which second since a time.
fn end(scene: &Scene, since: DateTime<Utc>) -> (ActionEnd, i64) {
    let ends = scene.ends();
    assert_eq!(ends.len(), 1);
    (ends[0].1, (ends[0].0 - since).num_seconds())
}

#[tokio::test(start_paused = true)]
async fn a_standalone_task_is_stopped_before_the_deadline_and_waited_for() {
    let scene = of_ten_minutes(a_host_with(&[batch()], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
    let stopped = stopped_by_a_call(&scene, began);
    assert_eq!(stopped.len(), 1);
    // The longest stop timeout, 30 s, and 30 s more are kept.
    assert!((540..=546).contains(&stopped[0]), "{stopped:?}");
    assert_eq!(scene.calls(Operation::DescribeTaskDefinition), 1);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_to_be_stopped_it_is_let_go_or_given_up_as_it_is_at_the_deadline() {
    for (policy, reason, result) in
        [("continue", LET_GO, ActionResult::Continue), ("abandon", GIVEN_UP, ActionResult::Abandon)]
    {
        let scene = of_ten_minutes(a_host_with(&[batch()], 600), policy);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let (answer, _) = scene.see_through(&notice).await;

        assert_eq!(
            (&first(&answer)["outcome"], &first(&answer)["reason"]),
            (&"completed".into(), &reason.into())
        );
        let (how, second) = end(&scene, began);
        assert_eq!(how, ActionEnd::Completed(result));
        assert!((600..=606).contains(&second), "{second}");
        assert_eq!(killed(&scene), 1);
        for operation in [Operation::StopTask, Operation::DescribeTaskDefinition] {
            assert_eq!(scene.calls(operation), 0, "{policy} {operation}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_keeps_its_tasks_where_the_group_retains_it() {
    let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
    world.add_cluster(CLUSTER);
    let group = AutoScalingGroup::new(GROUP, InstanceType::new("c5.large", 2048, 3767)).in_cluster(CLUSTER);
    world.add_group(group.retaining_abandoned());
    world.put_lifecycle_hook(GROUP, LifecycleHook::new("drain", TOPIC).heartbeat_timeout(600)).unwrap();
    let host = world.launch_now(GROUP).unwrap();
    world.start_task(CLUSTER, &batch(), &host).unwrap();
    world.advance_seconds(60);
    world.take_outbox();

    let scene = of_ten_minutes((world, vec![host]), "abandon");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;
    assert_eq!(first(&answer)["reason"], GIVEN_UP);
    assert_eq!(end(&scene, began).0, ActionEnd::Completed(ActionResult::Abandon));
    let retained = scene.world(|world| {
        let mut entries = world.history().entries().iter();
        entries.any(|entry| matches!(entry.what, Occurrence::InstanceRetained { .. }))
    });
    assert!(retained);
    assert_eq!(killed(&scene), 0);
    let instance = scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap());
    assert_eq!(instance.running_tasks, 1);

    // A delivery that comes late leaves it alone.
    scene.wait(60).await;
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(killed(&scene), 0);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_of_a_service_that_cannot_be_replaced_are_stopped_and_run_elsewhere() {
    let scene =
        of_ten_minutes(two_hosts_with(Service::new("web", 4, web()).percents(100, 100), 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
    let stopped = stopped_by_a_call(&scene, began);
    assert_eq!(stopped.len(), 2);
    assert!(stopped.iter().all(|second| (540..=546).contains(second)), "{stopped:?}");
    scene.wait(60).await;
    assert!(scene.world(|world| world.is_steady(CLUSTER, "web")));
}

#[tokio::test(start_paused = true)]
async fn a_longer_stop_timeout_is_given_more_time() {
    let slow = batch().stopping(200).stop_timeout(240);
    let scene = of_ten_minutes(a_host_with(&[slow], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
    let stopped = stopped_by_a_call(&scene, began);
    assert!((330..=336).contains(&stopped[0]), "{stopped:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_timeout_longer_than_half_the_drain_has_half_and_no_more() {
    let slow = batch().stopping(1000).stop_timeout(1200);
    let scene = of_ten_minutes(a_host_with(&[slow], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], STOPPED);
    let stopped = stopped_by_a_call(&scene, began);
    assert!((300..=306).contains(&stopped[0]), "{stopped:?}");
    let (how, second) = end(&scene, began);
    assert_eq!(how, ActionEnd::Completed(ActionResult::Continue));
    assert!((600..=612).contains(&second), "{second}");
}

#[tokio::test(start_paused = true)]
async fn tasks_whose_stop_timeout_cannot_be_read_are_given_two_minutes() {
    for fault in [Fault::Refused, Fault::Throttled] {
        let scene = of_ten_minutes(a_host_with(&[batch()], 600), "stop-tasks");
        scene.plant(Operation::DescribeTaskDefinition, When::Always, fault);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let (answer, _) = scene.see_through(&notice).await;

        assert_eq!(first(&answer)["reason"], DRAINED, "{fault:?}");
        scene.assert_all_drained(1);
        let stopped = stopped_by_a_call(&scene, began);
        assert!((450..=456).contains(&stopped[0]), "{stopped:?}");
        assert_eq!(scene.calls(Operation::DescribeTaskDefinition), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_fails_for_a_while_is_tried_again_past_the_deadline_and_waited_for() {
    for fault in [Fault::Throttled, Fault::Unavailable, Fault::AnswerLost] {
        let scene = of_ten_minutes(a_host_with(&[batch().stopping(25)], 600), "stop-tasks");
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let outage = When::Between(began, began + Duration::from_secs(700));
        scene.plant(Operation::StopTask, outage, fault);
        let (answer, _) = scene.see_through(&notice).await;

        assert_eq!(first(&answer)["reason"], DRAINED, "{fault:?}");
        scene.assert_all_drained(1);
        let (_, second) = end(&scene, began);
        assert!(second <= 830, "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_late_is_waited_for_though_the_function_dies_meanwhile() {
    let scene = of_ten_minutes(a_host_with(&[batch().stopping(110).stop_timeout(120)], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let outage = When::Between(began, began + Duration::from_secs(595));
    scene.plant(Operation::StopTask, outage, Fault::Throttled);
    // Killed in the midst of the stop timeout; Lambda tries again a minute later.
    let died = select(Box::pin(scene.deliver(&notice)), Box::pin(scene.wait(660))).await;
    assert!(matches!(died, Either::Right(_)));
    drop(died);
    assert!(stopped_by_a_call(&scene, began)[0] > 600);
    scene.wait(60).await;
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
}

/// Drains of at most five minutes at a hook that lasts an hour, so that a first notice can come late.
fn of_five_minutes(task: &TaskDefinition, policy: &str) -> Scene {
    Scene::with_drain_timeout(a_host_with(std::slice::from_ref(task), 3600), "300", policy)
}

#[tokio::test(start_paused = true)]
async fn a_first_notice_that_comes_after_the_deadline_stops_the_tasks_and_waits_for_them() {
    let scene = of_five_minutes(&batch().stopping(50).stop_timeout(60), "stop-tasks");
    let notice = scene.terminate(0);
    scene.wait(2000).await;
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    assert_eq!(scene.set_draining(), 1);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_let_go_after_the_deadline_before_its_action_is_known_to_be_open_and_its_tasks_are_stopped()
 {
    let scene = of_five_minutes(&batch().stopping(50).stop_timeout(60), "stop-tasks");
    let notice = scene.terminate(0);
    scene.wait(2000).await;
    let now = scene.aws.world().now();
    let outage = When::Between(now, now + Duration::from_secs(100));
    scene.plant(Operation::RecordLifecycleActionHeartbeat, outage, Fault::Throttled);
    let not_known = async {
        scene.wait(99).await;
        assert_eq!((scene.calls(Operation::StopTask), scene.set_draining()), (0, 0));
    };
    let ((answer, _), ()) = join(scene.see_through(&notice), not_known).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn nor_is_a_task_stopped_before_that_on_an_instance_that_drains_already() {
    let scene = of_five_minutes(&batch(), "stop-tasks");
    let notice = scene.terminate(0);
    let arn = scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap().arn.0);
    scene.world(|world| world.update_container_instances_state(Some(CLUSTER), &[arn], "DRAINING").unwrap());
    scene.wait(2000).await;
    let now = scene.aws.world().now();
    let outage = When::Between(now, now + Duration::from_secs(100));
    scene.plant(Operation::RecordLifecycleActionHeartbeat, outage, Fault::Throttled);
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    let stopped = stopped_by_a_call(&scene, now);
    assert!(stopped[0] >= 100, "{stopped:?}");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_misses_the_instance_after_the_deadline_does_not_let_it_go() {
    let scene = of_five_minutes(&batch(), "stop-tasks");
    let notice = scene.terminate(0);
    scene.wait(2000).await;
    scene.plant(Operation::DescribeContainerInstances, When::Nth(2), Fault::Failure { reason: "MISSING" });
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_to_be_stopped_a_late_notice_is_done_at_once() {
    for (policy, result) in [("continue", ActionResult::Continue), ("abandon", ActionResult::Abandon)] {
        let scene = of_five_minutes(&batch(), policy);
        let notice = scene.terminate(0);
        scene.wait(2000).await;
        let now = scene.aws.world().now();
        scene.see_through(&notice).await;
        let (how, second) = end(&scene, now);
        assert_eq!(how, ActionEnd::Completed(result));
        assert!(second <= 1, "{second}");
        assert_eq!(scene.set_draining(), 0);
    }
}

/// All of ECS fails from the 200th second of a drain of ten minutes on, until after its hook's end.
fn ecs_is_down(scene: &Scene, fault: Fault) {
    let now = scene.aws.world().now();
    let outage = When::Between(now + Duration::from_secs(200), now + Duration::from_secs(5000));
    for operation in [
        Operation::ListContainerInstances,
        Operation::DescribeContainerInstances,
        Operation::ListTasks,
        Operation::DescribeTasks,
        Operation::StopTask,
    ] {
        scene.plant(operation, outage, fault);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_to_be_stopped_an_outage_of_ecs_does_not_hold_back_the_deadline() {
    for (policy, fault) in
        [("continue", Fault::Unavailable), ("abandon", Fault::Unavailable), ("continue", Fault::Hang)]
    {
        let scene = of_ten_minutes(a_host_with(&[batch()], 600), policy);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        ecs_is_down(&scene, fault);
        let answer = scene.deliver(&notice).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "completed", "{policy}");
        let (how, second) = end(&scene, began);
        assert!(matches!(how, ActionEnd::Completed(_)));
        // The tries are a minute apart by then, and one that does not answer takes a minute.
        assert!((600..=721).contains(&second), "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_tasks_are_to_be_stopped_an_outage_of_ecs_leaves_the_end_to_the_hook() {
    let scene = of_ten_minutes(a_host_with(&[batch()], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    ecs_is_down(&scene, Fault::Unavailable);
    let (first_try, ()) = join(scene.deliver(&notice), scene.wait(1300)).await;
    assert_eq!(first_try.unwrap_err().kind(), "DrainFailed");
    // Lambda's second and third try.
    for _ in 0..2 {
        let _ = scene.deliver(&notice).await;
    }
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
    let (how, second) = end(&scene, began);
    assert_eq!(how, ActionEnd::Expired(ActionResult::Continue));
    // No heartbeat has been recorded past the deadline.
    assert!(second <= 1200, "{second}");
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_before_an_outage_of_ecs_ends_no_drain_in_which_tasks_were_stopped() {
    let slow = batch().stopping(1000).stop_timeout(1000);
    let scene = of_ten_minutes(a_host_with(&[slow], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    // The tasks are stopped halfway, and the last look that works sees them stop.
    let outage = When::Between(began + Duration::from_secs(560), began + Duration::from_secs(5000));
    for operation in [
        Operation::ListContainerInstances,
        Operation::DescribeContainerInstances,
        Operation::ListTasks,
        Operation::DescribeTasks,
    ] {
        scene.plant(operation, outage, Fault::Unavailable);
    }
    scene.deliver(&notice).await.unwrap_err();
    assert_eq!(scene.calls(Operation::StopTask), 1);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_come_to_run_after_the_first_were_stopped_are_stopped_too() {
    let scene = of_ten_minutes(a_host_with(&[batch()], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let another = async {
        scene.wait(543).await;
        scene.world(|world| {
            // ECS had placed it before the instance was set DRAINING, and tells of it late.
            let arn = world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap().arn.0;
            let arn = [arn];
            world.update_container_instances_state(Some(CLUSTER), &arn, "ACTIVE").unwrap();
            world.start_task(CLUSTER, &batch().stopping(60).stop_timeout(60), &scene.hosts[0]).unwrap();
            world.update_container_instances_state(Some(CLUSTER), &arn, "DRAINING").unwrap();
        });
    };
    let ((answer, _), ()) = join(scene.see_through(&notice), another).await;
    assert_eq!(first(&answer)["reason"], DRAINED);
    assert_eq!(stopped_by_a_call(&scene, began).len(), 2);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_goes_well_plans_nothing_and_stops_nothing() {
    let scene = of_ten_minutes(two_hosts_with_web(), "stop-tasks");
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
    for operation in [Operation::StopTask, Operation::DescribeTaskDefinition] {
        assert_eq!(scene.calls(operation), 0, "{operation}");
    }
}
