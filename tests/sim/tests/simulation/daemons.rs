//! DAEMON services: one task on each host that takes tasks, the first to come and the last to go.

use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::outbox::Emitted;
use fleetkeeper_sim::{InstanceType, Service, TaskDefinition, World};

use crate::scene::{described, drain, last_statuses, tasks_on, web, world_of_hosts};

fn agent() -> TaskDefinition {
    TaskDefinition::new("logs", 100, 100).pending(1).healthy_after(1).stopping(5)
}

fn hosts_of(world: &World, service: &str) -> Vec<String> {
    let mut hosts: Vec<String> = world
        .tasks_of_service("demo", service)
        .iter()
        .map(|task| task.container_instance.0.clone())
        .collect();
    hosts.sort_unstable();
    hosts
}

#[test]
fn every_host_that_takes_tasks_and_meets_the_constraint_gets_one() {
    let (mut world, hosts) = world_of_hosts(3);
    world.set_agent_connected("demo", &hosts[1], false).unwrap();
    world.create_service("demo", Service::daemon("logs", agent())).unwrap();
    let gpu_only = TaskDefinition::new("gpu", 10, 10).member_of("kind", "gpu").healthy_after(1);
    world.create_service("demo", Service::daemon("gpu", gpu_only)).unwrap();
    world.advance_seconds(30);
    let on = |world: &World, host| tasks_on(world, host, "RUNNING").len();
    assert_eq!(hosts.iter().map(|host| on(&world, host)).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 1, "a daemon's task counts like any other");
    assert!(world.is_steady("demo", "logs"));

    world.set_agent_connected("demo", &hosts[1], true).unwrap();
    let gpu = InstanceType::new("g5.xlarge", 4096, 15_000).attribute("kind", "gpu");
    let gpu = world.launch_now_of_type("hosts", gpu).unwrap();
    world.advance_seconds(30);
    assert_eq!(hosts.iter().map(|host| on(&world, host)).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(on(&world, &gpu), 2);
    assert!(world.is_steady("demo", "logs") && world.is_steady("demo", "gpu"));
    let mut apart = hosts_of(&world, "logs");
    apart.dedup();
    assert_eq!(apart.len(), 4);
}

#[test]
fn daemons_are_placed_before_others_take_their_room() {
    let (mut world, hosts) = world_of_hosts(1);
    let all = TaskDefinition::new("all", 2048, 1000);
    // By name the replica would come first.
    world.create_service("demo", Service::new("a-web", 1, all)).unwrap();
    world.create_service("demo", Service::daemon("z-logs", agent())).unwrap();
    world.advance_seconds(60);
    assert_eq!(hosts_of(&world, "z-logs"), [described(&world, &hosts[0]).arn.0]);
    assert!(hosts_of(&world, "a-web").is_empty());
}

#[test]
fn on_a_draining_host_the_daemons_task_stops_last() {
    let (mut world, hosts) = world_of_hosts(2);
    world.create_service("demo", Service::daemon("logs", agent())).unwrap();
    world.create_service("demo", Service::new("web", 3, web())).unwrap();
    world.advance_seconds(60);
    let all = tasks_on(&world, &hosts[0], "RUNNING");
    assert!(all.len() > 1);
    drain(&mut world, &hosts[0]);
    let mut daemon_alone = 0;
    for _ in 0..200 {
        world.advance_seconds(1);
        let alive: Vec<String> = world
            .describe_tasks(Some("demo"), &all.iter().map(|arn| arn.0.clone()).collect::<Vec<_>>())
            .unwrap()
            .items
            .into_iter()
            .filter(|task| task.last_status.as_str() != "STOPPED")
            .map(|task| task.group())
            .collect();
        let daemon = alive.iter().any(|group| group == "service:logs");
        assert!(daemon || alive.is_empty(), "the daemon's task stopped before {alive:?}");
        daemon_alone += u32::from(alive == ["service:logs"]);
    }
    assert!(last_statuses(&world, &all).iter().all(|status| *status == "STOPPED"), "{}", world.history());
    // A second until the scheduler notices that the others have stopped, and five to stop.
    assert_eq!(daemon_alone, 6);
    assert!(tasks_on(&world, &hosts[0], "RUNNING").is_empty(), "and it does not come back");

    // Set back to ACTIVE, the host gets its task again.
    let arn = described(&world, &hosts[0]).arn;
    world.update_container_instances_state(Some("demo"), &[arn.0], "ACTIVE").unwrap();
    world.advance_seconds(10);
    assert_eq!(tasks_on(&world, &hosts[0], "RUNNING").len(), 1);
}

#[test]
fn standalone_tasks_are_not_waited_for_and_pending_daemons_wait_for_replicas() {
    let (mut world, hosts) = world_of_hosts(1);
    world.create_service("demo", Service::daemon("logs", agent().pending(500))).unwrap();
    world.create_service("demo", Service::new("web", 1, web())).unwrap();
    let job = world.run_task("demo", &TaskDefinition::new("job", 10, 10)).unwrap();
    world.advance_seconds(60);
    drain(&mut world, &hosts[0]);
    world.advance_seconds(60);
    // Nowhere to go for the replica: it stays, and the daemon's task with it, PENDING as it is.
    assert_eq!(hosts_of(&world, "logs").len(), 1);
    world.launch_now("hosts").unwrap();
    world.advance_seconds(120);
    assert_eq!(tasks_on(&world, &hosts[0], "RUNNING"), std::slice::from_ref(&job));
    assert_eq!(last_statuses(&world, &[job]), ["RUNNING"]);
    assert!(!hosts_of(&world, "logs").contains(&described(&world, &hosts[0]).arn.0));
    assert_eq!(world.history().api_calls().get(&Operation::ListTasks), None);
}

#[test]
fn a_daemon_without_room_on_one_host_is_logged_once() {
    let (mut world, hosts) = world_of_hosts(2);
    world.start_task("demo", &TaskDefinition::new("full", 2048, 100), &hosts[0]).unwrap();
    world.create_service("demo", Service::daemon("logs", agent())).unwrap();
    world.advance_seconds(600);
    assert_eq!(hosts_of(&world, "logs"), [described(&world, &hosts[1]).arn.0]);
    let failures = world
        .history()
        .entries()
        .iter()
        .filter(|entry| matches!(entry.what, Occurrence::PlacementFailed { .. }));
    assert_eq!(failures.count(), 1);
    assert!(!world.is_steady("demo", "logs"));
}

#[test]
fn a_daemon_stays_steady_while_agents_flap() {
    let (mut world, hosts) = world_of_hosts(2);
    world.create_service("demo", Service::daemon("logs", agent())).unwrap();
    world.advance_seconds(60);
    world.take_outbox();
    for host in &hosts {
        for connected in [false, true] {
            world.set_agent_connected("demo", host, connected).unwrap();
            world.advance_seconds(10);
            assert!(world.is_steady("demo", "logs"));
        }
    }
    let told = world.take_outbox();
    assert!(
        !told.iter().any(|emission| matches!(emission.what, Emitted::ServiceAction { .. })),
        "steady all the time"
    );
}
