//! Instances that do not drain like any other: daemons, protected tasks, agents that are away, warm
//! pools.

use std::time::Duration;

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, FlappingAgents, InstanceType, LifecycleHook, Service, TaskDefinition,
    WarmPool, World,
};
use futures_util::future::join;
use serde_json::Value;

use crate::scene::{
    CLUSTER, GROUP, Scene, TOPIC, first, two_hosts_with, two_hosts_with_web, web, world_of_hosts,
};

const DRAINED: &str = "drained: every task on the instance has stopped";

/// Two hosts that share two tasks of a service, and have one of a daemon each.
fn two_hosts_with_web_and_daemon() -> (World, Vec<Ec2InstanceId>) {
    let (mut world, hosts) = world_of_hosts(2, 600);
    let daemon = TaskDefinition::new("logs", 64, 64).stopping(20);
    world.create_service(CLUSTER, Service::daemon("logs", daemon)).unwrap();
    world.create_service(CLUSTER, Service::new("web", 2, web())).unwrap();
    world.advance_seconds(90);
    assert!(world.is_steady(CLUSTER, "web") && world.is_steady(CLUSTER, "logs"));
    world.take_outbox();
    (world, hosts)
}

#[tokio::test(start_paused = true)]
async fn daemon_tasks_are_waited_for_and_stopped_by_ecs_last() {
    let scene = Scene::new(two_hosts_with_web_and_daemon());
    let (answer, _) = scene.see_through(&scene.terminate(0)).await;
    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
    assert_eq!(scene.calls(Operation::StopTask), 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_with_daemon_tasks_alone_is_drained() {
    let (mut world, hosts) = world_of_hosts(2, 600);
    world.create_service(CLUSTER, Service::daemon("logs", TaskDefinition::new("logs", 64, 64))).unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let (answer, _) = scene.see_through(&scene.terminate(0)).await;
    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
}

/// Protects all tasks of the service for some seconds.
fn protect_all(world: &mut World, seconds: i64) {
    let until = world.now() + TimeDelta::seconds(seconds);
    let tasks: Vec<_> = world.tasks_of_service(CLUSTER, "web").iter().map(|task| task.arn.clone()).collect();
    for task in &tasks {
        world.protect_task(CLUSTER, task, until).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn protected_tasks_are_left_until_their_protection_ends() {
    let (mut world, hosts) = two_hosts_with_web();
    protect_all(&mut world, 1200);
    let scene = Scene::new((world, hosts));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;
    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
    assert_eq!(scene.calls(Operation::StopTask), 0);
    let took = (scene.ends()[0].0 - began).num_seconds();
    assert!((1240..=1270).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn protected_tasks_are_stopped_at_the_drain_timeout_like_any() {
    let (mut world, hosts) = two_hosts_with_web();
    protect_all(&mut world, 172_800);
    let variables = [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", "900")];
    let scene = Scene::with_settings((world, hosts), &variables);
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    let (answer, _) = scene.see_through(&notice).await;
    assert_eq!(first(&answer)["reason"], "drain timeout: the remaining tasks were stopped");
    scene.assert_all_drained(1);
    assert_eq!(scene.calls(Operation::StopTask), 2);
    // Their deregistration delay is 30 s, and they take 10 s to stop.
    let took = (scene.ends()[0].0 - began).num_seconds();
    assert!((940..=945).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_gone_for_good_holds_its_instance_until_the_drain_timeout_or_450_s_longer() {
    for (policy, result, seconds) in [
        ("stop-tasks", ActionResult::Continue, 1450),
        ("continue", ActionResult::Continue, 1000),
        ("abandon", ActionResult::Abandon, 1000),
    ] {
        let (mut world, hosts) = two_hosts_with_web();
        world.set_agent_connected(CLUSTER, &hosts[0], false).unwrap();
        world.take_outbox();
        let variables =
            [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", "1000"), ("ON_DRAIN_TIMEOUT", policy)];
        let scene = Scene::with_settings((world, hosts), &variables);
        let notice = scene.terminate(0);
        let began = scene.aws.world().now();
        let (answer, _) = scene.see_through(&notice).await;
        assert!(first(&answer)["reason"].as_str().unwrap().starts_with("drain timeout: "), "{policy}");
        let ends = scene.ends();
        assert_eq!(ends[0].1, ActionEnd::Completed(result));
        let took = (ends[0].0 - began).num_seconds();
        assert!((seconds..=seconds + 5).contains(&took), "{policy}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_away_for_a_while_holds_its_instance_for_as_long() {
    let scene = Scene::new(two_hosts_with_web());
    let notice = scene.terminate(0);
    let away = async {
        scene.wait(30).await;
        scene.world(|world| world.set_agent_connected(CLUSTER, &scene.hosts[0], false).unwrap());
        scene.wait(600).await;
        assert!(scene.ends().is_empty());
        scene.world(|world| world.set_agent_connected(CLUSTER, &scene.hosts[0], true).unwrap());
    };
    let ((answer, _), ()) = join(scene.see_through(&notice), away).await;
    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn agents_that_flap_are_drained_as_any() {
    for seed in 0..5 {
        let (mut world, hosts) = two_hosts_with_web();
        let until = world.now() + TimeDelta::hours(2);
        let flapping = FlappingAgents { every_seconds: 40, for_seconds: 15, until, seed };
        world.flap_agents(CLUSTER, flapping).unwrap();
        let scene = Scene::new((world, hosts));
        let (answer, _) = scene.see_through(&scene.terminate(0)).await;
        assert_eq!(first(&answer)["reason"], DRAINED, "{seed}");
        scene.assert_all_drained(1);
    }
}

/// Two hosts of a group with a warm pool, which share four tasks.
fn two_hosts_of_a_pool(policy: &str, drain_seconds: &str) -> Scene {
    let mut world = World::new("2026-11-22T10:00:00Z".parse().unwrap());
    world.add_cluster(CLUSTER);
    let group = AutoScalingGroup::new(GROUP, InstanceType::new("c5.large", 2048, 3767)).in_cluster(CLUSTER);
    world.add_group(group.warm_pool(WarmPool::new()));
    world.put_lifecycle_hook(GROUP, LifecycleHook::new("drain", TOPIC).heartbeat_timeout(600)).unwrap();
    let hosts = vec![world.launch_now(GROUP).unwrap(), world.launch_now(GROUP).unwrap()];
    world.create_service(CLUSTER, Service::new("web", 4, web())).unwrap();
    world.advance_seconds(60);
    assert!(world.is_steady(CLUSTER, "web"));
    world.take_outbox();
    let variables =
        [("ECS_CLUSTER", CLUSTER), ("ON_DRAIN_TIMEOUT", policy), ("DRAIN_TIMEOUT_SECONDS", drain_seconds)];
    Scene::with_settings((world, hosts), &variables)
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_its_way_to_the_warm_pool_is_drained_and_completed() {
    let scene = two_hosts_of_a_pool("stop-tasks", "3600");
    scene.world(|world| world.set_desired_capacity(GROUP, 1).unwrap());
    let notice = scene.sent().remove(0);
    let message: Value = serde_json::from_str(&notice.message).unwrap();
    assert_eq!(message["Destination"], "WarmPool");
    let (answer, invocations) = scene.see_through(&notice).await;
    assert_eq!((&first(&answer)["reason"], invocations), (&DRAINED.into(), 1));
    scene.assert_all_drained(1);
    let pooled = scene.world(|world| {
        let mut entries = world.history().entries().iter();
        entries.any(|entry| matches!(entry.what, Occurrence::InstanceInWarmPool { .. }))
    });
    assert!(pooled);
}

#[tokio::test(start_paused = true)]
async fn a_drain_to_the_warm_pool_outlasts_invocations_like_any() {
    let mut scene = two_hosts_of_a_pool("stop-tasks", "3600");
    scene.timeout = Duration::from_secs(30);
    scene.world(|world| world.set_desired_capacity(GROUP, 1).unwrap());
    let notice = scene.sent().remove(0);
    let (answer, invocations) = scene.see_through(&notice).await;
    assert_eq!(first(&answer)["reason"], DRAINED);
    assert!(invocations > 1);
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn a_group_with_a_pool_that_cannot_be_read_does_not_hold_up_its_drains() {
    for fault in [Fault::Refused, Fault::Throttled] {
        let scene = two_hosts_of_a_pool("stop-tasks", "3600");
        scene.plant(Operation::DescribeAutoScalingGroups, When::Always, fault);
        scene.world(|world| world.set_desired_capacity(GROUP, 1).unwrap());
        let notice = scene.sent().remove(0);
        scene.see_through(&notice).await;
        scene.assert_all_drained(1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_interface_that_is_slow_to_be_detached_is_waited_for() {
    let slow = web().awsvpc().deprovisioning(100);
    let scene = Scene::new(two_hosts_with(Service::new("web", 2, slow), 600));
    let (answer, _) = scene.see_through(&scene.terminate(0)).await;
    assert_eq!(first(&answer)["reason"], DRAINED);
    scene.assert_all_drained(1);
}
