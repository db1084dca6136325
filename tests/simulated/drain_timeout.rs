//! The effect of each policy at the drain timeout.

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

const STOPPED: &str = "drain timeout: the remaining tasks were stopped";
const CONTINUED: &str = "drain timeout: continued with the remaining tasks";
const ABANDONED: &str = "drain timeout: abandoned";

/// A standalone task, which ECS never drains.
fn batch() -> TaskDefinition {
    TaskDefinition::new("batch", 256, 256)
}

/// A drain timeout of ten minutes.
fn of_ten_minutes(world: (World, Vec<Ec2InstanceId>), policy: &str) -> Scene {
    Scene::with_drain_timeout(world, "600", policy)
}

/// When `StopTask` stopped each task, in seconds since a time.
fn stopped_by_a_call(scene: &Scene, since: DateTime<Utc>) -> Vec<i64> {
    scene.world(|world| {
        let stopping = world.history().entries().iter().filter(|entry| {
            matches!(entry.what, Occurrence::TaskStopping { code: StopCode::UserInitiated, .. })
        });
        stopping.map(|entry| (entry.at - since).num_seconds()).collect()
    })
}

/// The only action's end: how, and in which second since a time.
fn end(scene: &Scene, since: DateTime<Utc>) -> (ActionEnd, i64) {
    let ends = scene.ends();
    assert_eq!(ends.len(), 1);
    (ends[0].1, (ends[0].0 - since).num_seconds())
}

#[tokio::test(start_paused = true)]
async fn a_standalone_task_is_stopped_at_the_drain_timeout_and_waited_for() {
    let scene = of_ten_minutes(a_host_with(&[batch()], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], STOPPED);
    scene.assert_all_drained(1);
    let stopped = stopped_by_a_call(&scene, began);
    assert_eq!(stopped.len(), 1);
    assert!((600..=601).contains(&stopped[0]), "{stopped:?}");
    // Each task has its stop timeout, whatever that is.
    assert_eq!(scene.calls(Operation::DescribeTaskDefinition), 0);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_stops_nothing_completes_the_hook_at_the_drain_timeout() {
    for (policy, reason, result) in
        [("continue", CONTINUED, ActionResult::Continue), ("abandon", ABANDONED, ActionResult::Abandon)]
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
        assert!((600..=601).contains(&second), "{second}");
        assert_eq!(scene.killed(), 1);
        for operation in [Operation::StopTask, Operation::DescribeTaskDefinition] {
            assert_eq!(scene.calls(operation), 0, "{policy} {operation}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_instance_keeps_its_tasks_where_the_group_retains_it() {
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
    assert_eq!(first(&answer)["reason"], ABANDONED);
    assert_eq!(end(&scene, began).0, ActionEnd::Completed(ActionResult::Abandon));
    let retained = scene.world(|world| {
        let mut entries = world.history().entries().iter();
        entries.any(|entry| matches!(entry.what, Occurrence::InstanceRetained { .. }))
    });
    assert!(retained);
    assert_eq!(scene.killed(), 0);
    let instance = scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap());
    assert_eq!(instance.running_tasks, 1);

    // A late delivery leaves it alone.
    scene.wait(60).await;
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(scene.killed(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_of_a_service_that_cannot_be_replaced_are_stopped_and_run_elsewhere() {
    let scene =
        of_ten_minutes(two_hosts_with(Service::new("web", 4, web()).percents(100, 100), 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], STOPPED);
    scene.assert_all_drained(1);
    let stopped = stopped_by_a_call(&scene, began);
    assert_eq!(stopped.len(), 2);
    assert!(stopped.iter().all(|second| (600..=601).contains(second)), "{stopped:?}");
    scene.wait(60).await;
    assert!(scene.world(|world| world.is_steady(CLUSTER, "web")));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_is_waited_for_past_the_drain_timeout_however_long_it_takes() {
    for seconds in [200, 240, 1000, 1200] {
        let slow = batch().stopping(seconds).stop_timeout(seconds + 100);
        let scene = of_ten_minutes(a_host_with(&[slow], 600), "stop-tasks");
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        scene.see_through(&notice).await;

        scene.assert_all_drained(1);
        let stopped = stopped_by_a_call(&scene, began);
        assert_eq!(stopped.len(), 1);
        assert!((600..=601).contains(&stopped[0]), "{stopped:?}");
        let (how, second) = end(&scene, began);
        assert_eq!(how, ActionEnd::Completed(ActionResult::Continue));
        let stops = 600 + i64::from(seconds);
        assert!((stops..=stops + 5).contains(&second), "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_invocation_reports_that_tasks_were_stopped_too() {
    let slow = batch().stopping(1000).stop_timeout(1000);
    let scene = of_ten_minutes(a_host_with(&[slow], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let (answer, invocations) = scene.see_through(&notice).await;
    assert!(invocations > 1);
    assert_eq!(first(&answer)["reason"], STOPPED);
    assert_eq!(scene.values("DrainDeadlineExceeded"), [1.0]);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn where_the_hook_ends_first_tasks_are_stopped_450_s_before_its_last_half_minute() {
    // The hook ends after 100 heartbeat timeouts of 30 s.
    for (seconds, killed) in [(300, 0), (440, 0), (1000, 1)] {
        let slow = batch().stopping(seconds).stop_timeout(seconds);
        let scene = Scene::with_drain_timeout(a_host_with(&[slow], 30), "3600", "stop-tasks");
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        scene.see_through(&notice).await;

        let stopped = stopped_by_a_call(&scene, began);
        assert_eq!(stopped.len(), 1);
        assert!((2520..=2521).contains(&stopped[0]), "{stopped:?}");
        let (how, second) = end(&scene, began);
        assert_eq!(how, ActionEnd::Completed(ActionResult::Continue));
        let stops = (2520 + i64::from(seconds)).min(2970);
        assert!((stops..=stops + 5).contains(&second), "{second}");
        assert_eq!(scene.killed(), killed, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_fails_for_a_while_is_retried_past_the_drain_timeout_and_waited_for() {
    for fault in [Fault::Throttled, Fault::Unavailable, Fault::AnswerLost] {
        let scene = of_ten_minutes(a_host_with(&[batch().stopping(25)], 600), "stop-tasks");
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let outage = When::Between(began, began + Duration::from_secs(700));
        scene.plant(Operation::StopTask, outage, fault);
        let (answer, _) = scene.see_through(&notice).await;

        assert_eq!(first(&answer)["reason"], STOPPED, "{fault:?}");
        scene.assert_all_drained(1);
        let (_, second) = end(&scene, began);
        assert!(second <= 830, "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_is_waited_for_though_the_function_dies_meanwhile() {
    let scene = of_ten_minutes(a_host_with(&[batch().stopping(110).stop_timeout(120)], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    // Killed in the midst of the stop timeout; Lambda retries a minute later.
    let died = select(Box::pin(scene.deliver(&notice)), Box::pin(scene.wait(660))).await;
    assert!(matches!(died, Either::Right(_)));
    drop(died);
    let stopped = stopped_by_a_call(&scene, began);
    assert!((600..=601).contains(&stopped[0]), "{stopped:?}");
    scene.wait(30).await;
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["outcome"], "completed");
    scene.assert_all_drained(1);
    let (_, second) = end(&scene, began);
    assert!((710..=720).contains(&second), "{second}");
}

/// A drain timeout of five minutes at a hook that lasts an hour, so that a first notice can come
/// late.
fn of_five_minutes(task: &TaskDefinition, policy: &str) -> Scene {
    Scene::with_drain_timeout(a_host_with(std::slice::from_ref(task), 3600), "300", policy)
}

#[tokio::test(start_paused = true)]
async fn a_first_notice_that_comes_after_the_drain_timeout_stops_the_tasks_and_waits_for_them() {
    let scene = of_five_minutes(&batch().stopping(50).stop_timeout(60), "stop-tasks");
    let notice = scene.terminate(0);
    scene.wait(2000).await;
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], STOPPED);
    assert_eq!(scene.set_draining(), 1);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_had_stopped_before_a_late_notice_are_not_stopped_again() {
    let scene = of_five_minutes(&batch().running_for(400), "stop-tasks");
    let notice = scene.terminate(0);
    scene.wait(2000).await;
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped");
    assert_eq!(scene.calls(Operation::StopTask), 0);
    assert_eq!(scene.values("DrainDeadlineExceeded"), [0.0]);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stopped_or_completed_before_a_late_notices_action_is_known_to_be_open() {
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

    assert_eq!(first(&answer)["reason"], STOPPED);
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

    assert_eq!(first(&answer)["reason"], STOPPED);
    let stopped = stopped_by_a_call(&scene, now);
    assert!(stopped[0] >= 100, "{stopped:?}");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_misses_the_instance_after_the_drain_timeout_completes_nothing() {
    let scene = of_five_minutes(&batch(), "stop-tasks");
    let notice = scene.terminate(0);
    scene.wait(2000).await;
    scene.plant(Operation::DescribeContainerInstances, When::Nth(1), Fault::Failure { reason: "MISSING" });
    let (answer, _) = scene.see_through(&notice).await;

    assert!(scene.calls(Operation::DescribeContainerInstances) > 1);
    assert_eq!(first(&answer)["reason"], STOPPED);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_stops_nothing_completes_the_hook_of_a_late_notice_at_once() {
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

const CALLS_ON_ECS: [Operation; 5] = [
    Operation::ListContainerInstances,
    Operation::DescribeContainerInstances,
    Operation::ListTasks,
    Operation::DescribeTasks,
    Operation::StopTask,
];

/// All of ECS fails from one second of the drain to another.
fn ecs_is_down(scene: &Scene, fault: Fault, from: u64, until: u64) {
    let now = scene.aws.world().now();
    let outage = When::Between(now + Duration::from_secs(from), now + Duration::from_secs(until));
    for operation in CALLS_ON_ECS {
        scene.plant(operation, outage, fault);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ecs_does_not_hold_back_a_policy_that_stops_nothing() {
    for (policy, fault) in
        [("continue", Fault::Unavailable), ("abandon", Fault::Unavailable), ("continue", Fault::Hang)]
    {
        let scene = of_ten_minutes(a_host_with(&[batch()], 600), policy);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        ecs_is_down(&scene, fault, 200, 5000);
        let answer = scene.deliver(&notice).await.unwrap();
        assert_eq!(first(&answer)["outcome"], "completed", "{policy}");
        let (how, second) = end(&scene, began);
        assert!(matches!(how, ActionEnd::Completed(_)));
        // A call that does not answer is given up after ten seconds.
        assert!((600..=611).contains(&second), "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ecs_completes_no_hook_whose_tasks_could_not_be_stopped() {
    let scene = of_ten_minutes(a_host_with(&[batch()], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    ecs_is_down(&scene, Fault::Unavailable, 200, 5000);
    let during = async {
        scene.wait(4999).await;
        assert!(stopped_by_a_call(&scene, began).is_empty());
        assert_eq!((scene.calls(Operation::CompleteLifecycleAction), scene.ends().len()), (0, 0));
        // One for each invocation that ended meanwhile.
        assert_eq!(scene.reasons("DrainErrors", 1.0).len(), 5);
    };
    let ((answer, invocations), ()) = join(scene.see_through(&notice), during).await;
    assert_eq!((&first(&answer)["reason"], invocations), (&STOPPED.into(), 6));
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn stopping_tasks_that_cannot_be_polled_any_more_complete_no_hook() {
    let slow = batch().stopping(1000).stop_timeout(1000);
    let scene = of_ten_minutes(a_host_with(&[slow], 600), "stop-tasks");
    let notice = scene.terminate(0);
    // The last poll that works sees the tasks stop.
    ecs_is_down(&scene, Fault::Unavailable, 610, 5000);
    let answer = first(&scene.deliver(&notice).await.unwrap());
    assert_eq!(
        (&answer["outcome"], &answer["waitingFor"]),
        (&"republished".into(), &"tasks stopping: 1".into())
    );
    assert_eq!(scene.calls(Operation::StopTask), 1);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
    assert_eq!(scene.values("DrainErrors"), [1.0]);
    scene.see_through(&scene.sent().remove(0)).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_begin_to_run_after_the_first_were_stopped_are_stopped_too() {
    let scene = of_ten_minutes(a_host_with(&[batch()], 600), "stop-tasks");
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let another = async {
        scene.wait(603).await;
        scene.world(|world| {
            // ECS had placed it before the instance was set DRAINING, and shows it late.
            let arn = world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap().arn.0;
            let arn = [arn];
            world.update_container_instances_state(Some(CLUSTER), &arn, "ACTIVE").unwrap();
            world.start_task(CLUSTER, &batch().stopping(60).stop_timeout(60), &scene.hosts[0]).unwrap();
            world.update_container_instances_state(Some(CLUSTER), &arn, "DRAINING").unwrap();
        });
    };
    let ((answer, _), ()) = join(scene.see_through(&notice), another).await;
    assert_eq!(first(&answer)["reason"], STOPPED);
    assert_eq!(stopped_by_a_call(&scene, began).len(), 2);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_ends_in_time_stops_nothing() {
    let scene = of_ten_minutes(two_hosts_with_web(), "stop-tasks");
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
    for operation in [Operation::StopTask, Operation::DescribeTaskDefinition] {
        assert_eq!(scene.calls(operation), 0, "{operation}");
    }
}
