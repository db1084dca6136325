//! Load balancers: deregistration delays of tasks, and connection draining of a group before its
//! hooks.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, World};
use futures_util::future::{join, join_all};
use serde_json::json;

use crate::scene::{CLUSTER, GROUP, Scene, TOPIC, first, web, world_of_hosts};

#[tokio::test(start_paused = true)]
async fn tasks_that_are_stopped_have_their_whole_deregistration_delay() {
    // There is no room for replacements, and the drain timeout is the default one.
    let task = web().deregistration_delay(300).stopping(10);
    let (mut world, hosts) = world_of_hosts(1, 900);
    world.create_service(CLUSTER, Service::new("web", 2, task)).unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;

    assert_eq!(first(&answer)["reason"], "drain timeout: the remaining tasks were stopped");
    scene.assert_all_drained(1);
    let took = (scene.ends()[0].0 - began).num_seconds();
    assert!((3910..=3915).contains(&took), "{took} s");
}

/// Hosts of a group behind a load balancer, in the order of their ids, each with a job that does
/// not end.
fn hosts_behind_a_load_balancer(count: usize, draining: u32) -> (World, Vec<Ec2InstanceId>) {
    let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
    world.add_cluster(CLUSTER);
    let group = AutoScalingGroup::new(GROUP, InstanceType::new("c5.large", 2048, 3767)).in_cluster(CLUSTER);
    world.add_group(group.connection_draining(draining));
    world.put_lifecycle_hook(GROUP, LifecycleHook::new("drain", TOPIC).heartbeat_timeout(900)).unwrap();
    let mut hosts: Vec<_> = (0..count).map(|_| world.launch_now(GROUP).unwrap()).collect();
    hosts.sort();
    for host in &hosts {
        world.start_task(CLUSTER, &TaskDefinition::new("batch", 256, 256), host).unwrap();
    }
    world.advance_seconds(60);
    world.take_outbox();
    (world, hosts)
}

/// When tasks were stopped by a call and hooks completed, in seconds since a time.
fn stopped_and_completed(scene: &Scene, since: DateTime<Utc>) -> (Vec<i64>, Vec<i64>) {
    let stopped = scene.world(|world| {
        let stopping = world.history().entries().iter().filter(|entry| {
            matches!(entry.what, Occurrence::TaskStopping { code: StopCode::UserInitiated, .. })
        });
        stopping.map(|entry| (entry.at - since).num_seconds()).collect()
    });
    (stopped, scene.ends().iter().map(|(at, _)| (*at - since).num_seconds()).collect())
}

/// Terminates hosts behind a load balancer, whose connections drain for some time before the
/// notices are sent. Their messages are delivered, or lost; sweeps come each minute either way.
async fn drain_behind(count: usize, draining: u32, policy: &str, lost: bool) -> (Scene, DateTime<Utc>) {
    let scene = Scene::with_drain_timeout(hosts_behind_a_load_balancer(count + 3, draining), "600", policy);
    scene.world(|world| world.terminate_instances(GROUP, &scene.hosts[..count], true).unwrap());
    scene.wait(u64::from(draining)).await;
    let notices = scene.sent();
    assert_eq!(notices.len(), count);
    let notices = if lost { Vec::new() } else { notices };
    let began = scene.aws.world().now();
    let sweeping = async {
        for _ in 0..18 {
            let sweep = json!({"sweep": {"cluster": CLUSTER, "group": GROUP, "hook": "drain"}});
            let sweep = scene.invoke(sweep);
            let (answer, ()) = join(sweep, scene.wait(60)).await;
            answer.unwrap();
        }
    };
    let drains = join_all(notices.iter().map(|notice| scene.see_through_beside_others(notice)));
    join(drains, sweeping).await;
    (scene, began)
}

#[tokio::test(start_paused = true)]
async fn no_task_is_stopped_before_the_drain_timeout_after_its_notice() {
    for count in [1, 5] {
        for draining in [300, 3600] {
            for lost in [false, true] {
                let (scene, began) = drain_behind(count, draining, "stop-tasks", lost).await;
                let (stopped, completed) = stopped_and_completed(&scene, began);
                assert_eq!((stopped.len(), completed.len()), (count, count), "{draining} {lost}");
                // Sweeps begin to count when they first see the instance.
                let latest = if lost { 780 } else { 602 };
                assert!(
                    stopped.iter().all(|at| (600..=latest).contains(at)),
                    "{count} {draining} {lost}: {stopped:?}"
                );
                scene.assert_all_drained(count);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_hook_is_completed_before_the_drain_timeout_after_its_notice() {
    for count in [1, 5] {
        for draining in [300, 3600] {
            for lost in [false, true] {
                let (scene, began) = drain_behind(count, draining, "continue", lost).await;
                let (stopped, completed) = stopped_and_completed(&scene, began);
                assert_eq!((stopped.len(), completed.len()), (0, count), "{draining} {lost}");
                let latest = if lost { 780 } else { 602 };
                assert!(
                    completed.iter().all(|at| (600..=latest).contains(at)),
                    "{count} {draining} {lost}: {completed:?}"
                );
            }
        }
    }
}
