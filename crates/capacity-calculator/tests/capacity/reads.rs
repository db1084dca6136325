//! No page, batch or entry is skipped, and the account's bucket is not drained.

use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_core::ports::DESCRIBE_MAX;
use fleetkeeper_core::read::DESCRIBES_IN_FLIGHT;

use crate::ports::{CloudWatch, Ecs, calculator, handle, host, pages, published, state_change};

#[tokio::test(start_paused = true)]
async fn hundreds_of_instances_over_short_and_empty_pages_all_count() {
    let ecs = Ecs { pages: pages(&[100, 3, 0, 0, 100, 99, 1, 0]), ..Ecs::default() };
    let calculator = calculator(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.report().unwrap().hosts.active, 303);
    assert_eq!(summary.report().unwrap().container_capacity, 606);
    assert_eq!(calculator.ecs.lists.get(), 8);
    assert_eq!(calculator.ecs.batches.borrow().iter().sum::<usize>(), 303);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_longer_than_a_describe_takes_is_split() {
    let ecs = Ecs { pages: pages(&[2 * DESCRIBE_MAX + 1]), ..Ecs::default() };
    let calculator = calculator(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.report().unwrap().hosts.active, 201);
    assert_eq!(*calculator.ecs.batches.borrow(), [100, 100, 1]);
}

#[tokio::test(start_paused = true)]
async fn describes_run_side_by_side_but_never_too_many() {
    let ecs = Ecs { pages: pages(&[100; 50]), ..Ecs::default() };
    let calculator = calculator(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.report().unwrap().hosts.active, 5_000);
    assert_eq!(calculator.ecs.most_in_flight.get(), DESCRIBES_IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_two_pages_is_one_host() {
    let ecs = Ecs { pages: vec![vec![host(1), host(2)], vec![host(2), host(3)]], ..Ecs::default() };
    let (outcome, _) = handle(ecs, CloudWatch::default(), &[]).await;
    assert_eq!(outcome.unwrap().report().unwrap().hosts.active, 3);
}

#[tokio::test(start_paused = true)]
async fn instances_that_take_no_tasks_are_seen_but_give_no_room() {
    let mut instances = pages(&[4]);
    instances[0][1].status = ContainerInstanceStatus::Draining;
    instances[0][2].agent_connected = false;
    instances[0][3].status = ContainerInstanceStatus::Registering;
    let (outcome, puts) =
        handle(Ecs { pages: instances, ..Ecs::default() }, CloudWatch::default(), &[]).await;
    assert_eq!(outcome.unwrap().report().unwrap().hosts.other, 1);
    let metrics = ["ContainerCapacity", "ActiveHosts", "DrainingHosts", "DisconnectedHosts"];
    assert_eq!(metrics.map(|name| puts[0].value(name)), [2.0, 1.0, 1.0, 1.0]);
}
