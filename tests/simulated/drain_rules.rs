//! What must always hold of a drain.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_sim::{ActionResult, LifecycleHook, Service, TaskDefinition};
use futures_util::future::join;

use crate::scene::{
    CLUSTER, GROUP, LONGEST, Scene, TOPIC, first, two_hosts_with, two_hosts_with_one_task,
    two_hosts_with_web, web, world_of_hosts,
};

#[tokio::test(start_paused = true)]
async fn no_early_kill_the_hook_is_completed_after_the_last_task_has_stopped() {
    let scene = Scene::new(two_hosts_with_web());
    let (answer, _) = scene.see_through(&scene.terminate(0)).await;

    assert_eq!(first(&answer)["outcome"], "completed");
    assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped");
    scene.assert_all_drained(1);
    let stopped: Vec<_> = scene.world(|world| {
        let stopped =
            world.history().entries().iter().filter(|entry| {
                matches!(entry.what, Occurrence::TaskStatus { status: LastStatus::Stopped, .. })
            });
        stopped.map(|entry| entry.at).collect()
    });
    assert_eq!(stopped.len(), 2);
    assert!(stopped.iter().all(|at| *at < scene.ends()[0].0));
}

#[tokio::test(start_paused = true)]
async fn no_early_kill_tasks_in_their_deregistration_delay_hold_the_hook_though_no_count_shows_them() {
    let slow = web().deregistration_delay(300).deprovisioning(20);
    let scene = Scene::new(two_hosts_with(Service::new("web", 2, slow), 600));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["outcome"], "completed");
    scene.assert_all_drained(1);
    assert!((scene.ends()[0].0 - began).num_seconds() > 330);
}

#[tokio::test(start_paused = true)]
async fn no_stuck_instance_one_that_ecs_cannot_drain_ends_with_its_hook() {
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
async fn no_lost_drain_time_that_is_up_republishes_and_the_next_invocation_goes_on() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;

    assert!(invocations > 2, "{invocations}");
    assert_eq!(first(&answer)["outcome"], "completed");
    assert_eq!(first(&answer)["attempt"], invocations);
    let attempts: Vec<_> = scene.world(|world| world.published().iter().map(|it| it.attempt).collect());
    assert_eq!(attempts, (2..=invocations).collect::<Vec<_>>());
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn no_lost_drain_wherever_the_function_dies_the_next_delivery_resumes() {
    // In one invocation, and in several: there it may also die before, in and after its publish.
    for (timeout, at_least) in [(LONGEST, 40), (Duration::from_secs(25), 10)] {
        let mut steps = 0;
        loop {
            let mut scene = Scene::new(two_hosts_with_web());
            scene.timeout = timeout;
            let notice = scene.terminate(0);
            let lived = dies_after(steps, scene.deliver(&notice)).await.is_some();
            // Lambda runs a function that died once more, with the same event.
            let (answer, _) = scene.see_through(&notice).await;
            let outcome = first(&answer)["outcome"].clone();
            assert!(outcome == "completed" || outcome == "action-gone", "{steps}: {outcome}");
            scene.assert_all_drained(1);
            if lived {
                assert!(steps > at_least, "{steps}");
                break;
            }
            steps += 1;
        }
    }
}

/// Lets `function` go on so many times from where it waits to where it waits next, and then drops it.
async fn dies_after<T>(steps: u32, function: impl Future<Output = T>) -> Option<T> {
    let mut function = pin!(function);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        function.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn no_lost_drain_a_message_that_cannot_be_republished_is_an_error() {
    for fault in [Fault::Unavailable, Fault::Refused, Fault::Hang] {
        let mut scene = Scene::new(two_hosts_with_web());
        scene.timeout = Duration::from_secs(25);
        scene.plant(Operation::Publish, When::Always, fault);
        let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();

        assert_eq!(error.kind(), "HandOnFailed");
        assert!(scene.calls(Operation::Publish) > 2, "{fault:?}");
        assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn no_lost_drain_a_publish_that_fails_is_tried_again() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    scene.plant(Operation::Publish, When::First(3), Fault::Throttled);
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn same_twice_two_deliveries_at_once_complete_one_action() {
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
async fn same_twice_a_late_delivery_changes_nothing() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    scene.see_through(&notice).await;
    for seconds in [10, 600, 20_000] {
        scene.wait(seconds).await;
        let before = scene.world(|world| world.history().clone());
        let answer = scene.deliver(&notice).await.unwrap();
        let outcome = first(&answer)["outcome"].clone();
        assert!(outcome == "action-gone" || outcome == "hook-timed-out", "{outcome}");
        let changed = scene.world(|world| {
            let since = &world.history().entries()[before.entries().len()..];
            since.iter().any(|entry| !matches!(entry.what, Occurrence::ApiCalled { .. }))
        });
        assert!(!changed);
    }
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn every_instance_counts_in_a_cluster_of_250_the_right_one_is_drained_with_few_reads() {
    let (mut world, hosts) = world_of_hosts(250, 600);
    world.create_service(CLUSTER, Service::new("web", 500, web())).unwrap();
    world.advance_seconds(120);
    assert!(world.is_steady(CLUSTER, "web"));
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    scene.see_through(&scene.terminate(137)).await;

    scene.assert_all_drained(1);
    assert_eq!(scene.set_draining(), 1);
    // All that one drain of 42 s asks of AWS, whatever the cluster's size.
    let calls = scene.world(|world| world.history().api_calls());
    let calls: Vec<_> = calls.into_iter().map(|(operation, count)| (operation.name(), count)).collect();
    let expected = [
        ("ecs:ListContainerInstances", 2),
        ("ecs:DescribeContainerInstances", 6),
        ("ecs:UpdateContainerInstancesState", 1),
        ("ecs:ListTasks", 4),
        ("ecs:DescribeTasks", 10),
        ("autoscaling:DescribeLifecycleHooks", 1),
        ("autoscaling:CompleteLifecycleAction", 1),
    ];
    assert_eq!(calls, expected);
}

#[tokio::test(start_paused = true)]
async fn every_instance_counts_tasks_on_every_page_are_waited_for() {
    let (mut world, hosts) = world_of_hosts(2, 600);
    world.set_page_limit(2);
    let tiny = TaskDefinition::new("tiny", 64, 64).pending(1).healthy_after(1).stopping(40);
    world.create_service(CLUSTER, Service::new("tiny", 20, tiny)).unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    scene.see_through(&scene.terminate(0)).await;

    scene.assert_all_drained(1);
    assert!(scene.calls(Operation::ListTasks) >= 10);
}

#[tokio::test(start_paused = true)]
async fn within_the_bucket_a_wait_costs_one_read_a_poll() {
    let slow = web().deregistration_delay(300);
    let scene = Scene::new(two_hosts_with(Service::new("web", 4, slow), 600));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    scene.see_through(&notice).await;

    let reads = [
        Operation::ListContainerInstances,
        Operation::DescribeContainerInstances,
        Operation::ListTasks,
        Operation::DescribeTasks,
    ];
    let reads: u32 = reads.into_iter().map(|operation| scene.calls(operation)).sum();
    let polls = u32::try_from((scene.ends()[0].0 - began).num_seconds() / 5).unwrap();
    assert!(polls > 60);
    // Finding it, confirming that nothing is left, and confirming it again once the last task had stopped.
    assert!(reads <= polls + 10, "{reads} reads in {polls} polls");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn no_early_kill_an_agent_that_registers_anew_during_the_drain_is_drained_too() {
    // The entry that is known has no tasks. The new one is ACTIVE and takes some at once: a look later, or two.
    for seconds in [1, 3, 8] {
        let (mut world, hosts) = world_of_hosts(1, 600);
        world.create_service(CLUSTER, Service::new("web", 0, web())).unwrap();
        world.advance_seconds(10);
        world.take_outbox();
        let variables = [("ECS_CLUSTER", CLUSTER), ("POLL_INTERVAL_SECONDS", "9")];
        let scene = Scene::with_settings((world, hosts), &variables);
        let notice = scene.terminate(0);
        let registers_anew = async {
            scene.wait(seconds).await;
            scene.world(|world| {
                world.register_anew(CLUSTER, &scene.hosts[0]).unwrap();
                world.set_desired_count(CLUSTER, "web", 2).unwrap();
            });
            // Somewhere to go.
            scene.wait(30).await;
            scene.world(|world| world.launch_now(GROUP).unwrap());
        };
        let ((answer, _), ()) = join(scene.see_through(&notice), registers_anew).await;
        assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped", "{seconds}");
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn no_early_kill_a_task_that_is_missing_once_is_looked_at_again() {
    let (world, hosts, host) = two_hosts_with_one_task();
    let scene = Scene::new((world, hosts));
    scene.plant(Operation::DescribeTasks, When::First(1), Fault::Failure { reason: "MISSING" });
    scene.see_through(&scene.terminate(host)).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn no_stuck_instance_a_task_that_stays_missing_is_gone() {
    let scene = Scene::new(two_hosts_with_web());
    scene.plant(Operation::DescribeTasks, When::Always, Fault::Failure { reason: "MISSING" });
    let (answer, invocations) = scene.see_through(&scene.terminate(0)).await;
    assert_eq!((&first(&answer)["outcome"], invocations), (&"completed".into(), 1));
}

#[tokio::test(start_paused = true)]
async fn no_early_kill_an_instance_that_somebody_sets_active_again_is_set_draining_again() {
    for seconds in [4, 12, 30] {
        let scene = Scene::new(two_hosts_with_web());
        let notice = scene.terminate(0);
        let somebody = async {
            scene.wait(seconds).await;
            scene.world(|world| {
                let arn = world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap().arn.0;
                world.update_container_instances_state(Some(CLUSTER), &[arn], "ACTIVE").unwrap();
                world.set_desired_count(CLUSTER, "web", 6).unwrap();
                world.launch_now(GROUP).unwrap();
            });
        };
        let ((answer, _), ()) = join(scene.see_through(&notice), somebody).await;
        assert_eq!(first(&answer)["outcome"], "completed");
        assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 2);
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn same_twice_an_old_notice_whose_action_is_over_does_not_drain_an_instance_that_lives_on() {
    let (mut world, hosts) = two_hosts_with_web();
    // Another hook holds the instance back.
    world
        .put_lifecycle_hook(
            GROUP,
            LifecycleHook { notification_target_arn: None, ..LifecycleHook::new("other", TOPIC) },
        )
        .unwrap();
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    scene.see_through(&notice).await;
    scene.wait(60).await;
    let arn = scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[0]).unwrap().arn.0);
    scene.world(|world| world.update_container_instances_state(Some(CLUSTER), &[arn], "ACTIVE").unwrap());

    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
}

#[tokio::test(start_paused = true)]
async fn same_twice_a_publish_whose_answer_was_lost_makes_two_chains_that_end_as_one() {
    let mut scene = Scene::new(two_hosts_with_web());
    scene.timeout = Duration::from_secs(25);
    scene.plant(Operation::Publish, When::Nth(1), Fault::AnswerLost);
    let notice = scene.terminate(0);
    scene.deliver(&notice).await.unwrap();
    let chains = scene.sent();
    assert_eq!(chains.iter().map(|message| message.attempt).collect::<Vec<_>>(), [Some(2), Some(2)]);
    let (one, other) = join(scene.deliver(&chains[0]), scene.deliver(&chains[1])).await;
    one.unwrap();
    other.unwrap();
    for republished in scene.sent() {
        scene.see_through(&republished).await;
    }
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn every_instance_counts_more_tasks_than_one_call_describes_are_waited_for() {
    let tiny = TaskDefinition::new("tiny", 8, 8).pending(1).healthy_after(1).stopping(40);
    let scene = Scene::new(two_hosts_with(Service::new("tiny", 240, tiny), 600));
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn every_instance_counts_all_entries_of_a_host_are_drained_however_many_and_on_however_many_pages() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    for _ in 0..11 {
        world.advance_seconds(1);
        world.register_anew(CLUSTER, &hosts[0]).unwrap();
    }
    world.create_service(CLUSTER, Service::new("web", 2, web())).unwrap();
    world.advance_seconds(60);
    world.launch_now(GROUP).unwrap();
    world.set_page_limit(5);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    scene.see_through(&scene.terminate(0)).await;

    scene.assert_all_drained(1);
    assert_eq!(scene.set_draining(), 12);
    // Ten in a call.
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 2);
}

#[tokio::test(start_paused = true)]
async fn no_other_instance_is_touched_where_the_filter_is_ignored() {
    let (mut world, hosts) = two_hosts_with_web();
    world.ignore_filters();
    let scene = Scene::new((world, hosts));
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
    let other = scene.world(|world| world.container_instance_of(CLUSTER, &scene.hosts[1]).unwrap());
    assert_eq!(other.status, ContainerInstanceStatus::Active);
}

#[tokio::test(start_paused = true)]
async fn no_stuck_instance_a_hook_that_was_deleted_meanwhile_ends_the_drain() {
    let scene = Scene::new(two_hosts_with_web());
    let mut notice = scene.terminate(0);
    notice.message = notice.message.replace(r#""drain""#, r#""deleted""#);
    let answer = scene.deliver(&notice).await.unwrap();
    assert_eq!(first(&answer)["outcome"], "action-gone");
    assert_eq!(scene.calls(Operation::DescribeLifecycleHooks), 1);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 0);
}
