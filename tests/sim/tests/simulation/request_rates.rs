//! ECS's token buckets.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::ports::{CallErrorKind, ContainerInstanceQuery, ContainerInstances};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::list::ListContainerInstances;
use fleetkeeper_sim::{SharedWorld, SimulatedAws, World};

use crate::scene::world_of_hosts;

/// How many calls at once get through.
fn granted(world: &mut World, operation: Operation) -> u32 {
    let mut granted = 0;
    while world.take_token(operation).is_ok() {
        granted += 1;
        assert!(granted < 1000, "no limit");
    }
    granted
}

#[test]
fn the_101st_read_at_once_is_throttled_and_a_second_later_20_more_pass() {
    let (mut world, _) = world_of_hosts(1);
    world.limit_request_rates();
    for operation in [Operation::ListTasks, Operation::DescribeTasks, Operation::ListContainerInstances] {
        for _ in 0..30 {
            world.take_token(operation).unwrap();
        }
    }
    // One bucket for all of them.
    assert_eq!(granted(&mut world, Operation::DescribeContainerInstances), 10);
    let error = world.take_token(Operation::ListTasks).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str(), error.status),
        ("ThrottlingException", "Rate exceeded", 400)
    );
    world.advance_seconds(1);
    assert_eq!(granted(&mut world, Operation::ListTasks), 20);
    world.advance_seconds(1_000_000);
    assert_eq!(granted(&mut world, Operation::ListTasks), 100, "it never holds more");
}

#[test]
fn changes_have_a_bucket_of_their_own() {
    let (mut world, _) = world_of_hosts(1);
    world.limit_request_rates();
    granted(&mut world, Operation::ListTasks);
    assert_eq!(granted(&mut world, Operation::UpdateContainerInstancesState), 100);
    world.advance_seconds(1);
    assert_eq!(granted(&mut world, Operation::UpdateContainerInstancesState), 40);
    assert!(world.take_token(Operation::CompleteLifecycleAction).is_ok(), "Auto Scaling's are not ECS's");
}

#[test]
fn tokens_come_in_exact_steps_however_often_one_asks() {
    let (mut world, _) = world_of_hosts(1);
    world.limit_request_rates();
    granted(&mut world, Operation::ListTasks);
    let mut passed = 0;
    for _ in 0..3_000 {
        world.advance_to(world.now() + chrono::TimeDelta::milliseconds(1));
        passed += granted(&mut world, Operation::ListTasks);
    }
    assert_eq!(passed, 60);
}

#[test]
fn others_take_their_share() {
    let (mut world, _) = world_of_hosts(1);
    world.limit_request_rates();
    world.other_readers(15);
    assert_eq!(granted(&mut world, Operation::ListTasks), 100);
    world.advance_seconds(2);
    assert_eq!(granted(&mut world, Operation::ListTasks), 10);
    world.other_readers(20);
    world.advance_seconds(60);
    assert_eq!(granted(&mut world, Operation::ListTasks), 0);
    world.other_readers(0);
    world.advance_seconds(1);
    assert_eq!(granted(&mut world, Operation::ListTasks), 20);
    world.other_readers(30);
    world.advance_seconds(3600);
    world.other_readers(0);
    world.advance_seconds(1);
    assert_eq!(granted(&mut world, Operation::ListTasks), 20, "nobody takes what is not there");
}

#[test]
fn without_limits_and_from_inside_everything_is_granted() {
    let (mut world, _) = world_of_hosts(1);
    world.other_readers(1000);
    assert!((0..500).all(|_| world.take_token(Operation::ListTasks).is_ok()));
    world.limit_request_rates();
    let list = ListContainerInstances { cluster: Some("demo"), ..ListContainerInstances::default() };
    assert!((0..500).all(|_| world.list_container_instances(list).is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_throttled_to_its_caller_and_changes_nothing() {
    let (mut world, hosts) = world_of_hosts(1);
    let arn = crate::scene::arn_of(&world, &hosts[0]);
    world.limit_request_rates();
    granted(&mut world, Operation::UpdateContainerInstancesState);
    granted(&mut world, Operation::ListContainerInstances);
    let refused = world.serve(Operation::UpdateContainerInstancesState, |world| {
        world.update_container_instances_state(Some("demo"), std::slice::from_ref(&arn.0), "DRAINING")
    });
    assert_eq!(refused.unwrap_err().code, "ThrottlingException");
    assert_eq!(crate::scene::described(&world, &hosts[0]).status.to_string(), "ACTIVE");

    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world))
        .with_latency(std::time::Duration::from_millis(1));
    let cluster: Cluster = "demo".parse().unwrap();
    let listed = aws.list_container_instances(&cluster, &ContainerInstanceQuery::All, None).await;
    assert_eq!(listed.unwrap_err().kind, CallErrorKind::Throttled);
    assert!(aws.world().with(|world| world.history().to_string()).contains("ThrottlingException"));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(aws.list_container_instances(&cluster, &ContainerInstanceQuery::All, None).await.is_ok());
}
