//! Instances that ECS drains on its own, beside another hook.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::ecs::managed_draining::MANAGED_DRAINING_HOOK;
use fleetkeeper_sim::{CapacityProvider, Service, TaskDefinition, World};

use crate::scene::{complete_drain, described, state, web, world_of_group};

/// Two hosts with two tasks of a service on each, whose group ECS drains.
fn drained_within(seconds: u32) -> (World, Vec<Ec2InstanceId>) {
    let mut world = world_of_group(|group| group);
    let provider = CapacityProvider::new("hosts", "hosts").draining_within(seconds);
    world.create_capacity_provider(provider).unwrap();
    let hosts: Vec<_> = (0..2).map(|_| world.launch_now("hosts").unwrap()).collect();
    world.create_service("demo", Service::new("web", 4, web())).unwrap();
    world.advance_seconds(60);
    assert!(world.is_steady("demo", "web"), "{}", world.history());
    (world, hosts)
}

#[test]
fn ecs_sets_it_draining_and_completes_its_hook_when_the_tasks_have_stopped() {
    let (mut world, hosts) = drained_within(3);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    assert_eq!(described(&world, &hosts[0]).status.to_string(), "ACTIVE");
    world.advance_seconds(3);
    assert_eq!(described(&world, &hosts[0]).status.to_string(), "DRAINING");
    assert_eq!(world.open_actions(MANAGED_DRAINING_HOOK).len(), 1);
    world.advance_seconds(120);
    assert_eq!(world.open_actions(MANAGED_DRAINING_HOOK).len(), 0);
    assert_eq!(state(&world, &hosts[0]), "Terminating:Wait", "the other hook holds it");
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &hosts[0]), "gone");
    assert!(world.history().killed_tasks().is_empty());
}

#[test]
fn ecs_waits_for_standalone_tasks_for_48_hours_whatever_another_hook_does() {
    let (mut world, hosts) = drained_within(3);
    world.start_task("demo", &TaskDefinition::new("job", 100, 100), &hosts[0]).unwrap();
    world.advance_seconds(30);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    world.advance_seconds(120);
    complete_drain(&mut world, "CONTINUE");
    world.advance_seconds(47 * 3600);
    assert_eq!(state(&world, &hosts[0]), "Terminating:Wait");
    world.advance_seconds(3600);
    assert_eq!(state(&world, &hosts[0]), "gone");
}

#[test]
fn an_instance_that_ec2_takes_back_is_set_draining_as_well() {
    let (mut world, hosts) = drained_within(3);
    world.interrupt_spot_instance("hosts", &hosts[0]).unwrap();
    world.advance_seconds(2);
    assert_eq!(described(&world, &hosts[0]).status.to_string(), "ACTIVE");
    world.advance_seconds(1);
    assert_eq!(described(&world, &hosts[0]).status.to_string(), "DRAINING");
    world.advance_seconds(120);
    assert!(world.history().killed_tasks().is_empty(), "{}", world.history());
}

#[test]
fn an_instance_that_never_joined_its_cluster_is_done_at_once() {
    let mut world = world_of_group(|mut group| {
        group.cluster = None;
        group
    });
    world.create_capacity_provider(CapacityProvider::new("hosts", "hosts").draining_within(1)).unwrap();
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, true).unwrap();
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &host), "Terminating:Wait");
    world.advance_seconds(1);
    assert_eq!(state(&world, &host), "gone");
}
