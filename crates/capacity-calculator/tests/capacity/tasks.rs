//! Tasks are listed only where a decision rests on them, and described once.

use std::time::Duration;

use fleetkeeper_core::container_instance::ContainerInstance;
use fleetkeeper_core::ports::CallErrorKind;
use fleetkeeper_core::task::{Task, TaskArn};
use serde_json::{Value, json, to_value};

use crate::ports::{Calculator, CloudWatch, Ecs, Mood, group, host, only, pages, published};
use crate::services::{needs, service, task};

const VARIABLES: [(&str, &str); 3] =
    [("ECS_CLUSTER", "demo"), ("AUTO_SCALING_GROUPS", "a"), ("HEADROOM", "none")];

/// This many hosts of group `a`, on each of the first ones one small task of service `web`.
fn cluster(hosts: usize, tasks: usize) -> Ecs {
    let mut pages = pages(&[hosts]);
    for host in pages[0].iter_mut().take(tasks) {
        busy(host, 1);
    }
    let web = service("web", &["web:1"], u32::try_from(tasks).unwrap());
    let tasks: Vec<_> = (0..tasks).map(|number| task(number, number)).collect();
    Ecs { pages, tasks: tasks.into(), groups: vec![group("a", 0..hosts)], ..Ecs::default() }
        .with(web, &needs(100, 100))
}

fn busy(host: &mut ContainerInstance, tasks: u32) {
    host.running_tasks = tasks;
    host.remaining.cpu.0 -= 100 * u64::from(tasks);
    host.remaining.memory.0 -= 100 * u64::from(tasks);
}

fn calculator(ecs: Ecs) -> Calculator {
    only(ecs, CloudWatch::default(), &VARIABLES)
}

/// `RemovableHosts` of group `a`, and what holds it.
async fn removable(calculator: &Calculator) -> (f64, Value) {
    let summary = published(calculator, json!({})).await.unwrap();
    let put = calculator.metrics.puts.borrow().last().unwrap().of_group("a", "RemovableHosts");
    (put.unwrap(), to_value(summary).unwrap()["groups"][0]["removable"]["heldBy"].clone())
}

#[tokio::test(start_paused = true)]
async fn hosts_whose_tasks_have_room_elsewhere_are_removable() {
    let calculator = calculator(cluster(3, 2));
    let (removable, held_by) = removable(&calculator).await;
    assert!(removable >= 1.0, "{removable} {held_by}");
    assert_eq!(calculator.ecs.protection_asked.take(), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_described_once_while_the_function_is_warm() {
    let calculator = calculator(cluster(3, 2));
    for _ in 0..3 {
        removable(&calculator).await;
    }
    assert_eq!(calculator.ecs.tasks_described.take().len(), 2);
    // One that is new is described alone.
    calculator.ecs.tasks.borrow_mut().push(Task { arn: TaskArn("arn:task/new".to_owned()), ..task(9, 2) });
    removable(&calculator).await;
    assert_eq!(calculator.ecs.tasks_described.take(), [TaskArn("arn:task/new".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_listed_is_forgotten() {
    let calculator = calculator(cluster(3, 2));
    removable(&calculator).await;
    let gone = calculator.ecs.tasks.take();
    removable(&calculator).await;
    calculator.ecs.tasks_described.take();
    calculator.ecs.tasks.replace(gone);
    removable(&calculator).await;
    assert_eq!(calculator.ecs.tasks_described.take().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_whole_cluster_is_listed_where_that_is_fewer_calls_than_host_by_host() {
    // 40 tasks are one page.
    let calculator = calculator(cluster(50, 40));
    removable(&calculator).await;
    // One page, and one describe.
    assert_eq!(calculator.ecs.task_calls.get(), 2);
    assert_eq!(calculator.ecs.tasks_described.take().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_host_with_fewer_tasks_than_it_counts_holds_its_group() {
    let mut ecs = cluster(3, 2);
    ecs.pages[0][0].pending_tasks = 1;
    let (removable, held_by) = removable(&calculator(ecs)).await;
    assert_eq!(removable, 0.0);
    assert_eq!(
        held_by[0],
        json!({"instance": host(0).ec2_instance_id, "reason": {"code": "tasks-not-read"}})
    );
}

#[tokio::test(start_paused = true)]
async fn tasks_that_cannot_be_read_hold_their_groups_and_nothing_else() {
    for mood in [Mood::Fails(CallErrorKind::Throttled), Mood::Hangs] {
        let calculator = calculator(Ecs { tasks_mood: mood, ..cluster(3, 2) });
        let (removable, held_by) = removable(&calculator).await;
        assert_eq!((removable, &held_by[0]["reason"]["code"]), (0.0, &json!("tasks-not-read")));
        let put = &calculator.metrics.puts.take()[0];
        assert_eq!(put.of_group("a", "MissingHosts"), Some(0.0));
        assert_eq!(put.value("WaitingTasks"), 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listed_task_that_is_not_described_holds_its_host() {
    let ecs = cluster(3, 2);
    let calculator = calculator(ecs);
    // It is listed on host 2, which counts no task, and described as one of another host in no
    // answer.
    calculator.ecs.undescribed.borrow_mut().insert(TaskArn("arn:task/new".to_owned()));
    calculator.ecs.tasks.borrow_mut().push(Task { arn: TaskArn("arn:task/new".to_owned()), ..task(9, 2) });
    let (removable, held_by) = removable(&calculator).await;
    assert_eq!((removable, &held_by[0]["reason"]["code"]), (0.0, &json!("tasks-not-read")));
}

#[tokio::test(start_paused = true)]
async fn a_protected_task_holds_its_host() {
    let protected = [task(0, 0).arn].into();
    let calculator = calculator(Ecs { protected, ..cluster(2, 2) });
    let (_, held_by) = removable(&calculator).await;
    let held = json!({"instance": host(0).ec2_instance_id, "reason": {"code": "protected-task"}});
    assert!(held_by.as_array().unwrap().contains(&held), "{held_by}");
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_protection_is_unknown_holds_its_host() {
    for (reason, holds) in [("MISSING", true), ("INTERNAL", true), ("TASK_NOT_VALID", false)] {
        let protection_failing = [(task(0, 0).arn, reason)].into();
        let (_, held_by) = removable(&calculator(Ecs { protection_failing, ..cluster(3, 2) })).await;
        let held = json!({"instance": host(0).ec2_instance_id, "reason": {"code": "tasks-not-read"}});
        let held = held_by.as_array().is_some_and(|them| them.contains(&held));
        assert_eq!(held, holds, "{reason}: {held_by}");
    }
    for protection_mood in [Mood::Fails(CallErrorKind::Refused), Mood::Hangs] {
        let (removable, held_by) = removable(&calculator(Ecs { protection_mood, ..cluster(3, 2) })).await;
        assert_eq!((removable, &held_by[0]["reason"]["code"]), (0.0, &json!("tasks-not-read")));
    }
}

#[tokio::test(start_paused = true)]
async fn protection_is_asked_a_hundred_tasks_a_call() {
    let calculator = calculator(cluster(500, 230));
    removable(&calculator).await;
    let mut asked = calculator.ecs.protection_asked.take();
    asked.sort_unstable();
    assert_eq!(asked, [30, 100, 100]);
}

#[tokio::test(start_paused = true)]
async fn what_the_time_did_not_suffice_for_is_read_by_the_next_snapshot() {
    let slow = Ecs { describe_tasks_takes: Duration::from_secs(20), ..cluster(2_000, 1_900) };
    let calculator = calculator(slow);
    // 19 batches, eight at a time, of 20 s each: the third round does not end within the minute.
    let (first, held_by) = removable(&calculator).await;
    assert_eq!((first, &held_by[0]["reason"]["code"]), (0.0, &json!("tasks-not-read")));
    let described = calculator.ecs.tasks_described.take().len();
    let (second, held_by) = removable(&calculator).await;
    assert!(second > 0.0, "{held_by}");
    let again = calculator.ecs.tasks_described.take().len();
    assert!(again < described && again < 1_900, "{described}, then {again}");
}
