//! A world with something of each kind that the API shows, and more of each than a page holds.

use chrono::{SubsecRound, TimeDelta, Utc};
use fleetkeeper_sim::world::auto_scaling::mixed_instances::MixedInstances;
use fleetkeeper_sim::world::ecs::list::ListContainerInstances;
use fleetkeeper_sim::{
    AutoScalingGroup, CapacityProvider, InstanceType, LifecycleHook, Service, StrategyItem, TaskDefinition,
    TaskSet, World,
};

const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

/// 105 hosts of cluster `demo` in group `hosts`. One of them waits at its termination hook, and one
/// is draining. There are 14 services, 141 running tasks and a stopped one, 12 capacity providers
/// and 55 groups.
pub(crate) fn with_all_kinds() -> World {
    let mut world = World::new(Utc::now().trunc_subsecs(0) - TimeDelta::seconds(200));
    world.add_cluster("demo");
    world.add_cluster("empty");
    let of_type = || InstanceType::new("c5.large", 2048, 3767);
    world.add_group(AutoScalingGroup::new("hosts", of_type()).in_cluster("demo").connection_draining(0));
    for number in 0..54 {
        let group = AutoScalingGroup::new(&format!("group {number:02}"), of_type());
        let weights = MixedInstances::weighing(&[(of_type(), 2)]);
        let group = if number % 2 == 0 { group.mixed_instances(weights) } else { group };
        world.add_group(group.protecting_new_instances());
    }
    for number in 0..12 {
        let provider = CapacityProvider::new(&format!("p{number:02}"), &format!("group {number:02}"));
        let provider = if number == 0 { provider.managing_scaling() } else { provider };
        world.create_capacity_provider(provider).unwrap();
    }
    let metadata = r#"{"cluster": "demo", "note": "<&>"}"#;
    world.put_lifecycle_hook("hosts", LifecycleHook::new("drain", TOPIC).metadata(metadata)).unwrap();
    let hosts: Vec<_> = (0..104).map(|_| world.launch_now("hosts").unwrap()).collect();
    world.launch_now_of_type("hosts", of_type().gpus(2).trunked()).unwrap();
    world.launch_now("group 00").unwrap();
    world.put_lifecycle_hook("hosts", LifecycleHook::launching("prepare", TOPIC).metadata(metadata)).unwrap();
    services(&mut world);
    world.advance_seconds(100);
    let batch = world.run_task("demo", &TaskDefinition::new("batch", 64, 64)).unwrap();
    world.advance_seconds(60);
    world.stop_task_because(Some("demo"), &batch.0, Some("no longer wanted")).unwrap();
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let demo = ListContainerInstances { cluster: Some("demo"), ..Default::default() };
    let arns = world.list_container_instances(demo).unwrap();
    world.update_container_instances_state(Some("demo"), &[arns.items[7].0.clone()], "DRAINING").unwrap();
    world.launch_now("group 01").unwrap();
    for _ in 0..2 {
        world.instance_refresh("group 01", 0).unwrap();
        world.advance_seconds(20);
    }
    world
}

fn services(world: &mut World) {
    let web = TaskDefinition::new("web", 256, 512).tcp_port(80).udp_port(53);
    let shown = Service::new("web", 20, web).distinct_instance();
    let shown = shown.placement_strategy("spread", Some("attribute:ecs.availability-zone"));
    world.create_service("demo", shown).unwrap();
    let gpu = TaskDefinition::new("gpu", 128, 128).gpus(1).awsvpc();
    world.create_service("demo", Service::new("gpu", 1, gpu)).unwrap();
    let built_for = TaskDefinition::new("built-for", 64, 64).cpu_architecture("X86_64");
    let built_for =
        built_for.requiring_value("colour", "red").constrained_to("attribute:ecs.os-type == linux");
    world.create_service("demo", Service::new("built-for", 1, built_for)).unwrap();
    let items = [StrategyItem::new("p00", 1, 2)];
    let provided = Service::new("provided", 1, TaskDefinition::new("provided", 64, 64)).on_providers(&items);
    world.create_service("demo", provided).unwrap();
    let set = TaskSet::new("blue", TaskDefinition::new("blue", 64, 64)).on_fargate(1);
    world.create_service("demo", Service::external("sets", 3, set.scale(50))).unwrap();
    let large = TaskDefinition::new("large", 4096, 512);
    world.create_service("demo", Service::new("large", 1, large)).unwrap();
    world.create_service("demo", Service::daemon("agent", TaskDefinition::new("agent", 64, 64))).unwrap();
    for number in 0..7 {
        let small = TaskDefinition::new(&format!("small-{number}"), 64, 64);
        world.create_service("demo", Service::new(&format!("small-{number}"), 2, small)).unwrap();
    }
}
