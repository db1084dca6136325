//! Which of the eligible hosts a task goes to: under every mode only an eligible one.

use std::collections::BTreeSet;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::ecs::placement_mode::PlacementMode;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, Service, TaskDefinition, World};

use crate::scene::{described, start, tasks_on, world_of_group};

const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];

const ALL: [PlacementMode; 5] = [
    PlacementMode::FewestTasks,
    PlacementMode::SpreadOverZones,
    PlacementMode::BinpackCpu,
    PlacementMode::BinpackMemory,
    PlacementMode::Random,
];

/// Eight hosts in two zones, and a service's tasks on them.
fn placed(mode: PlacementMode, seed: u64, tasks: u32) -> (World, Vec<Ec2InstanceId>) {
    let mut world = world_of_group(|group| group.in_zones(&ZONES));
    world.place_by(mode, seed);
    let hosts = (0..8).map(|_| world.launch_now("hosts").unwrap()).collect();
    world.create_service("demo", Service::new("web", tasks, TaskDefinition::new("web", 512, 512))).unwrap();
    world.advance_seconds(30);
    (world, hosts)
}

fn counts(world: &World, hosts: &[Ec2InstanceId]) -> Vec<usize> {
    hosts.iter().map(|host| tasks_on(world, host, "RUNNING").len()).collect()
}

#[test]
fn one_seed_decides_and_another_decides_otherwise() {
    let of_seed = |mode, seed| {
        let (world, hosts) = placed(mode, seed, 8);
        counts(&world, &hosts)
    };
    for mode in ALL {
        assert_eq!(of_seed(mode, 1), of_seed(mode, 1), "{mode:?}");
    }
    for mode in [PlacementMode::SpreadOverZones, PlacementMode::Random] {
        let seen: BTreeSet<_> = (0..10).map(|seed| of_seed(mode, seed)).collect();
        assert!(seen.len() > 5, "{mode:?}: {seen:?}");
    }
    assert_eq!(of_seed(PlacementMode::FewestTasks, 1), [1; 8]);
}

#[test]
fn all_room_is_used_whatever_the_mode() {
    for mode in ALL {
        let (world, hosts) = placed(mode, 7, 40);
        assert_eq!(counts(&world, &hosts), [4; 8], "{mode:?}");
    }
}

#[test]
fn binpack_fills_a_host_before_the_next() {
    for mode in [PlacementMode::BinpackCpu, PlacementMode::BinpackMemory] {
        let (world, hosts) = placed(mode, 3, 10);
        let mut counts = counts(&world, &hosts);
        counts.sort_unstable();
        assert_eq!(counts, [0, 0, 0, 0, 0, 2, 4, 4], "{mode:?}");
    }
}

#[test]
fn a_spread_keeps_the_zones_balanced_for_each_service() {
    let (mut world, hosts) = placed(PlacementMode::SpreadOverZones, 5, 9);
    world.create_service("demo", Service::new("api", 6, TaskDefinition::new("api", 64, 64))).unwrap();
    world.advance_seconds(30);
    let in_zone = |zone: &str, service: &str| {
        let own = hosts.iter().filter(|host| {
            described(&world, host).attributes["ecs.availability-zone"].as_deref() == Some(zone)
        });
        let arns: BTreeSet<_> = own.map(|host| described(&world, host).arn).collect();
        let tasks = world.tasks_of_service("demo", service);
        tasks.iter().filter(|task| arns.contains(&task.container_instance)).count()
    };
    let mut web = ZONES.map(|zone| in_zone(zone, "web"));
    web.sort_unstable();
    assert_eq!((web, ZONES.map(|zone| in_zone(zone, "api"))), ([4, 5], [3, 3]));
}

#[test]
fn only_eligible_hosts_are_drawn() {
    for mode in ALL {
        let mut world = world_of_group(|group| group.in_zones(&ZONES));
        world.place_by(mode, 11);
        for _ in 0..4 {
            world.launch_now("hosts").unwrap();
        }
        let arm = InstanceType::new("m6g.medium", 2048, 3767);
        let arm = world.launch_now_of_type("hosts", arm).unwrap();
        let definition = TaskDefinition::new("arm", 512, 512).cpu_architecture("ARM64");
        world.create_service("demo", Service::new("arm", 4, definition)).unwrap();
        world.advance_seconds(30);
        assert_eq!(tasks_on(&world, &arm, "RUNNING").len(), 4, "{mode:?}");
    }
}

/// Hosts of four places each, as few or as even as the mode makes them; then half of the tasks go.
#[test]
fn a_service_that_shrinks_empties_hosts_under_binpack_and_keeps_zones_even_under_spread() {
    let after = |mode| {
        let mut world = World::new(start());
        world.add_cluster("demo");
        world.place_by(mode, 5);
        let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 4000));
        world.add_group(group.in_cluster("demo").in_zones(&["us-east-1a", "us-east-1b"]));
        let hosts: Vec<_> = (0..4).map(|_| world.launch_now("hosts").unwrap()).collect();
        let web = TaskDefinition::new("web", 512, 512);
        for count in [3, 8, 13, 16, 8] {
            if world.tasks_of_service("demo", "web").is_empty() {
                world.create_service("demo", Service::new("web", count, web.clone())).unwrap();
            }
            world.set_desired_count("demo", "web", count).unwrap();
            world.advance_seconds(90);
        }
        let mut tasks: Vec<u32> = hosts
            .iter()
            .map(|host| world.container_instance_of("demo", host).unwrap().running_tasks)
            .collect();
        let of_first_zone = tasks[0] + tasks[2];
        tasks.sort_unstable();
        (tasks, of_first_zone)
    };
    assert_eq!(after(PlacementMode::BinpackCpu).0, [0, 0, 4, 4]);
    assert_eq!(after(PlacementMode::SpreadOverZones).1, 4);
}
