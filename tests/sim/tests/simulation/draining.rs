//! The effect of DRAINING on services' tasks, within their minimum and maximum, and on others.
use fleetkeeper_sim::{Service, TaskDefinition, World};

use crate::scene::{described, drain, last_statuses, tasks_on, two_hosts_with_web, web, world_of_hosts};

/// The least healthy and the most unstopped tasks of `web` while time passes, second by second.
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

#[test]
fn with_100_and_200_percent_replacements_come_first() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    drain(&mut world, &hosts[0]);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 2, "the scheduler has not noticed yet");
    assert_eq!(extremes(&mut world, 120), (4, 6));
    assert!(tasks_on(&world, &hosts[0], "RUNNING").is_empty());
    assert_eq!(tasks_on(&world, &hosts[1], "RUNNING").len(), 4);
    assert!(world.is_steady("demo", "web"));
}

#[test]
fn with_50_and_100_percent_tasks_go_first_and_keep_their_place_until_they_have_stopped() {
    let (mut world, hosts) = two_hosts_with_web(50, 100);
    drain(&mut world, &hosts[0]);
    world.advance_seconds(2);
    assert_eq!(
        tasks_on(&world, &hosts[1], "RUNNING").len(),
        2,
        "replacements wait for room below the maximum"
    );
    assert_eq!(extremes(&mut world, 120), (2, 4));
    assert!(world.is_steady("demo", "web"));
}

#[test]
fn with_100_and_100_percent_nothing_ever_moves() {
    let (mut world, hosts) = two_hosts_with_web(100, 100);
    drain(&mut world, &hosts[0]);
    world.advance_seconds(7 * 24 * 3600);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 2);

    // The maximum is rounded down: one task and 150 percent is the same deadlock.
    let (mut world, hosts) = world_of_hosts(2);
    world.create_service("demo", Service::new("web", 1, web()).percents(100, 150)).unwrap();
    world.advance_seconds(60);
    for host in &hosts {
        drain(&mut world, host);
    }
    world.launch_now("hosts").unwrap();
    world.advance_seconds(7 * 24 * 3600);
    assert_eq!(hosts.iter().map(|host| described(&world, host).running_tasks).sum::<u32>(), 1);
}

#[test]
fn the_minimum_is_rounded_up() {
    let (mut world, hosts) = world_of_hosts(1);
    world.create_service("demo", Service::new("web", 3, web()).percents(50, 100)).unwrap();
    world.advance_seconds(60);
    drain(&mut world, &hosts[0]);
    world.advance_seconds(300);
    // Two of three must stay, and there is nowhere else to go.
    assert_eq!(described(&world, &hosts[0]).running_tasks, 2);
    world.launch_now("hosts").unwrap();
    world.advance_seconds(300);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 0);
}

#[test]
fn without_room_elsewhere_the_drain_stalls_until_there_is() {
    let (mut world, hosts) = world_of_hosts(2);
    let big = TaskDefinition::new("web", 1500, 1000).healthy_after(10).stopping(10);
    world.create_service("demo", Service::new("web", 2, big)).unwrap();
    world.advance_seconds(60);
    drain(&mut world, &hosts[0]);
    world.advance_seconds(3600);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 1);
    let told = world.history().to_string().matches("no room for a task, RESOURCE:CPU").count();
    assert_eq!(told, 1, "a placement failure is told once");
    world.launch_now("hosts").unwrap();
    world.advance_seconds(60);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 0);
}

#[test]
fn a_services_pending_tasks_stop_at_once() {
    let (mut world, hosts) = world_of_hosts(2);
    world.create_service("demo", Service::new("web", 2, web().pending(100))).unwrap();
    world.advance_seconds(10);
    let pending = tasks_on(&world, &hosts[0], "RUNNING");
    assert_eq!(last_statuses(&world, &pending), ["PENDING"]);
    drain(&mut world, &hosts[0]);
    assert_eq!(last_statuses(&world, &pending), ["STOPPED"]);
    assert_eq!(described(&world, &hosts[0]).pending_tasks, 0);
}

#[test]
fn standalone_tasks_are_left_alone() {
    let (mut world, hosts) = world_of_hosts(1);
    let ends = world.run_task("demo", &TaskDefinition::new("job", 128, 128).running_for(1000)).unwrap();
    let stays = world.run_task("demo", &TaskDefinition::new("tool", 128, 128)).unwrap();
    let pending = world.run_task("demo", &TaskDefinition::new("slow", 128, 128).pending(500)).unwrap();
    drain(&mut world, &hosts[0]);
    let all = [ends, stays, pending];
    world.advance_seconds(400);
    assert_eq!(last_statuses(&world, &all), ["RUNNING", "RUNNING", "PENDING"]);
    world.advance_seconds(3000);
    assert_eq!(last_statuses(&world, &all), ["STOPPED", "RUNNING", "RUNNING"]);
}

#[test]
fn draining_places_nothing_and_stays_until_set_back() {
    let (mut world, hosts) = world_of_hosts(1);
    drain(&mut world, &hosts[0]);
    assert_eq!(world.run_task("demo", &web()).unwrap_err().message, "NO_CONTAINER_INSTANCES");
    let arn = described(&world, &hosts[0]).arn;
    world.update_container_instances_state(Some("demo"), &[arn.0], "ACTIVE").unwrap();
    world.run_task("demo", &web()).unwrap();
}

#[test]
fn the_answer_shows_the_instances_after_the_update() {
    let (mut world, hosts) = world_of_hosts(2);
    let slow = TaskDefinition::new("slow", 512, 512).pending(300);
    world.create_service("demo", Service::new("slow", 2, slow)).unwrap();
    world.advance_seconds(10);
    let before = described(&world, &hosts[0]);
    assert_eq!((before.pending_tasks, before.remaining.cpu.0), (1, 1536));
    // The PENDING task is desired STOPPED at once.
    let named = [before.arn.0.clone(), "none".to_owned()];
    let answer = world.update_container_instances_state(Some("demo"), &named, "DRAINING").unwrap();
    let told = &answer.items[0];
    assert_eq!((told.status.to_string().as_str(), answer.failures.len()), ("DRAINING", 1));
    assert_eq!((told.pending_tasks, told.remaining.cpu.0), (0, 2048));
    assert!(told.version > before.version);
    assert_eq!(*told, described(&world, &hosts[0]));
}
