//! What comes often costs little: events that the last snapshot covers, or that come soon after it,
//! are answered without one.

use std::time::Duration;

use capacity_calculator::Outcome;
use fleetkeeper_core::container_instance::ContainerInstance;
use fleetkeeper_core::ports::{CallErrorKind, Clock};
use serde_json::{Value, json, to_value};

use crate::ports::{CLUSTER_ARN, CloudWatch, Ecs, Mood, begin, calculator, host, invocation, pages};

fn change(instance: &ContainerInstance, version: u64) -> Value {
    let (arn, kind) = (&instance.arn.0, "ECS Container Instance State Change");
    let detail = json!({"clusterArn": CLUSTER_ARN, "containerInstanceArn": arn, "version": version});
    json!({"detail-type": kind, "detail": detail})
}

#[tokio::test(start_paused = true)]
async fn a_thousand_events_of_what_one_snapshot_has_seen_are_answered_by_it() {
    let calculator =
        calculator(Ecs { pages: pages(&[100; 10]), ..Ecs::default() }, CloudWatch::default(), &[]);
    for number in (0..1000).chain(0..1000) {
        calculator.handle(change(&host(number), 7), invocation(600)).await.unwrap();
    }
    assert_eq!((calculator.ecs.lists.get(), calculator.metrics.puts.borrow().len()), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn the_answer_says_which_snapshot_has_it() {
    let calculator = calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &[]);
    calculator.handle(change(&host(0), 7), invocation(60)).await.unwrap();
    let covered = calculator.handle(change(&host(0), 6), invocation(60)).await.unwrap();
    assert!(matches!(covered, Outcome::Covered(_)));
    let reported = to_value(&covered).unwrap();
    assert_eq!(
        (&reported["cluster"], &reported["coveredBySnapshotOf"]),
        (&json!("demo"), &to_value(begin()).unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_newer_and_every_schedule_is_read() {
    let variables = [("ECS_CLUSTER", CLUSTER_ARN)];
    let calculator =
        calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &variables);
    let schedule = json!({"detail-type": "Scheduled Event", "detail": {}});
    for event in [schedule.clone(), change(&host(0), 8), change(&host(1), 1), schedule] {
        calculator.handle(event, invocation(60)).await.unwrap();
        calculator.clock.sleep(Duration::from_secs(15)).await;
    }
    assert_eq!(calculator.metrics.puts.take().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_in_constant_change_costs_one_snapshot_in_10_s() {
    let calculator = calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &[]);
    for version in 8..128 {
        calculator.handle(change(&host(0), version), invocation(600)).await.unwrap();
        calculator.clock.sleep(Duration::from_secs(1)).await;
    }
    let puts = calculator.metrics.puts.take();
    let took = (calculator.clock.now() - begin()).num_seconds();
    let most = usize::try_from(took / 10).unwrap() + 1;
    assert!((most - 1..=most).contains(&puts.len()), "{} in {took} s", puts.len());
    let apart = puts.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(apart.min() >= Some(chrono::TimeDelta::seconds(10)));
    assert_eq!(calculator.ecs.lists.get(), puts.len());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_held_says_why_and_a_schedule_is_not_held() {
    let variables = [("ECS_CLUSTER", CLUSTER_ARN)];
    let calculator =
        calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &variables);
    calculator.handle(change(&host(0), 7), invocation(60)).await.unwrap();
    let held = calculator.handle(change(&host(0), 8), invocation(60)).await.unwrap();
    assert!(matches!(held, Outcome::Held(_)));
    let answer = to_value(&held).unwrap();
    assert_eq!(
        (&answer["cluster"], &answer["reason"], &answer["lastSnapshotOf"]),
        (&json!("demo"), &json!("last-snapshot-too-recent"), &to_value(begin()).unwrap())
    );
    calculator.handle(json!({"detail-type": "Scheduled Event"}), invocation(60)).await.unwrap();
    assert_eq!(calculator.metrics.puts.take().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_not_published_covers_and_holds_nothing() {
    let ecs = Ecs { pages: pages(&[1]), ..Ecs::default() };
    let refusing = CloudWatch { put: Mood::Fails(CallErrorKind::Throttled), ..CloudWatch::default() };
    let calculator = calculator(ecs, refusing, &[]);
    for version in [7, 7, 8] {
        calculator.handle(change(&host(0), version), invocation(60)).await.unwrap_err();
    }
    assert_eq!(calculator.ecs.lists.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_placement_that_failed_is_read_unless_a_later_snapshot_was_made() {
    let calculator = calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &[]);
    let failed = |at: String| {
        let detail = json!({"clusterArn": CLUSTER_ARN, "eventName": "SERVICE_TASK_PLACEMENT_FAILURE"});
        json!({"detail-type": "ECS Service Action", "time": at, "detail": detail})
    };
    let first = failed(begin().to_rfc3339());
    calculator.handle(first.clone(), invocation(60)).await.unwrap();
    calculator.clock.sleep(Duration::from_secs(15)).await;
    calculator.handle(first.clone(), invocation(60)).await.unwrap();
    assert_eq!(calculator.metrics.puts.borrow().len(), 2);
    calculator.handle(first, invocation(60)).await.unwrap();
    assert_eq!(calculator.metrics.puts.take().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_placement_that_failed_right_after_a_snapshot_waits_for_its_turn() {
    let calculator = calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &[]);
    let failed = |after: i64| {
        let detail = json!({"clusterArn": CLUSTER_ARN, "eventName": "SERVICE_TASK_PLACEMENT_FAILURE"});
        let time = (begin() + chrono::TimeDelta::seconds(after)).to_rfc3339();
        json!({"detail-type": "ECS Service Action", "time": time, "detail": detail})
    };
    calculator.handle(failed(0), invocation(60)).await.unwrap();
    // No time is left to wait.
    let held = calculator.handle(failed(1), invocation(17)).await.unwrap();
    assert!(matches!(held, Outcome::Held(_)));
    calculator.handle(failed(1), invocation(60)).await.unwrap();
    let puts = calculator.metrics.puts.take();
    let apart = puts.windows(2).map(|pair| (pair[1].at - pair[0].at).num_seconds());
    assert_eq!(apart.collect::<Vec<_>>(), [10]);
}

#[tokio::test(start_paused = true)]
async fn snapshots_one_after_another_leave_half_of_the_accounts_reads_to_others() {
    let variables = [("ECS_CLUSTER", CLUSTER_ARN)];
    let calculator =
        calculator(Ecs { pages: pages(&[100; 10]), ..Ecs::default() }, CloudWatch::default(), &variables);
    for _ in 0..10 {
        calculator.handle(json!({}), invocation(600)).await.unwrap();
    }
    let reads = calculator.ecs.lists.get() + calculator.ecs.batches.borrow().len();
    assert_eq!(reads, 200);
    // 50 at once, and ten a second.
    let took = calculator.clock.now() - begin();
    assert!(took >= chrono::TimeDelta::seconds(15), "{took}");
}
