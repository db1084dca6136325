//! Services whose tasks ECS moves to emptier zones.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::{PlacementMode, Service, TaskDefinition, World};

use crate::scene::{drain, tasks_on, web, world_of_group};

const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];

/// A service's tasks on one host, and then a host in the other zone.
fn uneven(service: Service) -> (World, [Ec2InstanceId; 2]) {
    let mut world = world_of_group(|group| group.in_zones(&ZONES));
    let first = world.launch_now("hosts").unwrap();
    world.create_service("demo", service).unwrap();
    world.advance_seconds(120);
    assert!(world.is_steady("demo", "web"), "{}", world.history());
    let second = world.launch_now("hosts").unwrap();
    (world, [first, second])
}

fn balanced_after(tasks: u32, seconds: u32) -> Service {
    Service::new("web", tasks, web()).rebalancing_zones_after(seconds)
}

fn running(world: &World, hosts: &[Ec2InstanceId; 2]) -> [usize; 2] {
    hosts.each_ref().map(|host| tasks_on(world, host, "RUNNING").len())
}

#[test]
fn one_task_moves_after_the_other_whatever_places_tasks() {
    for mode in [PlacementMode::FewestTasks, PlacementMode::BinpackMemory, PlacementMode::Random] {
        let (mut world, hosts) = uneven(balanced_after(4, 30));
        world.place_by(mode, 1);
        world.advance_seconds(1);
        assert_eq!(running(&world, &hosts), [4, 0]);
        let mut most = 0;
        for _ in 0..600 {
            world.advance_seconds(1);
            most = most.max(running(&world, &hosts).iter().sum());
        }
        assert_eq!((running(&world, &hosts), most), ([2, 2], 5), "{mode:?}");
        assert!(world.is_steady("demo", "web"));
    }
}

#[test]
fn a_difference_of_one_is_even() {
    let (mut world, hosts) = uneven(balanced_after(1, 1));
    world.advance_seconds(600);
    assert_eq!(running(&world, &hosts), [1, 0]);
}

#[test]
fn without_room_in_the_emptier_zone_nothing_moves_until_there_is() {
    let (mut world, hosts) = uneven(balanced_after(3, 1));
    let whole_host = TaskDefinition::new("job", 2000, 3000).running_for(300);
    world.start_task("demo", &whole_host, &hosts[1]).unwrap();
    world.advance_seconds(200);
    assert_eq!(running(&world, &hosts), [3, 1]);
    world.advance_seconds(400);
    assert_eq!(running(&world, &hosts), [2, 1]);
}

#[test]
fn a_task_that_is_started_on_a_host_that_drains_by_then_balances_nothing() {
    let (mut world, hosts) = uneven(balanced_after(3, 1));
    world.advance_seconds(4);
    assert_eq!(running(&world, &hosts), [3, 1]);
    drain(&mut world, &hosts[1]);
    world.advance_seconds(300);
    assert_eq!(running(&world, &hosts), [3, 0]);
    assert!(world.is_steady("demo", "web"));
}
