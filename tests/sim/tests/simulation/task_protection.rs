//! Protected tasks: their service's scheduler leaves them alone.

use chrono::TimeDelta;
use fleetkeeper_core::ports::TaskProtections;
use fleetkeeper_sim::{Service, SharedWorld, SimulatedAws, TaskDefinition};

use crate::scene::{drain, last_statuses, start, tasks_on, two_hosts_with_web, web, world_of_hosts};

#[test]
fn a_protected_task_holds_a_drain_open_until_its_time_is_over() {
    let (mut world, hosts) = two_hosts_with_web(50, 200);
    let tasks = tasks_on(&world, &hosts[0], "RUNNING");
    let until = world.now() + TimeDelta::seconds(1800);
    world.protect_task("demo", &tasks[0], until).unwrap();
    drain(&mut world, &hosts[0]);
    world.advance_seconds(1799);
    assert_eq!(last_statuses(&world, &tasks), ["RUNNING", "STOPPED"]);
    assert_eq!(tasks_on(&world, &hosts[1], "RUNNING").len(), 4, "its replacement runs all the same");
    world.advance_seconds(60);
    assert_eq!(last_statuses(&world, &tasks), ["STOPPED", "STOPPED"]);
    assert!(world.is_steady("demo", "web"));
}

#[test]
fn stop_task_stops_it_all_the_same() {
    let (mut world, hosts) = two_hosts_with_web(50, 200);
    let tasks = tasks_on(&world, &hosts[0], "RUNNING");
    let until = world.now() + TimeDelta::hours(48);
    world.protect_task("demo", &tasks[0], until).unwrap();
    world.stop_task("demo", &tasks[0]).unwrap();
    world.advance_seconds(40);
    assert_eq!(last_statuses(&world, &tasks[..1]), ["STOPPED"]);
}

#[test]
fn a_scale_in_and_a_deployment_leave_it_too() {
    let (mut world, hosts) = two_hosts_with_web(50, 200);
    let kept = tasks_on(&world, &hosts[0], "RUNNING").remove(0);
    let until = world.now() + TimeDelta::seconds(1000);
    world.protect_task("demo", &kept, until).unwrap();
    world.set_desired_count("demo", "web", 1).unwrap();
    world.advance_seconds(100);
    assert_eq!(world.tasks_of_service("demo", "web").len(), 1);
    assert_eq!(last_statuses(&world, std::slice::from_ref(&kept)), ["RUNNING"]);
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(800);
    assert_eq!(last_statuses(&world, std::slice::from_ref(&kept)), ["RUNNING"]);
    world.advance_seconds(200);
    assert_eq!(last_statuses(&world, &[kept]), ["STOPPED"]);
}

#[tokio::test(start_paused = true)]
async fn the_port_shows_the_protected_tasks_and_those_that_cannot_be() {
    let (mut world, hosts) = world_of_hosts(1);
    world.create_service("demo", Service::new("web", 2, web())).unwrap();
    world.advance_seconds(60);
    let tasks = tasks_on(&world, &hosts[0], "RUNNING");
    let job = world.run_task("demo", &TaskDefinition::new("job", 128, 128)).unwrap();
    let until = start() + TimeDelta::seconds(600);
    world.protect_task("demo", &tasks[0], until).unwrap();
    assert!(world.protect_task("demo", &job, until).is_err());
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let demo = "demo".parse().unwrap();

    let mut gone = job.clone();
    gone.0.push('0');
    let asked = [tasks[0].clone(), tasks[1].clone(), job, gone];
    let told = aws.task_protection(&demo, &asked).await.unwrap();
    let of = |at: usize| (told.items[at].task.clone(), told.items[at].protected, told.items[at].until);
    assert_eq!(of(0), (tasks[0].clone(), true, Some(until)));
    assert_eq!(of(1), (tasks[1].clone(), false, None));
    let reasons: Vec<_> = told.failures.iter().map(|failure| failure.reason.as_str()).collect();
    assert_eq!(reasons, ["TASK_NOT_VALID", "MISSING"]);

    aws.world().with(|world| world.advance_seconds(600));
    let told = aws.task_protection(&demo, &asked[..1]).await.unwrap();
    assert_eq!((told.items[0].protected, told.items[0].until), (false, None));
}
