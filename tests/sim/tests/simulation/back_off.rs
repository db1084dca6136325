//! The service scheduler's back-off, and owners that retry standalone tasks.

use fleetkeeper_sim::world::ecs::submission::StartedSubmission;
use fleetkeeper_sim::{
    AutoScalingGroup, CapacityProvider, InstanceType, ManagedScaling, Service, StrategyItem, TaskDefinition,
    World,
};

use crate::scene::{start, world_of_hosts};

/// Half of a host of 2,048 CPU units.
fn half() -> TaskDefinition {
    TaskDefinition::new("half", 1024, 512)
}

fn world_without_hosts() -> World {
    let (mut world, _) = world_of_hosts(0);
    world.back_off_placements("demo").unwrap();
    world
}

fn running(world: &World) -> usize {
    world.tasks_of_service("demo", "web").len()
}

/// A host comes after 70 s, when the first attempts are over.
#[test]
fn a_host_that_registers_does_not_end_the_wait() {
    let mut world = world_without_hosts();
    world.create_service("demo", Service::new("web", 1, half())).unwrap();
    world.advance_seconds(70);
    world.launch_now("hosts").unwrap();
    world.advance_seconds(240);
    assert_eq!(running(&world), 0, "{}", world.history());
    world.advance_seconds(60);
    assert_eq!(running(&world), 1);
}

#[test]
fn a_host_that_comes_within_the_first_attempts_is_used() {
    let mut world = world_without_hosts();
    world.create_service("demo", Service::new("web", 1, half())).unwrap();
    world.advance_seconds(30);
    world.launch_now("hosts").unwrap();
    world.advance_seconds(30);
    assert_eq!(running(&world), 1);
}

#[test]
fn a_new_deployment_ends_the_wait() {
    let mut world = world_without_hosts();
    world.create_service("demo", Service::new("web", 1, half())).unwrap();
    world.advance_seconds(70);
    world.launch_now("hosts").unwrap();
    world.update_service("demo", "web", half()).unwrap();
    world.advance_seconds(5);
    assert_eq!(running(&world), 1);
}

#[test]
fn without_the_back_off_and_with_a_capacity_provider_a_host_is_used_at_once() {
    for on_provider in [false, true] {
        let mut world = if on_provider { world_without_hosts() } else { world_of_hosts(0).0 };
        world.create_capacity_provider(CapacityProvider::new("provider", "hosts")).unwrap();
        let mut web = Service::new("web", 1, half());
        if on_provider {
            web = web.on_providers(&[StrategyItem::new("provider", 0, 1)]);
        }
        world.create_service("demo", web).unwrap();
        world.advance_seconds(70);
        world.launch_now("hosts").unwrap();
        world.advance_seconds(2);
        assert_eq!(running(&world), 1, "on a provider: {on_provider}");
    }
}

fn started(world: &mut World) -> Vec<u64> {
    let started: Vec<StartedSubmission> = world.take_started_submissions("demo");
    started.into_iter().map(|it| it.number).collect()
}

#[test]
fn an_owner_runs_its_task_again_until_there_is_room() {
    let (mut world, _) = world_of_hosts(0);
    let number = world.submit_task("demo", half().running_for(60), None, 45).unwrap();
    world.advance_seconds(50);
    world.launch_now("hosts").unwrap();
    assert_eq!((started(&mut world), world.waiting_submissions("demo")), (vec![], 1));
    world.advance_seconds(40);
    assert_eq!((started(&mut world), world.waiting_submissions("demo")), (vec![number], 0));
    assert!(started(&mut world).is_empty(), "each is told of once");
}

/// Placed when the host registers, without another attempt of its owner.
#[test]
fn a_task_on_a_managed_provider_is_provisioning_until_there_is_room() {
    let mut world = World::new(start());
    world.add_cluster("demo");
    let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767));
    world.add_group(group.in_cluster("demo").launching_in(90));
    let provider = CapacityProvider::new("provider", "hosts").scaling(ManagedScaling::to(100));
    world.create_capacity_provider(provider).unwrap();
    let number = world.submit_task("demo", half().running_for(60), Some("provider"), 3600).unwrap();
    world.advance_seconds(60 + 90);
    assert!(started(&mut world).is_empty());
    world.advance_seconds(2);
    assert_eq!(started(&mut world), [number]);
}

/// A kind that no instance holds: ECS stops such a task after 10 to 30 minutes, and its owner goes
/// on.
#[test]
fn provisioning_ends_and_the_owner_goes_on() {
    let (mut world, _) = world_of_hosts(1);
    let provider = CapacityProvider::new("provider", "hosts").scaling(ManagedScaling::to(100));
    world.create_capacity_provider(provider).unwrap();
    let too_large = TaskDefinition::new("large", 4096, 512);
    world.submit_task("demo", too_large, Some("provider"), 30).unwrap();
    world.advance_seconds(4 * 3600);
    assert_eq!(world.waiting_submissions("demo"), 1);
    assert_eq!(world.desired_capacity("hosts"), Some(0), "it adds no instance, and an empty one goes");
}
