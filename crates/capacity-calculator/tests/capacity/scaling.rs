//! Direct scaling: what is asked of the groups, when, and what is said of it.

use std::time::Duration;

use capacity_calculator::{CapacityError, Summary};
use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::ports::{CallErrorKind, Clock};
use serde_json::{Value, json, to_value};

use crate::ports::{
    CLUSTER_ARN, Calculator, CloudWatch, Ecs, Mood, begin, group, host, only, pages, published,
};
use crate::services::{needs, running, service, task};

const DIRECT: [(&str, &str); 4] =
    [("ECS_CLUSTER", "demo"), ("AUTO_SCALING_GROUPS", "a"), ("SCALING", "direct"), ("HEADROOM", "none")];

/// Hosts of group `a`, each with this many tasks of `web`, of which a host has room for two.
fn with_tasks(tasks: &[u32], desired: u32) -> Ecs {
    let mut pages = pages(&[tasks.len()]);
    let mut placed = Vec::new();
    for (number, (host, tasks)) in pages[0].iter_mut().zip(tasks).enumerate() {
        host.running_tasks = *tasks;
        host.remaining.cpu.0 -= u64::from(*tasks) * 500;
        host.remaining.memory.0 -= u64::from(*tasks) * 490;
        placed.extend((0..*tasks).map(|_| number));
    }
    let running_tasks = tasks.iter().sum();
    let placed: Vec<_> = placed.into_iter().enumerate().map(|(number, on)| task(number, on)).collect();
    let web = running(service("web", &["web:1"], desired), running_tasks);
    Ecs { pages, tasks: placed.into(), groups: vec![group("a", 0..tasks.len())], ..Ecs::default() }
        .with(web, &needs(500, 490))
}

/// Two full hosts, and a task that waits.
fn full() -> Calculator {
    only(with_tasks(&[2, 2], 5), CloudWatch::default(), &DIRECT)
}

/// Two hosts with two tasks together, and an empty one.
fn idle() -> Calculator {
    only(with_tasks(&[1, 1, 0], 2), CloudWatch::default(), &DIRECT)
}

fn schedule() -> Value {
    json!({"detail-type": "Scheduled Event"})
}

fn placement_failure(at: &str) -> Value {
    let detail = json!({"clusterArn": CLUSTER_ARN, "eventName": "SERVICE_TASK_PLACEMENT_FAILURE"});
    json!({"detail-type": "ECS Service Action", "time": at, "detail": detail})
}

fn calls(calculator: &Calculator) -> Vec<String> {
    calculator.auto_scaling.scaling.calls.take()
}

/// Decides each minute, this many times; the last answer.
async fn minutes(calculator: &Calculator, times: u32) -> Result<Summary, CapacityError> {
    for _ in 1..times {
        published(calculator, schedule()).await?;
        calculator.clock.sleep(Duration::from_secs(60)).await;
    }
    published(calculator, schedule()).await
}

fn scaling(summary: &Summary) -> Value {
    to_value(summary).unwrap()["groups"][0]["scaling"].clone()
}

/// When the last host was seen for long enough, and the next decision removes it.
const LONG_ENOUGH: u32 = 11;

#[tokio::test(start_paused = true)]
async fn a_group_is_raised_to_what_is_there_and_what_is_missing() {
    let calculator = full();
    let summary = published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), ["set a 3"]);
    let reported = scaling(&summary);
    assert_eq!(reported["desiredCapacity"], json!({"from": 2, "to": 3}));
    assert_eq!(reported["heldBack"], json!({"code": "hosts-missing"}));
    // What was asked for is coming: nothing more is.
    published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(calculator.metrics.puts.borrow()[0].of_group("a", "MissingHosts"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn asked_twice_it_is_the_same_number() {
    let calculator = full();
    calculator.auto_scaling.scaling.is_stale.set(true);
    for _ in 0..3 {
        published(&calculator, schedule()).await.unwrap();
    }
    assert_eq!(calls(&calculator), ["set a 3"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_somebody_raised_meanwhile_is_not_lowered() {
    let calculator = full();
    let mut raised = group("a", 0..2);
    raised.desired = 7;
    *calculator.auto_scaling.scaling.changes.borrow_mut() = Some((1, vec![raised]));
    let summary = published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&summary)["desiredCapacity"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_raised_to_its_maximum_at_most() {
    let mut ecs = with_tasks(&[2, 2], 20);
    ecs.groups[0].maximum = 4;
    let calculator = only(ecs, CloudWatch::default(), &DIRECT);
    published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), ["set a 4"]);
}

#[tokio::test(start_paused = true)]
async fn a_placement_failure_is_acted_on_within_two_seconds_of_a_snapshot() {
    let calculator = only(with_tasks(&[2, 2], 4), CloudWatch::default(), &DIRECT);
    published(&calculator, schedule()).await.unwrap();
    let quiet = calculator.clock.now();
    // The test's container instances take a second to be described, and everything else nearly
    // nothing.
    let failed = placement_failure(&quiet.to_rfc3339());
    let summary = published(&calculator, failed).await.unwrap();
    assert_eq!(summary.trigger.kind, "ECS Service Action SERVICE_TASK_PLACEMENT_FAILURE");
    let took = calculator.clock.now() - quiet;
    assert!(took <= chrono::TimeDelta::milliseconds(2_200), "{took}");
    let apart = calculator.metrics.puts.borrow()[1].at - calculator.metrics.puts.borrow()[0].at;
    assert!(apart >= chrono::TimeDelta::seconds(2), "{apart}");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_placement_failures_costs_a_snapshot_each_two_seconds_until_one_covers_it() {
    let calculator = full();
    for _ in 0..200 {
        let failed = placement_failure(&begin().to_rfc3339());
        let begins = calculator.clock.now();
        let ends = begins + chrono::TimeDelta::seconds(60);
        let invocation = fleetkeeper_core::invocation::Invocation { begins, ends, deadline_known: true };
        calculator.handle(failed, invocation).await.unwrap();
    }
    let puts = calculator.metrics.puts.take();
    assert!((3..=4).contains(&puts.len()), "{}", puts.len());
}

#[tokio::test(start_paused = true)]
async fn a_host_is_removed_after_ten_minutes_of_quiet_and_five_of_being_removable() {
    let calculator = idle();
    let early = minutes(&calculator, 10).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&early)["heldBack"]["code"], "scaled-out");
    let summary = minutes(&calculator, 2).await.unwrap();
    assert_eq!(calls(&calculator), ["terminate a 2"]);
    let reported = scaling(&summary);
    assert_eq!(reported["removed"][0]["instance"], host(2).ec2_instance_id);
    // The next one waits until this one has drained.
    let next = minutes(&calculator, 3).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&next)["heldBack"], json!({"code": "enough-draining", "draining": 1, "most": 1}));
}

#[tokio::test(start_paused = true)]
async fn how_long_and_how_many_are_variables() {
    let more = [("SCALE_IN_MINUTES", "20"), ("MAX_DRAINING_HOSTS", "2")];
    let ecs = with_tasks(&[1, 1, 0, 0], 2);
    let calculator = only(ecs, CloudWatch::default(), &[&DIRECT[..], &more].concat());
    let early = minutes(&calculator, 20).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&early)["heldBack"]["code"], "not-long-enough");
    minutes(&calculator, 2).await.unwrap();
    assert_eq!(calls(&calculator), ["terminate a 2", "terminate a 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_has_changed_since_the_snapshot_is_not_removed_this_time() {
    let calculator = idle();
    minutes(&calculator, LONG_ENOUGH - 2).await.unwrap();
    calculator.clock.sleep(Duration::from_secs(120)).await;
    // The snapshot's own describe call is the next one.
    calculator.ecs.changed_from.set(Some(calculator.ecs.batches.borrow().len() + 1));
    let summary = published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&summary)["notDone"], json!([{"reason": {"code": "cluster-changed"}}]));
    calculator.ecs.changed_from.set(None);
    published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), ["terminate a 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_has_changed_since_the_snapshot_loses_no_host_this_time() {
    let calculator = idle();
    minutes(&calculator, LONG_ENOUGH - 2).await.unwrap();
    calculator.clock.sleep(Duration::from_secs(120)).await;
    let mut changed = group("a", 0..3);
    changed.instances[0].lifecycle_state = "Terminating:Wait".to_owned();
    *calculator.auto_scaling.scaling.changes.borrow_mut() = Some((1, vec![changed]));
    let summary = published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&summary)["notDone"], json!([{"reason": {"code": "group-changed"}}]));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_cluster_leaves_removals_to_the_schedule() {
    let calculator = idle();
    minutes(&calculator, LONG_ENOUGH - 2).await.unwrap();
    calculator.clock.sleep(Duration::from_secs(120)).await;
    let change =
        json!({"detail": {"clusterArn": CLUSTER_ARN, "containerInstanceArn": "arn:new", "version": 1}});
    let summary = published(&calculator, change).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&summary)["notDone"], json!([{"reason": {"code": "waits-for-schedule"}}]));
    published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), ["terminate a 2"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_not_a_second_host() {
    let calculator = idle();
    let lost = &calculator.auto_scaling.scaling;
    lost.terminate_mood.set(Mood::Fails(CallErrorKind::Unavailable));
    lost.is_stale.set(true);
    let summary = minutes(&calculator, LONG_ENOUGH).await.unwrap();
    let reported = scaling(&summary);
    assert_eq!(calls(&calculator), ["terminate a 2"]);
    assert_eq!(reported["notDone"][0]["reason"]["code"], "call-failed");
    assert_eq!(reported["notDone"][0]["instance"], host(2).ec2_instance_id);
    // The group shows the host in service, and it counts as one that drains: reads may lag.
    let next = minutes(&calculator, 1).await.unwrap();
    assert_eq!(scaling(&next)["heldBack"]["code"], "enough-draining");
    assert_eq!(calls(&calculator), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_reported_and_other_groups_go_on() {
    let mut ecs = with_tasks(&[1, 1, 0, 0], 2);
    ecs.groups = vec![group("a", [0, 1, 2]), group("b", [3])];
    let variables = [
        ("ECS_CLUSTER", "demo"),
        ("AUTO_SCALING_GROUPS", "a,b"),
        ("SCALING", "direct"),
        ("HEADROOM", "none"),
    ];
    let calculator = only(ecs, CloudWatch::default(), &variables);
    calculator.auto_scaling.scaling.terminate_mood.set(Mood::Fails(CallErrorKind::Refused));
    let summary = minutes(&calculator, LONG_ENOUGH).await.unwrap();
    assert_eq!(calls(&calculator), ["terminate a 2", "terminate b 3"]);
    let reported = to_value(&summary).unwrap();
    for group in [0, 1] {
        let not_done = &reported["groups"][group]["scaling"]["notDone"][0];
        assert_eq!(not_done["reason"]["code"], "refused", "{reported:#}");
    }
    assert_eq!(calculator.metrics.puts.borrow().len(), usize::try_from(LONG_ENOUGH).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_capacity_that_could_not_be_set_is_an_error_of_its_group_with_its_causes() {
    let calculator = full();
    calculator.auto_scaling.scaling.set_mood.set(Mood::Fails(CallErrorKind::Throttled));
    let summary = published(&calculator, schedule()).await.unwrap();
    let reported = scaling(&summary);
    assert_eq!(reported["desiredCapacity"], Value::Null);
    let error = reported["notDone"][0]["reason"]["error"].as_str().unwrap();
    assert!(error.starts_with("autoscaling:SetDesiredCapacity on a was throttled: Rate exceeded"), "{error}");
    assert_eq!(calculator.metrics.puts.borrow().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_left_alone_with_the_reason_in_each_answer() {
    for (what, reason) in [
        ("suspended", json!({"code": "process-suspended", "process": "AlarmNotification"})),
        ("refresh", json!({"code": "instance-refresh", "status": "InProgress"})),
        ("unread", json!({"code": "refreshes-not-read"})),
        ("ecs", json!({"code": "scaled-by-ecs", "capacityProvider": "spot"})),
    ] {
        for tasks in [[2, 2, 2], [1, 1, 0]] {
            let mut ecs = with_tasks(&tasks, if tasks == [2, 2, 2] { 9 } else { 2 });
            if what == "suspended" {
                ecs.groups[0].suspended.insert("AlarmNotification".to_owned());
            }
            if what == "ecs" {
                ecs.pages[0].iter_mut().for_each(|host| host.capacity_provider = Some("spot".to_owned()));
                let (name, group) = ("spot".to_owned(), Some("a".to_owned()));
                ecs.capacity_providers = vec![CapacityProvider { name, group, managed_scaling: true }];
            }
            let calculator = only(ecs, CloudWatch::default(), &DIRECT);
            let port = &calculator.auto_scaling.scaling;
            if what == "refresh" {
                port.refreshes.borrow_mut().insert("a".to_owned(), "InProgress".to_owned());
            }
            if what == "unread" {
                port.refresh_mood.set(Mood::Fails(CallErrorKind::Refused));
            }
            let summary = minutes(&calculator, LONG_ENOUGH + 5).await.unwrap();
            assert_eq!(scaling(&summary)["heldBack"], reason);
            assert_eq!(calls(&calculator), Vec::<String>::new());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_suspended_right_before_the_call_stops_it() {
    let calculator = full();
    let mut suspended = group("a", 0..2);
    suspended.suspended.insert("Launch".to_owned());
    *calculator.auto_scaling.scaling.changes.borrow_mut() = Some((1, vec![suspended]));
    let summary = published(&calculator, schedule()).await.unwrap();
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert_eq!(scaling(&summary)["notDone"], json!([{"reason": {"code": "group-changed"}}]));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_it_would_do_and_changes_nothing() {
    let dry = [&DIRECT[..], &[("FLEETKEEPER_DRY_RUN", "true")]].concat();
    let calculator = only(with_tasks(&[2, 2], 5), CloudWatch::default(), &dry);
    let reported = scaling(&published(&calculator, schedule()).await.unwrap());
    assert_eq!(
        (&reported["dryRun"], &reported["desiredCapacity"]),
        (&json!(true), &json!({"from": 2, "to": 3}))
    );
    assert_eq!(calls(&calculator), Vec::<String>::new());

    let calculator = only(with_tasks(&[1, 1, 0], 2), CloudWatch::default(), &dry);
    for _ in 0..2 {
        let reported = scaling(&minutes(&calculator, LONG_ENOUGH).await.unwrap());
        assert_eq!(reported["removed"][0]["instance"], host(2).ec2_instance_id);
    }
    assert_eq!(calls(&calculator), Vec::<String>::new());
    assert!(!calculator.metrics.puts.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_metrics_groups_are_raised_and_no_host_is_removed() {
    let refusing = || CloudWatch { put: Mood::Fails(CallErrorKind::Throttled), ..CloudWatch::default() };
    let calculator = only(with_tasks(&[2, 2], 5), refusing(), &DIRECT);
    published(&calculator, schedule()).await.unwrap_err();
    assert_eq!(calls(&calculator), ["set a 3"]);

    let calculator = only(with_tasks(&[1, 1, 0], 2), refusing(), &DIRECT);
    for _ in 0..2 * LONG_ENOUGH {
        published(&calculator, schedule()).await.unwrap_err();
        calculator.clock.sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(calls(&calculator), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn by_metrics_no_group_is_touched() {
    for tasks in [vec![2, 2], vec![1, 1, 0]] {
        let variables = [("ECS_CLUSTER", "demo"), ("AUTO_SCALING_GROUPS", "a"), ("HEADROOM", "none")];
        let calculator = only(with_tasks(&tasks, 5), CloudWatch::default(), &variables);
        calculator.auto_scaling.scaling.refresh_mood.set(Mood::Hangs);
        let summary = minutes(&calculator, LONG_ENOUGH).await.unwrap();
        assert_eq!(calls(&calculator), Vec::<String>::new());
        assert_eq!(scaling(&summary), Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn a_protected_task_keeps_its_host_and_the_next_one_is_removed() {
    let mut ecs = with_tasks(&[2, 1, 1], 4);
    ecs.protected.insert(task(2, 1).arn);
    let calculator = only(ecs, CloudWatch::default(), &DIRECT);
    let summary = minutes(&calculator, LONG_ENOUGH).await.unwrap();
    assert_eq!(calls(&calculator), ["terminate a 2"]);
    let held = &scaling(&summary)["heldBy"][0];
    assert_eq!(held["reason"]["code"], "protected-task");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_counts_as_a_change() {
    let calculator = full();
    let service = "arn:aws:ecs:us-east-1:111122223333:service/demo/web";
    let detail = json!({"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS"});
    let event =
        json!({"detail-type": "ECS Deployment State Change", "resources": [service], "detail": detail});
    published(&calculator, event).await.unwrap();
    assert_eq!(calls(&calculator), ["set a 3"]);
}
