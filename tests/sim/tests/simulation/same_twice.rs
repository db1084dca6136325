//! The same operations at the same times give the same history, byte for byte.
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, FleetkeeperScaling, InstanceType, LifecycleHook, Service, TaskDefinition,
    WarmPool, World,
};

use crate::alarms::put_of_group;
use crate::scene::{TOPIC, drain, start, web, world_of_hosts};

/// A busy day: services, standalone tasks, a drain, an expiry, a replacement, a scale-out and a
/// flapping agent.
fn history(step_seconds: u32) -> String {
    let (mut world, hosts) = world_of_hosts(4);
    world.create_service("demo", Service::new("web", 6, web()).percents(50, 150)).unwrap();
    world
        .create_service("demo", Service::new("dns", 2, TaskDefinition::new("dns", 64, 64).udp_port(53)))
        .unwrap();
    let pass = |world: &mut World, seconds: u32| {
        for _ in 0..seconds / step_seconds {
            world.advance_seconds(step_seconds);
        }
    };
    pass(&mut world, 600);
    world.run_task("demo", &TaskDefinition::new("job", 256, 256).running_for(2000)).unwrap();
    drain(&mut world, &hosts[0]);
    world.terminate_instance("hosts", &hosts[0], false).unwrap();
    pass(&mut world, 1200);
    world.set_agent_connected("demo", &hosts[1], false).unwrap();
    world.set_desired_count("demo", "web", 9).unwrap();
    pass(&mut world, 600);
    world.set_agent_connected("demo", &hosts[1], true).unwrap();
    world.set_desired_capacity("hosts", 6).unwrap();
    pass(&mut world, 600);
    world.lose_instance("hosts", &hosts[2]).unwrap();
    pass(&mut world, 4200);
    world.history().to_string()
}

#[test]
fn a_run_is_the_same_twice() {
    let once = history(60);
    assert!(once.lines().count() > 80, "{once}");
    assert_eq!(once, history(60));
}

#[test]
fn reading_more_often_changes_nothing() {
    assert_eq!(history(1), history(600));
}

/// A day of a group that has everything: alarms and policies, launch hooks, a warm pool,
/// notifications, a refresh and an end of all at once.
fn scaled_history(step_seconds: u32) -> String {
    let mut world = World::new(start());
    world.add_cluster("demo");
    let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767)).in_cluster("demo");
    world.add_group(group.in_zones(&["us-east-1a", "us-east-1b"]).warm_pool(WarmPool::new()).sizes(0, 8));
    for hook in [LifecycleHook::new("drain", TOPIC), LifecycleHook::launching("ready", TOPIC)] {
        let hook = hook.heartbeat_timeout(100).default_result(ActionResult::Continue);
        world.put_lifecycle_hook("hosts", hook).unwrap();
    }
    world.put_notification_configuration("hosts", TOPIC).unwrap();
    world.deploy_scaling(&FleetkeeperScaling::new("demo", "hosts")).unwrap();
    let hosts: Vec<_> = (0..4).map(|_| world.launch_now("hosts").unwrap()).collect();
    world.create_service("demo", Service::new("web", 6, web()).percents(50, 150)).unwrap();
    let mut sent = String::new();
    let mut pass = |world: &mut World, minutes: u32, missing: f64, removable: f64| {
        for _ in 0..minutes {
            put_of_group(world, "MissingHosts", missing);
            put_of_group(world, "RemovableHosts", removable);
            for _ in 0..60 / step_seconds {
                world.advance_seconds(step_seconds);
            }
            for emission in world.take_outbox() {
                sent.push_str(emission.sns_message().map_or("", |message| &message.message));
            }
        }
    };
    pass(&mut world, 30, 1.0, 0.0);
    pass(&mut world, 30, 0.0, 3.0);
    world.instance_refresh("hosts", 50).unwrap();
    pass(&mut world, 60, 0.0, 0.0);
    let left: Vec<_> =
        world.instances("hosts").into_iter().filter(|(_, it)| it.counts()).map(|(id, _)| id).collect();
    assert!(hosts.iter().all(|old| !left.contains(old)), "all are new");
    world.terminate_instances("hosts", &left, true).unwrap();
    pass(&mut world, 30, 1.0, 0.0);
    format!("{}{sent}", world.history())
}

#[test]
fn a_scaled_group_is_the_same_twice_however_often_it_is_read() {
    let once = scaled_history(60);
    for happened in
        ["policy ScaleOutPolicy", "policy ScaleInPolicy", "stopped in the warm pool", "refresh done"]
    {
        assert!(once.contains(happened), "{happened}: {once}");
    }
    assert_eq!(once, scaled_history(60));
    assert_eq!(once, scaled_history(1));
}
