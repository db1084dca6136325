//! `StopTask`, and how long a stop may take.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::CpuUnits;
use fleetkeeper_core::ports::{TaskDefinitions, TaskStopping};
use fleetkeeper_core::task::{TaskArn, TaskDefinitionArn};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::task::StopCode;
use fleetkeeper_sim::{SharedWorld, SimulatedAws, TaskDefinition};

use crate::scene::{drain, last_statuses, task, tasks_on, two_hosts_with_web, web, world_of_hosts};

#[test]
fn a_stopped_task_goes_its_way_with_the_reason_and_its_service_replaces_it_elsewhere() {
    let (mut world, hosts) = two_hosts_with_web(100, 100);
    drain(&mut world, &hosts[0]);
    world.advance_seconds(60);
    let stuck = tasks_on(&world, &hosts[0], "RUNNING");
    assert_eq!(stuck.len(), 2, "nothing moves between 100 and 100 percent");

    let arn = &stuck[0];
    let id = arn.0.rsplit('/').next().unwrap();
    let answer = world.stop_task_because(Some("demo"), id, Some("no time left")).unwrap();
    assert_eq!((&answer.arn, answer.last_status.as_str()), (arn, "DEACTIVATING"));
    let told = task(&world, arn);
    assert_eq!(
        (told.stop_code, told.stopped_reason.as_deref()),
        (Some(StopCode::UserInitiated), Some("no time left"))
    );
    // Its deregistration delay and its time to stop, as by any stop; with a maximum of 100 percent
    // no replacement before.
    world.advance_seconds(39);
    assert_eq!(last_statuses(&world, std::slice::from_ref(arn)), ["STOPPING"]);
    assert_eq!(tasks_on(&world, &hosts[1], "RUNNING").len(), 2);
    world.advance_seconds(3);
    assert_eq!(last_statuses(&world, std::slice::from_ref(arn)), ["STOPPED"]);
    assert_eq!(tasks_on(&world, &hosts[1], "RUNNING").len(), 3);
}

#[test]
fn a_second_stop_changes_nothing_and_what_is_unknown_or_too_long_is_refused() {
    let (mut world, _) = world_of_hosts(1);
    let arn = world.run_task("demo", &web()).unwrap();
    world.advance_seconds(10);
    let mut stop = |reason: &str| world.stop_task_because(Some("demo"), &arn.0, Some(reason));
    let too_long = stop(&"x".repeat(256)).unwrap_err();
    assert_eq!(too_long.code, "InvalidParameterException");
    stop(&"é".repeat(255)).unwrap();
    let again = stop("again").unwrap();
    assert_eq!(again.stopped_reason.unwrap(), "é".repeat(255));
    world.advance_seconds(60);
    assert!(world.stop_task("demo", &arn).is_ok(), "stopped, and still told of");
    world.advance_seconds(3600);
    let forgotten = world.stop_task("demo", &arn).unwrap_err();
    assert_eq!((forgotten.code, forgotten.status), ("InvalidParameterException", 400));
    assert_eq!(forgotten.message, "The referenced task was not found.");
    assert_eq!(world.stop_task("none", &arn).unwrap_err().code, "ClusterNotFoundException");
}

#[test]
fn containers_that_take_too_long_are_killed_at_their_stop_timeout() {
    let (mut world, _) = world_of_hosts(1);
    let slow = TaskDefinition::new("slow", 256, 256).stopping(500).stop_timeout(120);
    let quick = TaskDefinition::new("quick", 256, 256).stopping(5).stop_timeout(120);
    let tasks = [&slow, &quick].map(|definition| world.run_task("demo", definition).unwrap());
    world.advance_seconds(10);
    for task in &tasks {
        world.stop_task("demo", task).unwrap();
    }
    world.advance_seconds(5);
    assert_eq!(last_statuses(&world, &tasks), ["STOPPING", "STOPPED"]);
    world.advance_seconds(114);
    assert_eq!(last_statuses(&world, &tasks), ["STOPPING", "STOPPED"]);
    world.advance_seconds(1);
    assert_eq!(last_statuses(&world, &tasks), ["STOPPED", "STOPPED"]);
}

#[test]
fn changes_and_reads_of_definitions_have_their_buckets() {
    let (mut world, _) = world_of_hosts(1);
    world.limit_request_rates();
    for _ in 0..50 {
        world.take_token(Operation::StopTask).unwrap();
        world.take_token(Operation::UpdateContainerInstancesState).unwrap();
        world.take_token(Operation::DescribeTaskDefinition).unwrap();
    }
    for spent in [Operation::StopTask, Operation::DescribeTaskDefinition] {
        assert_eq!(world.take_token(spent).unwrap_err().code, "ThrottlingException");
    }
}

#[tokio::test(start_paused = true)]
async fn the_ports_take_an_unknown_task_for_stopped_and_describe_task_definitions() {
    let (mut world, _) = world_of_hosts(1);
    let definition = |family: &str| TaskDefinition::new(family, 128, 128);
    let made = [definition("plain"), definition("set").stop_timeout(7)];
    let tasks = made.map(|definition| world.run_task("demo", &definition).unwrap());
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let demo: Cluster = "demo".parse().unwrap();

    for family in ["plain", "set"] {
        let arn = TaskDefinitionArn(format!("arn:aws:ecs:us-east-1:111122223333:task-definition/{family}:1"));
        let described = aws.describe_task_definition(&arn).await.unwrap();
        assert_eq!((&described.arn, described.needs.cpu), (&arn, CpuUnits(128)));
    }
    let unknown = TaskDefinitionArn("none:1".to_owned());
    assert!(aws.describe_task_definition(&unknown).await.is_err());

    aws.stop_task(&demo, &tasks[0], &"x".repeat(1000)).await.unwrap();
    let reason = aws.world().with(|world| task(world, &tasks[0]).stopped_reason.unwrap());
    assert_eq!(reason.len(), 255);
    aws.stop_task(&demo, &TaskArn(tasks[0].0.replace("task/demo/", "task/demo/0")), "").await.unwrap();
    aws.stop_task(&"none".parse().unwrap(), &tasks[0], "").await.unwrap_err();
}
