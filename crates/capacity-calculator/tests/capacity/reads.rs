//! No page, batch or entry is skipped, and the account's bucket is not drained.

use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_core::ports::DESCRIBE_MAX;
use fleetkeeper_core::read::DESCRIBES_IN_FLIGHT;

use crate::ports::{CloudWatch, Ecs, calculator, group, handle, host, pages, published, state_change};
use crate::services::{needs, running, service};

#[tokio::test(start_paused = true)]
async fn hundreds_of_instances_over_short_and_empty_pages_all_count() {
    let ecs = Ecs { pages: pages(&[100, 3, 0, 0, 100, 99, 1, 0]), ..Ecs::default() };
    let calculator = calculator(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let report = summary.figures.capacity.unwrap();
    assert_eq!((report.hosts, report.container_capacity), (303, 606));
    assert_eq!(calculator.ecs.lists.get(), 8);
    assert_eq!(calculator.ecs.batches.borrow().iter().sum::<usize>(), 303);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_longer_than_a_describe_takes_is_split() {
    let ecs = Ecs { pages: pages(&[2 * DESCRIBE_MAX + 1]), ..Ecs::default() };
    let calculator = calculator(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.figures.capacity.unwrap().hosts, 201);
    assert_eq!(*calculator.ecs.batches.borrow(), [100, 100, 1]);
}

#[tokio::test(start_paused = true)]
async fn describes_run_side_by_side_but_never_too_many() {
    let ecs = Ecs { pages: pages(&[100; 50]), ..Ecs::default() };
    let calculator = calculator(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.figures.capacity.unwrap().hosts, 5_000);
    assert_eq!(calculator.ecs.most_in_flight.get(), DESCRIBES_IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_two_pages_is_one_host() {
    let ecs = Ecs { pages: vec![vec![host(1), host(2)], vec![host(2), host(3)]], ..Ecs::default() };
    let (outcome, _) = handle(ecs, CloudWatch::default(), &[]).await;
    assert_eq!(outcome.unwrap().figures.capacity.unwrap().hosts, 3);
}

#[tokio::test(start_paused = true)]
async fn instances_that_take_no_tasks_are_seen_but_give_no_room() {
    let mut instances = pages(&[4]);
    instances[0][1].status = ContainerInstanceStatus::Draining;
    instances[0][2].agent_connected = false;
    instances[0][3].status = ContainerInstanceStatus::Registering;
    let ecs = Ecs { pages: instances, groups: vec![group("a", 0..4)], ..Ecs::default() };
    let (_, puts) = handle(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]).await;
    let metrics = ["ActiveHosts", "DrainingHosts", "DisconnectedHosts", "UnjoinedHosts"];
    assert_eq!(metrics.map(|name| puts[0].of_group("a", name).unwrap()), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(puts[0].value("ContainerCapacity"), 2.0);
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_services_are_read_page_by_page_in_batches_of_ten() {
    let mut ecs = Ecs { pages: pages(&[1]), ..Ecs::default() };
    for number in 0..205 {
        let name = format!("service-{number}");
        ecs = ecs.with(running(service(&name, &[&format!("{name}:1")], 1), 0), &needs(10, number));
    }
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[]).await;
    outcome.unwrap();
    assert_eq!(puts[0].value("WaitingTasks"), 205.0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_listed_and_missing_is_asked_for_again() {
    for (missing_first, waiting) in [(3, 1.0), (4, 0.0)] {
        let ecs = Ecs { pages: pages(&[1]), ..Ecs::default() }
            .with(running(service("web", &["web:1"], 1), 0), &needs(10, 10));
        ecs.services_missing_first.set(missing_first);
        let (outcome, puts) = handle(ecs, CloudWatch::default(), &[]).await;
        outcome.unwrap();
        assert_eq!(puts[0].value("WaitingTasks"), waiting);
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_takes_two_calls_for_a_hundred_hosts_and_two_for_ten_services() {
    let mut ecs = Ecs { pages: pages(&[100, 100]), ..Ecs::default() };
    for number in 0..21 {
        ecs = ecs.with(service(&format!("service-{number}"), &["web:1"], 1), &needs(10, 10));
    }
    let calculator = calculator(ecs, CloudWatch::default(), &[]);
    published(&calculator, state_change()).await.unwrap();
    assert_eq!((calculator.ecs.lists.get(), calculator.ecs.batches.borrow().len()), (2, 2));
    // Pages of seven, and batches of ten.
    assert_eq!(calculator.ecs.service_calls.get(), 3 + 3);
    assert_eq!(calculator.ecs.task_calls.get(), 0);
}
