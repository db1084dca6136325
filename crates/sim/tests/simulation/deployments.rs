//! Rolling deployments, alone and while a host is drained.

use fleetkeeper_sim::{Service, TaskDefinition, World};

use crate::scene::{described, drain, tasks_on, two_hosts_with_web, web, world_of_hosts};

/// The least healthy and the most unstopped tasks of `web` while time passes.
fn extremes(world: &mut World, seconds: u32) -> (usize, usize) {
    let (mut least, mut most) = (usize::MAX, 0);
    for _ in 0..seconds {
        world.advance_seconds(1);
        let now = world.now();
        let tasks = world.tasks_of_service("demo", "web");
        least = least.min(tasks.iter().filter(|task| task.is_healthy(now)).count());
        most = most.max(tasks.len());
    }
    (least, most)
}

/// The revisions of the service's unstopped tasks.
fn revisions(world: &World) -> Vec<u32> {
    let mut all: Vec<u32> =
        world.tasks_of_service("demo", "web").iter().map(|task| task.definition.revision).collect();
    all.sort_unstable();
    all
}

#[test]
fn tasks_are_replaced_within_the_limits() {
    for (minimum, maximum, within) in [(100, 200, (4, 8)), (100, 150, (4, 6)), (50, 100, (2, 4))] {
        let (mut world, _) = two_hosts_with_web(minimum, maximum);
        for _ in 0..2 {
            world.launch_now("hosts").unwrap();
        }
        world.update_service("demo", "web", web()).unwrap();
        assert!(!world.is_steady("demo", "web"));
        assert_eq!(extremes(&mut world, 600), within, "{minimum} and {maximum} percent");
        assert_eq!(revisions(&world), [2; 4]);
        assert!(world.is_steady("demo", "web"));
    }
}

#[test]
fn a_new_definition_is_its_familys_next_revision() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    let arn = |world: &World| world.tasks_of_service("demo", "web")[0].definition.arn();
    assert!(arn(&world).ends_with(":task-definition/web:1"));
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(5);
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(300);
    assert!(arn(&world).ends_with(":task-definition/web:3"), "{}", arn(&world));
    assert!(world.history().to_string().contains("service web: deployment of web:3"));
    assert_eq!(world.update_service("demo", "none", web()).unwrap_err().code, "ServiceNotFoundException");
}

#[test]
fn a_host_is_drained_in_the_middle_of_a_deployment() {
    let (mut world, hosts) = two_hosts_with_web(100, 150);
    for _ in 0..2 {
        world.launch_now("hosts").unwrap();
    }
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(3);
    drain(&mut world, &hosts[0]);
    assert_eq!(extremes(&mut world, 600), (4, 6));
    assert_eq!(described(&world, &hosts[0]).running_tasks, 0);
    assert_eq!(revisions(&world), [2; 4]);
    assert!(world.is_steady("demo", "web"));
}

#[test]
fn with_100_and_100_percent_neither_a_deployment_nor_a_drain_ever_moves() {
    let (mut world, hosts) = two_hosts_with_web(100, 100);
    world.launch_now("hosts").unwrap();
    world.update_service("demo", "web", web()).unwrap();
    drain(&mut world, &hosts[0]);
    world.advance_seconds(7 * 24 * 3600);
    assert_eq!(revisions(&world), [1; 4]);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 2);
}

#[test]
fn a_definition_that_fits_nowhere_leaves_the_old_tasks_where_they_are() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    world.update_service("demo", "web", TaskDefinition::new("web", 4096, 512)).unwrap();
    world.advance_seconds(3600);
    assert_eq!(revisions(&world), [1; 4]);
    assert!(world.history().to_string().contains("service web: no room for a task, RESOURCE:CPU"));
}

#[test]
fn a_daemons_new_task_starts_when_the_hosts_old_one_has_stopped() {
    let (mut world, hosts) = world_of_hosts(4);
    let agent = || TaskDefinition::new("logs", 100, 100).pending(1).healthy_after(5).stopping(10);
    world.create_service("demo", Service::daemon("web", agent()).percents(50, 100)).unwrap();
    world.advance_seconds(30);
    world.update_service("demo", "web", agent()).unwrap();
    assert_eq!(extremes(&mut world, 120), (2, 4));
    assert_eq!(revisions(&world), [2; 4]);
    assert!(hosts.iter().all(|host| tasks_on(&world, host, "RUNNING").len() == 1));
}
