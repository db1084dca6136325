//! Simple scaling: one instance at a time, and a cooldown.

use fleetkeeper_sim::{SimpleScalingPolicy, World};

use crate::alarms::put;
use crate::scaling::alarm_above;
use crate::scene::world_of_hosts;

fn with_policy(adjustment: i32) -> World {
    let (mut world, _) = world_of_hosts(4);
    let policy = SimpleScalingPolicy::new("simple", adjustment).cooldown(600);
    world.put_simple_scaling_policy("hosts", policy).unwrap();
    alarm_above(&mut world, 1.0, "simple");
    world
}

fn desired_after(world: &mut World, minutes: u32) -> u32 {
    for _ in 0..minutes {
        put(world, "Load", 2.0);
        world.advance_seconds(60);
    }
    world.desired_capacity("hosts").unwrap()
}

#[test]
fn the_next_instance_waits_for_the_launch_and_the_cooldown() {
    let mut world = with_policy(1);
    assert_eq!(desired_after(&mut world, 2), 5);
    // A launch of two minutes and a cooldown of ten.
    assert_eq!(desired_after(&mut world, 10), 5);
    assert_eq!(desired_after(&mut world, 3), 6);
}

/// The hook's heartbeat timeout is ten minutes: nobody completes its action.
#[test]
fn a_termination_hook_postpones_the_cooldown() {
    let mut world = with_policy(-1);
    assert_eq!(desired_after(&mut world, 2), 3);
    assert_eq!(desired_after(&mut world, 17), 3);
    assert_eq!(desired_after(&mut world, 4), 2);
}
