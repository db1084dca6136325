//! `DescribeServices`: a service's tasks, its limits, and its scheduler's events.

use fleetkeeper_core::ports::Services;
use fleetkeeper_core::service::SchedulingStrategy;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::describe_services::DescribedService;
use fleetkeeper_sim::{Service, SharedWorld, SimulatedAws, TaskDefinition, World};

use crate::scene::{arn_of, drain, tasks_on, two_hosts_with_web, web, world_of_hosts};

fn service(world: &World, name: &str) -> DescribedService {
    world.describe_services(Some("demo"), &[name.to_owned()]).unwrap().items.pop().unwrap()
}

/// The events' messages, newest first, without the prefix that names the service.
fn told(world: &World) -> Vec<String> {
    let events = service(world, "web").events.into_iter();
    events.map(|event| event.message.strip_prefix("(service web) ").unwrap().to_owned()).collect()
}

fn end(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

#[test]
fn counts_and_limits_are_those_of_the_service() {
    let (mut world, _) = two_hosts_with_web(50, 150);
    world.create_service("demo", Service::daemon("agent", TaskDefinition::new("agent", 128, 128))).unwrap();
    world.set_desired_count("demo", "web", 5).unwrap();
    world.advance_seconds(2);
    let web = service(&world, "web");
    assert_eq!((web.desired, web.running, web.pending), (5, 4, 1));
    assert_eq!((web.minimum_healthy_percent, web.maximum_percent), (50, 150));
    assert_eq!(web.arn, "arn:aws:ecs:us-east-1:111122223333:service/demo/web");
    let agent = service(&world, &service(&world, "agent").arn);
    assert_eq!((agent.desired, agent.running, agent.pending), (2, 0, 2), "one on each host");
    assert_eq!((agent.minimum_healthy_percent, agent.maximum_percent), (0, 100));
}

#[test]
fn what_is_not_there_is_missing_and_more_than_ten_are_refused() {
    let (world, _) = two_hosts_with_web(100, 200);
    let names = ["web", "none"].map(str::to_owned);
    let answer = world.describe_services(Some("demo"), &names).unwrap();
    assert_eq!((answer.items.len(), answer.failures.len()), (1, 1));
    assert_eq!(answer.failures[0].reason, "MISSING");
    assert_eq!(answer.failures[0].arn, "arn:aws:ecs:us-east-1:111122223333:service/demo/none");
    for count in [0, 11] {
        let names = vec!["web".to_owned(); count];
        let error = world.describe_services(Some("demo"), &names).unwrap_err();
        assert_eq!(error.code, "InvalidParameterException");
    }
    assert_eq!(world.describe_services(None, &names).unwrap_err().code, "ClusterNotFoundException");
}

#[test]
fn the_scheduler_logs_its_steps_in_ecss_words() {
    let (mut world, hosts) = two_hosts_with_web(50, 100);
    let all = told(&world);
    assert_eq!(all[0], "has reached a steady state.");
    assert!(all[1].starts_with("has started 4 tasks: (task "), "{all:?}");
    let leaving = tasks_on(&world, &hosts[0], "RUNNING");
    drain(&mut world, &hosts[0]);
    world.advance_seconds(1);
    let stopped = &told(&world)[0];
    assert!(stopped.starts_with("has stopped 2 running tasks: (task "), "{stopped}");
    assert!(leaving.iter().all(|task| stopped.contains(&format!("(task {})", end(&task.0)))), "{stopped}");
    world.advance_seconds(120);
    assert_eq!(told(&world)[0], "has reached a steady state.");
}

#[test]
fn a_placement_failure_is_logged_once_and_again_after_six_hours() {
    let (mut world, hosts) = world_of_hosts(1);
    let large = TaskDefinition::new("web", 512, 3000);
    world.create_service("demo", Service::new("web", 2, large)).unwrap();
    world.advance_seconds(60);
    let id = end(&arn_of(&world, &hosts[0]).0).to_owned();
    let failure = format!(
        "was unable to place a task because no container instance met all of its requirements. \
         The closest matching (container-instance {id}) has insufficient memory available. \
         For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    );
    let failures = |world: &World| told(world).iter().filter(|text| **text == failure).count();
    assert_eq!(told(&world)[0], failure);
    world.advance_seconds(6 * 3600 - 120);
    assert_eq!(failures(&world), 1);
    world.advance_seconds(180);
    assert_eq!(failures(&world), 2);

    world.launch_now("hosts").unwrap();
    world.advance_seconds(60);
    assert_eq!(told(&world)[0], "has reached a steady state.");
    world.set_desired_count("demo", "web", 3).unwrap();
    world.advance_seconds(2);
    assert_eq!(failures(&world), 2, "another host is the closest");
    assert!(told(&world)[0].contains("has insufficient memory available."), "{:?}", told(&world));
}

#[test]
fn each_lack_has_its_words() {
    for (definition, hosts, words) in [
        (web(), 0, "Reason: No Container Instances were found in your cluster."),
        (TaskDefinition::new("web", 4096, 10), 1, "has insufficient CPU units available."),
        (web().tcp_port(22), 1, "is already using a port required by your task."),
        (
            web().member_of("ecs.instance-type", "none"),
            1,
            "encountered error \"MemberOf placement constraint unsatisfied\".",
        ),
    ] {
        let (mut world, _) = world_of_hosts(hosts);
        world.create_service("demo", Service::new("web", 1, definition)).unwrap();
        world.advance_seconds(2);
        assert!(told(&world)[0].contains(words), "{words}: {:?}", told(&world));
    }
}

#[test]
fn the_latest_hundred_are_kept() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    for count in 0..80 {
        world.set_desired_count("demo", "web", 3 + count % 2).unwrap();
        world.advance_seconds(120);
    }
    let events = service(&world, "web").events;
    assert_eq!(events.len(), 100);
    assert!(events.is_sorted_by(|one, next| one.at >= next.at), "newest first");
}

#[tokio::test(start_paused = true)]
async fn the_port_describes_services_and_a_fault_may_be_on_one() {
    let (mut world, _) = two_hosts_with_web(50, 150);
    world.create_service("demo", Service::daemon("agent", TaskDefinition::new("agent", 128, 128))).unwrap();
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let demo = "demo".parse().unwrap();
    let names = ["web", "agent"].map(str::to_owned);
    let told = aws.describe_services(&demo, &names).await.unwrap();
    let strategies: Vec<_> = told.items.iter().map(|service| service.strategy).collect();
    assert_eq!(strategies, [SchedulingStrategy::Replica, SchedulingStrategy::Daemon]);
    assert_eq!((told.items[0].minimum_healthy_percent, told.items[0].maximum_percent), (50, 150));
    assert_eq!(told.items[0].events[0].message, "(service web) has reached a steady state.");

    aws.world().faults(|faults| {
        faults.plant(Operation::DescribeServices, When::Nth(1), Fault::Failure { reason: "MISSING" });
    });
    let told = aws.describe_services(&demo, &names).await.unwrap();
    assert_eq!((told.items.len(), told.failures[0].arn.as_str()), (1, "web"));
}

#[test]
fn reads_of_services_and_protections_have_buckets_of_their_own() {
    let (mut world, _) = world_of_hosts(1);
    world.limit_request_rates();
    for (operation, burst, a_second) in
        [(Operation::DescribeServices, 100, 20), (Operation::GetTaskProtection, 200, 80)]
    {
        let granted =
            |world: &mut World| (0..1000).take_while(|_| world.take_token(operation).is_ok()).count();
        assert_eq!(granted(&mut world), burst);
        world.advance_seconds(1);
        assert_eq!(granted(&mut world), a_second);
    }
}

/// API reference, `ListServices`: ten on a page by default, 100 at most.
#[test]
fn a_page_of_services_holds_ten_unless_the_caller_asks_for_more() {
    let (mut world, _) = world_of_hosts(0);
    for number in 0..12 {
        let name = format!("web-{number}");
        world.create_service("demo", Service::new(&name, 0, TaskDefinition::new("web", 256, 512))).unwrap();
    }
    let demo = |max_results| world.list_services(Some("demo"), None, max_results, None).unwrap().items.len();
    assert_eq!((demo(None), demo(Some(100))), (10, 12));
}
