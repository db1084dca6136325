//! Balancing the zones, and standby.

use std::collections::BTreeMap;

use fleetkeeper_sim::World;

use crate::scene::{complete_drain, state, tasks_on, web, world_of_group, world_of_hosts};

const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];

fn by_zone(world: &World) -> BTreeMap<String, usize> {
    let mut zones = BTreeMap::new();
    for instance in &world.describe_auto_scaling_groups(&[])[0].instances {
        if matches!(instance.state.as_str(), "InService" | "Pending") {
            *zones.entry(instance.zone.clone()).or_default() += 1;
        }
    }
    zones
}

/// Four hosts in the first zone, and none in the second.
fn unbalanced(max: u32) -> World {
    let mut world = world_of_group(|group| group.in_zones(&ZONES).sizes(0, max));
    let hosts: Vec<_> = (0..8).map(|_| world.launch_now("hosts").unwrap()).collect();
    let groups = world.describe_auto_scaling_groups(&[]);
    let of_second = groups[0].instances.iter().filter(|instance| instance.zone == ZONES[1]);
    let of_second: Vec<_> = of_second.map(|instance| instance.id.clone()).collect();
    assert_eq!((hosts.len(), of_second.len()), (8, 4));
    for host in of_second {
        world.terminate_instance("hosts", &host, true).unwrap();
        complete_drain(&mut world, "CONTINUE");
    }
    world
}

#[test]
fn the_group_launches_first_and_then_terminates_in_the_fullest_zone() {
    let mut world = unbalanced(4);
    world.rebalance_zones("hosts").unwrap();
    assert_eq!(by_zone(&world), [(ZONES[0].to_owned(), 4), (ZONES[1].to_owned(), 1)].into());
    assert_eq!(world.instances("hosts").len(), 5, "one above the maximum");
    world.advance_seconds(120);
    assert_eq!(world.open_actions("drain").len(), 1);
    assert_eq!(by_zone(&world), [(ZONES[0].to_owned(), 3), (ZONES[1].to_owned(), 2)].into());
    assert_eq!(world.desired_capacity("hosts"), Some(4));
    // The next follows, until each zone has its share.
    world.advance_seconds(1200);
    assert_eq!(by_zone(&world), [(ZONES[0].to_owned(), 2), (ZONES[1].to_owned(), 2)].into());
    let before = world.history().entries().len();
    world.rebalance_zones("hosts").unwrap();
    assert_eq!(world.history().entries().len(), before);
}

#[test]
fn an_instance_in_standby_keeps_its_tasks_and_counts_no_longer() {
    let (mut world, hosts) = world_of_hosts(2);
    world.start_task("demo", &web(), &hosts[0]).unwrap();
    world.enter_standby("hosts", &hosts[0]).unwrap();
    assert_eq!((state(&world, &hosts[0]), world.desired_capacity("hosts")), ("Standby", Some(1)));
    world.enter_standby("hosts", &hosts[0]).unwrap_err();
    world.advance_seconds(300);
    assert_eq!(world.instances("hosts").len(), 2, "nothing replaces it");
    assert_eq!(tasks_on(&world, &hosts[0], "RUNNING").len(), 1);
    // The next scale-in takes the other one, whichever is the older.
    world.set_desired_capacity("hosts", 0).unwrap();
    assert_eq!(state(&world, &hosts[1]), "Terminating:Wait");
    complete_drain(&mut world, "CONTINUE");
    world.exit_standby("hosts", &hosts[0]).unwrap();
    assert_eq!((state(&world, &hosts[0]), world.desired_capacity("hosts")), ("InService", Some(1)));
    world.enter_standby("hosts", &hosts[0]).unwrap();
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    assert_eq!((state(&world, &hosts[0]), world.desired_capacity("hosts")), ("Terminating:Wait", Some(0)));
}
