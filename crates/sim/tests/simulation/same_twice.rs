//! The same operations at the same times give the same history, byte for byte.
use fleetkeeper_sim::{Service, TaskDefinition};

use crate::scene::{drain, web, world_of_hosts};

/// A busy day: services, standalone tasks, a drain, an expiry, a replacement, a scale-out and a flapping agent.
fn history(step_seconds: u32) -> String {
    let (mut world, hosts) = world_of_hosts(4);
    world.create_service("demo", Service::new("web", 6, web()).percents(50, 150)).unwrap();
    world
        .create_service("demo", Service::new("dns", 2, TaskDefinition::new("dns", 64, 64).udp_port(53)))
        .unwrap();
    let pass = |world: &mut fleetkeeper_sim::World, seconds: u32| {
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
fn how_often_one_looks_changes_nothing() {
    assert_eq!(history(1), history(600));
}
