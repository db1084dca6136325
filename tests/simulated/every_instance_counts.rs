//! No page, batch or failure is skipped, and no other instance touched.

use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::LastStatus;
use fleetkeeper_sim::{Service, TaskDefinition};
use futures_util::future::join;

use crate::scene::{CLUSTER, GROUP, Scene, first, two_hosts_with, two_hosts_with_web, web, world_of_hosts};

#[tokio::test(start_paused = true)]
async fn in_a_cluster_of_250_the_right_one_is_drained_with_few_reads() {
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
        ("ecs:DescribeContainerInstances", 1),
        ("ecs:UpdateContainerInstancesState", 1),
        ("ecs:ListTasks", 4),
        ("ecs:DescribeTasks", 23),
        ("autoscaling:DescribeLifecycleHooks", 1),
        ("autoscaling:CompleteLifecycleAction", 1),
        ("autoscaling:DescribeAutoScalingGroups", 2),
    ];
    assert_eq!(calls, expected);
}

#[tokio::test(start_paused = true)]
async fn tasks_on_every_page_are_waited_for() {
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
async fn more_tasks_than_one_call_describes_are_waited_for() {
    let tiny = TaskDefinition::new("tiny", 8, 8).pending(1).healthy_after(1).stopping(40);
    let scene = Scene::new(two_hosts_with(Service::new("tiny", 240, tiny), 600));
    scene.see_through(&scene.terminate(0)).await;
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn all_registrations_of_a_host_are_drained_however_many_and_on_however_many_pages() {
    let (mut world, hosts) = world_of_hosts(1, 600);
    for _ in 0..11 {
        world.advance_seconds(1);
        world.register_anew(CLUSTER, &hosts[0]).unwrap();
    }
    world.create_service(CLUSTER, Service::new("web", 2, web())).unwrap();
    world.advance_seconds(60);
    world.launch_now(GROUP).unwrap();
    // As long as no agent is connected, any of them may be the one that counts.
    world.set_agent_connected(CLUSTER, &hosts[0], false).unwrap();
    world.set_page_limit(5);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    let connects = async {
        scene.wait(20).await;
        assert_eq!(scene.set_draining(), 12);
        // Ten in a call.
        assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 2);
        scene.world(|world| world.set_agent_connected(CLUSTER, &scene.hosts[0], true).unwrap());
    };
    join(scene.see_through(&notice), connects).await;

    scene.assert_all_drained(1);
    assert_eq!(scene.set_draining(), 12);
}

#[tokio::test(start_paused = true)]
async fn the_ghosts_of_a_host_are_neither_set_draining_nor_waited_for() {
    let (mut world, hosts) = two_hosts_with_web();
    let (ghost, task) = world.leave_ghost(CLUSTER, &hosts[0]).unwrap();
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], "drained: every task on the instance has stopped");
    assert!((scene.ends()[0].0 - began).num_seconds() < 60);
    assert_eq!(scene.set_draining(), 1);
    scene.world(|world| {
        let described = world.describe_tasks(Some(CLUSTER), std::slice::from_ref(&task.0)).unwrap().items;
        assert_eq!(described[0].last_status, LastStatus::Running);
        let described =
            world.describe_container_instances(Some(CLUSTER), std::slice::from_ref(&ghost.0)).unwrap().items;
        assert_eq!(described[0].status, ContainerInstanceStatus::Active);
    });
    scene.assert_all_drained(1);
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
