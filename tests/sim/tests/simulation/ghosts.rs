//! Registrations that agents left behind.

use crate::scene::{arn_of, described, tasks_on, web, world_of_hosts};

#[test]
fn an_agent_that_registers_anew_leaves_the_older_registration_with_its_tasks() {
    let (mut world, hosts) = world_of_hosts(1);
    let task = world.start_task("demo", &web(), &hosts[0]).unwrap();
    world.advance_seconds(60);
    let old = arn_of(&world, &hosts[0]);
    // Twice at one time: the newest is the newest all the same.
    let between = world.register_anew("demo", &hosts[0]).unwrap();
    let new = world.register_anew("demo", &hosts[0]).unwrap();
    assert_eq!(arn_of(&world, &hosts[0]), new);
    let named = [old.0, between.0, new.0];
    let told = world.describe_container_instances(Some("demo"), &named).unwrap().items;
    assert!(told.is_sorted_by(|a, b| a.registered_at < b.registered_at));
    let seen: Vec<_> =
        told.iter().map(|it| (it.status.to_string(), it.agent_connected, it.running_tasks)).collect();
    let active = || "ACTIVE".to_owned();
    assert_eq!(seen, [(active(), false, 1), (active(), false, 0), (active(), true, 0)]);
    world.advance_seconds(600);
    assert_eq!(crate::scene::task(&world, &task).last_status.as_str(), "RUNNING");
}

#[test]
fn a_ghost_is_older_disconnected_and_has_a_task_that_nobody_runs() {
    let (mut world, hosts) = world_of_hosts(1);
    let (ghost, task) = world.leave_ghost("demo", &hosts[0]).unwrap();
    let host = described(&world, &hosts[0]);
    assert!(host.arn != ghost && host.agent_connected);
    assert!(tasks_on(&world, &hosts[0], "RUNNING").is_empty());
    let named = [ghost.0];
    let told = world.describe_container_instances(Some("demo"), &named).unwrap().items.remove(0);
    assert_eq!((told.ec2_instance_id, told.status.to_string().as_str()), (hosts[0].clone(), "ACTIVE"));
    assert_eq!((told.agent_connected, told.running_tasks), (false, 1));
    assert!(told.registered_at < host.registered_at);
    assert_eq!(crate::scene::task(&world, &task).last_status.as_str(), "RUNNING");
    // No container of it was there: its host's end kills nothing, and the ghost stays.
    world.lose_instance("hosts", &hosts[0]).unwrap();
    assert!(world.history().killed_tasks().is_empty());
    assert_eq!(described(&world, &hosts[0]).arn.0, named[0]);
}
