//! Capacity providers that scale their groups.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::auto_scaling::group::LifecycleState;
use fleetkeeper_sim::{
    AutoScalingGroup, CapacityProvider, InstanceType, LaunchTimes, ManagedScaling, Service, StrategyItem,
    TaskDefinition, World,
};

use crate::scene::start;

/// A service of this many tasks, four of which fit on a host, on a provider with this target.
fn world(target: u32, hosts: usize, tasks: u32) -> World {
    let scaling = ManagedScaling::to(target);
    world_of(&CapacityProvider::new("provider", "hosts").scaling(scaling), hosts, tasks)
}

fn world_of(provider: &CapacityProvider, hosts: usize, tasks: u32) -> World {
    let mut world = World::new(start());
    world.add_cluster("demo");
    let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 4000));
    world.add_group(group.in_cluster("demo").launching_in(90));
    world.create_capacity_provider(provider.clone()).unwrap();
    (0..hosts).for_each(|_| drop(world.launch_now("hosts").unwrap()));
    let web = Service::new("web", tasks, TaskDefinition::new("web", 512, 512));
    world.create_service("demo", web.on_providers(&[StrategyItem::new("provider", 0, 1)])).unwrap();
    world
}

fn desired(world: &World) -> u32 {
    world.desired_capacity("hosts").unwrap()
}

#[test]
fn what_waits_adds_what_it_needs_within_a_minute_or_two() {
    let mut world = world(100, 2, 24);
    world.advance_seconds(60);
    assert_eq!(desired(&world), 6);
    world.advance_seconds(95);
    assert_eq!(world.tasks_of_service("demo", "web").len(), 24);
}

#[test]
fn from_zero_there_are_two_and_the_rest_waits_for_their_warm_up() {
    let mut world = world(100, 0, 24);
    world.advance_seconds(60);
    assert_eq!(desired(&world), 2);
    // 90 s of launch and 300 s of warm-up.
    world.advance_seconds(390 - 1);
    assert_eq!(desired(&world), 2);
    world.advance_seconds(61);
    assert_eq!(desired(&world), 6);
}

#[test]
fn fifteen_minutes_of_empty_instances_remove_half_at_most_each_minute() {
    let mut world = world(100, 9, 4);
    world.advance_seconds(14 * 60);
    assert_eq!(desired(&world), 9);
    world.advance_seconds(60);
    // The tasks are on four hosts, one each: five are empty, and half of nine is four.
    assert_eq!(desired(&world), 5);
    world.advance_seconds(60);
    assert_eq!(desired(&world), 4);
    world.advance_seconds(3600);
    assert_eq!((desired(&world), world.history().killed_tasks().len()), (4, 0));
}

#[test]
fn an_instance_with_a_task_is_protected_whatever_its_age() {
    let mut world = world(100, 3, 1);
    world.advance_seconds(120);
    let group = &world.describe_auto_scaling_groups(&[])[0];
    let protected: Vec<&Ec2InstanceId> =
        group.instances.iter().filter(|it| it.protected_from_scale_in).map(|it| &it.id).collect();
    assert_eq!(protected.len(), 1);
    let protected = protected[0].clone();
    world.advance_seconds(3600);
    assert_eq!(desired(&world), 1);
    assert_eq!(world.lifecycle_state("hosts", &protected), Some(LifecycleState::InService));
}

/// The group chooses its oldest instances, and some of those run the tasks.
#[test]
fn without_protection_busy_instances_are_removed_and_managed_draining_moves_their_tasks() {
    let scaling = ManagedScaling::to(100).without_protection();
    let provider = CapacityProvider::new("provider", "hosts").scaling(scaling);
    for (provider, kills) in [(provider.clone(), true), (provider.draining_within(5), false)] {
        let mut world = world_of(&provider, 9, 4);
        let busy: Vec<_> =
            world.tasks_of_service("demo", "web").iter().map(|task| task.arn.clone()).collect();
        world.advance_seconds(3 * 3600);
        assert_eq!(!world.history().killed_tasks().is_empty(), kills, "{}", world.history());
        let tasks = world.tasks_of_service("demo", "web");
        assert_eq!((tasks.len(), desired(&world) <= 4), (4, true));
        assert!(tasks.iter().any(|task| !busy.contains(&task.arn)));
    }
}

#[test]
fn a_target_below_100_keeps_empty_instances() {
    let mut world = world(50, 4, 16);
    world.advance_seconds(60);
    assert_eq!(desired(&world), 8, "four hosts' tasks at a target of 50 percent");
    world.advance_seconds(7200);
    assert_eq!(desired(&world), 8);
}

#[test]
fn the_nth_launches_of_two_worlds_take_the_same_time() {
    let arrivals = |seed| {
        let mut world = World::new(start());
        world.add_cluster("demo");
        let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 4000));
        world.add_group(group.in_cluster("demo").launching_as(LaunchTimes::of_ecs_hosts(seed)));
        world.set_desired_capacity("hosts", 5).unwrap();
        let in_service = |world: &World| {
            let states = world.instances("hosts");
            states.values().filter(|state| **state == LifecycleState::InService).count()
        };
        let each = |world: &mut World| {
            world.advance_seconds(1);
            in_service(world)
        };
        (0..151).map(|_| each(&mut world)).collect::<Vec<_>>()
    };
    assert_eq!(arrivals(1), arrivals(1));
    assert_ne!(arrivals(1), arrivals(2));
    let of_one = arrivals(1);
    assert_eq!((of_one[58], of_one[150]), (0, 5));
}
