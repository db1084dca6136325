//! A hook is completed only once every task on its instance has stopped.

use fleetkeeper_sim::Service;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::world::history::Occurrence;
use futures_util::future::join;

use crate::scene::{
    CLUSTER, GROUP, Scene, first, two_hosts_with, two_hosts_with_one_task, two_hosts_with_web, web,
    world_of_hosts,
};

#[tokio::test(start_paused = true)]
async fn the_hook_is_completed_after_the_last_task_has_stopped() {
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
async fn tasks_in_their_deregistration_delay_hold_the_hook_though_no_count_shows_them() {
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
async fn an_agent_that_registers_anew_during_the_drain_is_drained_too() {
    // The known registration has no tasks. The new one is ACTIVE and takes some at once, up to the
    // confirming round.
    for seconds in [1, 3, 4] {
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
async fn a_task_that_is_missing_once_is_polled_again() {
    let (world, hosts, host) = two_hosts_with_one_task();
    let scene = Scene::new((world, hosts));
    scene.plant(Operation::DescribeTasks, When::First(1), Fault::Failure { reason: "MISSING" });
    scene.see_through(&scene.terminate(host)).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_listed_resource_is_there_however_often_it_is_missing() {
    for operation in [Operation::DescribeContainerInstances, Operation::DescribeTasks] {
        let scene = Scene::new(two_hosts_with_web());
        let notice = scene.terminate(0);
        let from = scene.aws.world().now() + chrono::TimeDelta::seconds(25);
        let when = When::Between(from, from + chrono::TimeDelta::seconds(300));
        scene.plant(operation, when, Fault::Failure { reason: "MISSING" });
        scene.see_through(&notice).await;
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_somebody_sets_active_again_is_set_draining_again() {
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
