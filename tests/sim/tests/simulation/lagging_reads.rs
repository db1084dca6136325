//! Reads that are eventually consistent: what is new may be missing, what is gone may be there, and
//! of two reads the second may be the older.

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::ports::Page;
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::list::{ListContainerInstances, ListTasks};
use fleetkeeper_sim::{LaggingReads, TaskDefinition, World};

use crate::scene::{arn_of, described, drain, start, tasks_on, two_hosts_with_web, web, world_of_hosts};

fn lagging(share_per_mille: u32) -> LaggingReads {
    let until = start() + TimeDelta::hours(10);
    LaggingReads { lag_seconds: 3, each_by_its_own: false, share_per_mille, until, seed: 1 }
}

/// An instance's status as a call from outside finds it.
fn status(world: &mut World, arn: &ContainerInstanceArn) -> String {
    let named = [arn.0.clone()];
    let answer = world
        .serve(Operation::DescribeContainerInstances, |world| {
            world.describe_container_instances(Some("demo"), &named)
        })
        .unwrap();
    answer.items.first().map_or_else(|| answer.failures[0].reason.clone(), |found| found.status.to_string())
}

fn listed_tasks(world: &mut World, host: &ContainerInstanceArn, desired: &str) -> Vec<TaskArn> {
    let served = world.serve(Operation::ListTasks, |world| {
        world.list_tasks(ListTasks {
            cluster: Some("demo"),
            container_instance: Some(&host.0),
            desired_status: Some(desired),
            ..ListTasks::default()
        })
    });
    served.unwrap().items
}

fn last_status(world: &mut World, task: &TaskArn) -> String {
    let named = [task.0.clone()];
    let described =
        world.serve(Operation::DescribeTasks, |world| world.describe_tasks(Some("demo"), &named)).unwrap();
    described
        .items
        .first()
        .map_or_else(|| described.failures[0].reason.clone(), |task| task.last_status.to_string())
}

fn found(world: &mut World, host: &Ec2InstanceId) -> Page<ContainerInstanceArn> {
    let filter = format!("ec2InstanceId == {host}");
    let served = world.serve(Operation::ListContainerInstances, |world| {
        world.list_container_instances(ListContainerInstances {
            cluster: Some("demo"),
            filter: Some(&filter),
            ..ListContainerInstances::default()
        })
    });
    served.unwrap()
}

#[test]
fn two_reads_may_go_back_in_time_until_the_copy_has_caught_up() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    let arn = arn_of(&world, &hosts[0]);
    world.lag_reads(lagging(500));
    drain(&mut world, &hosts[0]);
    world.advance_seconds(1);
    let read: Vec<String> = (0..40).map(|_| status(&mut world, &arn)).collect();
    let back = read.windows(2).filter(|pair| pair[0] == "DRAINING" && pair[1] == "ACTIVE").count();
    assert!(back > 3, "{read:?}");
    world.advance_seconds(1);
    assert!((0..40).any(|_| status(&mut world, &arn) == "ACTIVE"), "it lags by three seconds, not two");
    world.advance_seconds(1);
    assert!((0..40).all(|_| status(&mut world, &arn) == "DRAINING"));
}

#[test]
fn a_task_is_desired_stopped_and_still_running_to_a_read_that_lags() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    let host = arn_of(&world, &hosts[0]);
    world.lag_reads(lagging(1000));
    let task = tasks_on(&world, &hosts[0], "RUNNING").remove(0);
    world.stop_task("demo", &task).unwrap();
    assert!(listed_tasks(&mut world, &host, "RUNNING").contains(&task));
    assert!(listed_tasks(&mut world, &host, "STOPPED").is_empty());
    assert_eq!(last_status(&mut world, &task), "RUNNING");
    // A read from inside is the truth.
    assert!(tasks_on(&world, &hosts[0], "STOPPED").contains(&task));
    world.advance_seconds(3);
    assert!(listed_tasks(&mut world, &host, "STOPPED").contains(&task));
    assert_eq!(last_status(&mut world, &task), "DEACTIVATING");
    world.advance_seconds(37);
    assert_eq!(last_status(&mut world, &task), "STOPPING", "STOPPED, in truth");
    world.advance_seconds(3);
    assert_eq!(last_status(&mut world, &task), "STOPPED");
}

#[test]
fn what_is_new_may_be_missing_and_what_is_gone_may_be_there() {
    let (mut world, hosts) = world_of_hosts(1);
    let host = arn_of(&world, &hosts[0]);
    world.lag_reads(lagging(1000));
    let new = world.launch_now("hosts").unwrap();
    let new_arn = arn_of(&world, &new);
    let task = world.start_task("demo", &web(), &hosts[0]).unwrap();
    assert!(found(&mut world, &new).items.is_empty());
    assert_eq!(status(&mut world, &new_arn), "MISSING");
    assert!(listed_tasks(&mut world, &host, "RUNNING").is_empty());
    assert_eq!(last_status(&mut world, &task), "MISSING");
    world.advance_seconds(3);
    assert_eq!(found(&mut world, &new).items, std::slice::from_ref(&new_arn));
    assert_eq!(status(&mut world, &new_arn), "ACTIVE");
    assert_eq!(listed_tasks(&mut world, &host, "RUNNING"), std::slice::from_ref(&task));

    world.lose_instance("hosts", &new).unwrap();
    assert_eq!(found(&mut world, &new).items, std::slice::from_ref(&new_arn));
    assert_eq!(described(&world, &hosts[0]).arn, host);
    world.advance_seconds(3);
    assert!(found(&mut world, &new).items.is_empty());
    assert_eq!(status(&mut world, &new_arn), "INACTIVE");
    world.advance_seconds(3598);
    assert_eq!(status(&mut world, &new_arn), "INACTIVE", "forgotten, in truth");
    world.advance_seconds(3);
    assert_eq!(status(&mut world, &new_arn), "MISSING");
}

#[test]
fn a_stopped_task_is_forgotten_by_the_copy_too() {
    let (mut world, hosts) = world_of_hosts(1);
    let host = arn_of(&world, &hosts[0]);
    world.lag_reads(lagging(1000));
    let task = world
        .run_task("demo", &TaskDefinition::new("job", 10, 10).pending(1).stopping(1).running_for(1))
        .unwrap();
    world.advance_seconds(100);
    assert_eq!(listed_tasks(&mut world, &host, "STOPPED"), std::slice::from_ref(&task));
    world.advance_seconds(3600);
    assert!(listed_tasks(&mut world, &host, "STOPPED").is_empty());
    assert_eq!(last_status(&mut world, &task), "MISSING");
}

#[test]
fn changes_act_on_the_truth() {
    let (mut world, hosts) = world_of_hosts(1);
    world.lag_reads(lagging(1000));
    let new = world.launch_now("hosts").unwrap();
    let arn = arn_of(&world, &new);
    let answer = world
        .serve(Operation::UpdateContainerInstancesState, |world| {
            world.update_container_instances_state(Some("demo"), std::slice::from_ref(&arn.0), "DRAINING")
        })
        .unwrap();
    assert_eq!(answer.items[0].status.to_string(), "DRAINING");
    assert_eq!(status(&mut world, &arn), "MISSING");
    assert_eq!(described(&world, &hosts[0]).status.to_string(), "ACTIVE");
}

#[test]
fn reads_are_true_again_when_it_is_over() {
    let (mut world, hosts) = world_of_hosts(1);
    let arn = arn_of(&world, &hosts[0]);
    world.lag_reads(LaggingReads { until: start() + TimeDelta::seconds(2), ..lagging(1000) });
    drain(&mut world, &hosts[0]);
    world.advance_seconds(1);
    assert_eq!(status(&mut world, &arn), "ACTIVE");
    world.advance_seconds(1);
    assert_eq!(status(&mut world, &arn), "DRAINING");
}

#[test]
fn the_same_seed_gives_the_same_reads_and_the_copy_changes_nothing_in_the_world() {
    let run = |lag: Option<LaggingReads>| {
        let (mut world, hosts) = two_hosts_with_web(100, 200);
        let arn = arn_of(&world, &hosts[0]);
        if let Some(lag) = lag {
            world.lag_reads(lag);
        }
        drain(&mut world, &hosts[0]);
        let mut read = Vec::new();
        for _ in 0..60 {
            world.advance_seconds(1);
            read.push((status(&mut world, &arn), listed_tasks(&mut world, &arn, "RUNNING")));
        }
        (read, world.history().to_string())
    };
    let (once, twice) = (run(Some(lagging(500))), run(Some(lagging(500))));
    let other = run(Some(LaggingReads { seed: 2, ..lagging(500) }));
    let never = run(None);
    assert_eq!(once, twice);
    assert!(once.0 != other.0 && once.0 != never.0);
    assert!(once.1 == other.1 && once.1 == never.1);
}

#[test]
fn each_read_draws_its_own_lag_up_to_the_most() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    let arn = arn_of(&world, &hosts[0]);
    world.lag_reads(LaggingReads { lag_seconds: 60, each_by_its_own: true, ..lagging(1000) });
    let stale = |world: &mut World| (0..1000).filter(|_| status(world, &arn) == "ACTIVE").count();
    drain(&mut world, &hosts[0]);
    // A read that lags by more than the time since the change is older than the change.
    world.advance_seconds(15);
    let after_15 = stale(&mut world);
    assert!((700..800).contains(&after_15), "{after_15} of 1,000");
    world.advance_seconds(30);
    let after_45 = stale(&mut world);
    assert!((200..300).contains(&after_45), "{after_45} of 1,000");
    world.advance_seconds(15);
    assert_eq!(stale(&mut world), 0);
}

#[test]
fn a_read_sees_any_of_the_versions_of_the_last_minute() {
    let (mut world, _) = world_of_hosts(1);
    world.lag_reads(LaggingReads { lag_seconds: 60, each_by_its_own: true, ..lagging(1000) });
    let task = world.run_task("demo", &web()).unwrap();
    world.advance_seconds(20);
    world.stop_task("demo", &task).unwrap();
    world.advance_seconds(20);
    let seen: std::collections::BTreeSet<String> = (0..500).map(|_| last_status(&mut world, &task)).collect();
    let all = ["DEACTIVATING", "MISSING", "PENDING", "RUNNING"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
