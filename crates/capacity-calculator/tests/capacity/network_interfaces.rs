//! Network interfaces are counted by the tasks that hold them, where a task needs one.

use std::cell::RefCell;

use fleetkeeper_core::container_instance::ContainerInstance;
use fleetkeeper_core::task::{DesiredStatus, Task};
use fleetkeeper_core::task_needs::TaskNeeds;
use serde_json::json;

use crate::ports::{CloudWatch, Ecs, group, only, pages, published, state_change};
use crate::services::{needs, service};

fn hosts(count: usize) -> Ecs {
    Ecs { pages: pages(&[count]), groups: vec![group("a", 0..count)], ..Ecs::default() }
}

/// A task of a host that holds a network interface, or none.
fn task(number: usize, on: usize, desired_status: DesiredStatus, network_interface: bool) -> Task {
    let stopping = desired_status == DesiredStatus::Stopped;
    let last_status = if stopping { "DEPROVISIONING" } else { "RUNNING" }.to_owned();
    Task { desired_status, last_status, network_interface, ..crate::services::task(number, on) }
}

#[tokio::test(start_paused = true)]
async fn network_interfaces_are_counted_by_the_tasks_those_that_are_stopping_included() {
    // A c5.large has two for tasks.
    let mut ecs =
        hosts(4).with(service("web", &["web:1"], 4), &TaskNeeds { network_interface: true, ..needs(10, 10) });
    let running = |instance: &mut ContainerInstance, tasks| instance.running_tasks = tasks;
    running(&mut ecs.pages[0][0], 1);
    running(&mut ecs.pages[0][1], 2);
    ecs.tasks = RefCell::new(vec![
        task(1, 0, DesiredStatus::Running, true),
        task(2, 1, DesiredStatus::Running, false),
        task(3, 1, DesiredStatus::Running, false),
        task(4, 2, DesiredStatus::Stopped, true),
    ]);
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.figures.capacity.unwrap().placeable_containers, 1 + 2 + 1 + 2);
    assert_eq!(calculator.ecs.task_calls.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_need_of_network_interfaces_no_task_is_read() {
    let ecs = hosts(4).with(service("web", &["web:1"], 4), &needs(10, 10));
    let calculator = only(ecs, CloudWatch::default(), &[]);
    published(&calculator, state_change()).await.unwrap();
    assert_eq!(calculator.ecs.task_calls.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn more_tasks_than_are_read_count_as_holding_one_each() {
    let mut ecs =
        hosts(2).with(service("web", &["web:1"], 4), &TaskNeeds { network_interface: true, ..needs(10, 10) });
    ecs.pages[0][0].running_tasks = 1;
    ecs.tasks =
        RefCell::new((0..5_001).map(|number| task(number, 1, DesiredStatus::Running, false)).collect());
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.figures.capacity.unwrap().placeable_containers, 1 + 2);
    assert_eq!(calculator.ecs.task_calls.get(), 51);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_described_again_only_while_its_network_interface_may_change() {
    let mut ecs =
        hosts(4).with(service("web", &["web:1"], 4), &TaskNeeds { network_interface: true, ..needs(10, 10) });
    let stopped =
        |number| Task { last_status: "STOPPED".to_owned(), ..task(number, 2, DesiredStatus::Stopped, true) };
    let starting =
        Task { last_status: "PROVISIONING".to_owned(), ..task(3, 1, DesiredStatus::Running, false) };
    let stopping = task(4, 2, DesiredStatus::Stopped, true);
    let running = task(1, 0, DesiredStatus::Running, true);
    ecs.tasks = RefCell::new(vec![running, stopped(2), starting.clone(), stopping.clone()]);
    let calculator =
        only(ecs, CloudWatch::default(), &[("ECS_CLUSTER", "demo"), ("AUTO_SCALING_GROUPS", "a")]);
    published(&calculator, json!({})).await.unwrap();
    assert_eq!(calculator.ecs.tasks_described.take().len(), 4);
    published(&calculator, json!({})).await.unwrap();
    assert_eq!(calculator.ecs.tasks_described.take(), [starting.arn, stopping.arn]);
}

/// Reads lag: the list of tasks to run is newer than a stop, that of stopped ones is older.
#[tokio::test(start_paused = true)]
async fn a_known_task_that_is_in_no_list_holds_its_network_interface_until_it_has_stopped() {
    let mut ecs =
        hosts(1).with(service("web", &["web:1"], 1), &TaskNeeds { network_interface: true, ..needs(10, 10) });
    let running = task(1, 0, DesiredStatus::Running, true);
    let arn = running.arn.clone();
    ecs.tasks = RefCell::new(vec![running]);
    let calculator = only(ecs, CloudWatch::default(), &[("ECS_CLUSTER", "demo")]);
    let placeable = async || {
        let summary = published(&calculator, json!({})).await.unwrap();
        summary.figures.capacity.unwrap().placeable_containers
    };
    assert_eq!(placeable().await, 1);
    calculator.ecs.tasks.replace(vec![task(1, 0, DesiredStatus::Stopped, true)]);
    calculator.ecs.unlisted.borrow_mut().insert(arn.clone());
    assert_eq!((placeable().await, placeable().await), (1, 1));
    // ECS shows it no more.
    calculator.ecs.undescribed.borrow_mut().insert(arn);
    assert_eq!(placeable().await, 2);
}
