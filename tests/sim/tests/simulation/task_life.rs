//! Tasks: desired and last status, what counts as running, when what they reserved is free again.
//!
//! ECS says it is free too early; the host knows better.

use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};
use fleetkeeper_sim::TaskDefinition;

use crate::scene::{described, last_statuses, start, task, tasks_on, web, world_of_hosts};

#[test]
fn a_task_being_stopped_is_not_counted_long_before_it_is_gone() {
    let (mut world, hosts) = world_of_hosts(1);
    let arn = world.run_task("demo", &web()).unwrap();
    let counts = |world: &fleetkeeper_sim::World| {
        let host = described(world, &hosts[0]);
        (host.running_tasks, host.pending_tasks)
    };
    assert_eq!(counts(&world), (0, 1));
    world.advance_seconds(5);
    assert_eq!(counts(&world), (1, 0));

    world.stop_task("demo", &arn).unwrap();
    assert_eq!(counts(&world), (0, 0));
    assert!(tasks_on(&world, &hosts[0], "RUNNING").is_empty());
    assert_eq!(tasks_on(&world, &hosts[0], "STOPPED"), std::slice::from_ref(&arn));
    let mut seen = Vec::new();
    for _ in 0..45 {
        let now = last_statuses(&world, std::slice::from_ref(&arn))[0];
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        let free = described(&world, &hosts[0]).remaining.cpu;
        assert_eq!(free, CpuUnits(2048), "ECS counts what it reserved as free already");
        world.advance_seconds(1);
    }
    assert_eq!(seen, ["DEACTIVATING", "STOPPING", "STOPPED"]);
}

#[test]
fn a_task_placed_where_another_is_still_stopping_waits_for_it() {
    let (mut world, _) = world_of_hosts(1);
    let proxy = || TaskDefinition::new("proxy", 128, 128).tcp_port(80).stopping(300);
    let old = world.run_task("demo", &proxy()).unwrap();
    assert_eq!(world.run_task("demo", &proxy()).unwrap_err().message, "RESOURCE:PORTS");
    world.advance_seconds(10);
    world.stop_task("demo", &old).unwrap();
    let new = world.run_task("demo", &proxy()).unwrap();
    let behind = world.run_task("demo", &TaskDefinition::new("job", 128, 128)).unwrap();
    world.advance_seconds(299);
    let tasks = [old, new, behind];
    assert_eq!(last_statuses(&world, &tasks), ["STOPPING", "PENDING", "PENDING"]);
    world.advance_seconds(6);
    assert_eq!(last_statuses(&world, &tasks), ["STOPPED", "RUNNING", "RUNNING"]);
}

#[test]
fn a_stopped_task_is_shown_for_an_hour() {
    let (mut world, hosts) = world_of_hosts(1);
    let arn = world.run_task("demo", &TaskDefinition::new("job", 256, 256).running_for(100)).unwrap();
    world.advance_seconds(105);
    assert_eq!(last_statuses(&world, std::slice::from_ref(&arn)), ["STOPPED"]);
    world.advance_seconds(3599);
    assert_eq!(tasks_on(&world, &hosts[0], "STOPPED"), std::slice::from_ref(&arn));
    world.advance_seconds(1);
    assert!(tasks_on(&world, &hosts[0], "STOPPED").is_empty());
    assert_eq!(world.describe_tasks(Some("demo"), &[arn.0]).unwrap().failures[0].reason, "MISSING");
}

#[test]
fn a_pending_task_that_is_stopped_has_nothing_to_wait_for_but_its_network_interface() {
    let (mut world, _) = world_of_hosts(1);
    let bridge = world.run_task("demo", &web().pending(100)).unwrap();
    let awsvpc = world.run_task("demo", &web().pending(100).deprovisioning(20)).unwrap();
    world.stop_task("demo", &bridge).unwrap();
    world.stop_task("demo", &awsvpc).unwrap();
    assert_eq!(last_statuses(&world, &[bridge, awsvpc.clone()]), ["STOPPED", "DEPROVISIONING"]);
    world.advance_seconds(20);
    assert_eq!(last_statuses(&world, &[awsvpc]), ["STOPPED"]);
}

#[test]
fn reserved_ports_and_those_in_use_are_listed_together_and_keep_others_out() {
    let (mut world, hosts) = world_of_hosts(1);
    let dns = TaskDefinition::new("dns", 128, 128).tcp_port(53).udp_port(53);
    world.run_task("demo", &dns).unwrap();
    let host = described(&world, &hosts[0]);
    assert_eq!(host.registered.tcp_ports_taken, [22, 2375, 2376, 51678, 51679].map(Port).into());
    assert_eq!(host.remaining.tcp_ports_taken, [22, 53, 2375, 2376, 51678, 51679].map(Port).into());
    assert_eq!(host.remaining.udp_ports_taken, [53].map(Port).into());
    assert_eq!(host.remaining.memory, Mib(3767 - 128));
    assert_eq!(world.run_task("demo", &dns).unwrap_err().message, "RESOURCE:PORTS");
}

#[test]
fn while_an_agent_is_disconnected_its_tasks_go_no_further() {
    let (mut world, hosts) = world_of_hosts(1);
    let arn = world.run_task("demo", &web()).unwrap();
    world.advance_seconds(10);
    world.set_agent_connected("demo", &hosts[0], false).unwrap();
    world.stop_task("demo", &arn).unwrap();
    world.advance_seconds(1000);
    assert_eq!(last_statuses(&world, std::slice::from_ref(&arn)), ["DEACTIVATING"]);
    assert_eq!(world.run_task("demo", &web()).unwrap_err().message, "NO_CONTAINER_INSTANCES");

    world.set_agent_connected("demo", &hosts[0], true).unwrap();
    world.advance_seconds(10);
    assert_eq!(task(&world, &arn).stopped_at, Some(start() + chrono::TimeDelta::seconds(1020)));
}
