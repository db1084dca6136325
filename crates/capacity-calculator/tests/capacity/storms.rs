//! What comes often costs little: events that the last look at the cluster has already are answered without one.

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
async fn a_thousand_events_of_what_one_look_has_seen_are_answered_by_it() {
    let calculator =
        calculator(Ecs { pages: pages(&[100; 10]), ..Ecs::default() }, CloudWatch::default(), &[]);
    for number in (0..1000).chain(0..1000) {
        calculator.handle(change(&host(number), 7), invocation(600)).await.unwrap();
    }
    assert_eq!((calculator.ecs.lists.get(), calculator.metrics.puts.borrow().len()), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn the_answer_says_which_look_has_it() {
    let calculator = calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &[]);
    calculator.handle(change(&host(0), 7), invocation(60)).await.unwrap();
    let covered = calculator.handle(change(&host(0), 6), invocation(60)).await.unwrap();
    assert!(matches!(covered, Outcome::Covered(_)));
    let told = to_value(&covered).unwrap();
    assert_eq!(
        (&told["cluster"], &told["coveredBySnapshotOf"]),
        (&json!("demo"), &to_value(begin()).unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_newer_and_every_schedule_is_looked_at() {
    let variables = [("ECS_CLUSTER", CLUSTER_ARN)];
    let calculator =
        calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &variables);
    let schedule = json!({"detail-type": "Scheduled Event", "detail": {}});
    for event in [schedule.clone(), change(&host(0), 8), change(&host(1), 1), schedule] {
        calculator.handle(event, invocation(60)).await.unwrap();
    }
    assert_eq!(calculator.metrics.puts.take().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_was_not_published_covers_nothing() {
    let ecs = Ecs { pages: pages(&[1]), ..Ecs::default() };
    let refusing = CloudWatch { put: Mood::Fails(CallErrorKind::Throttled), ..CloudWatch::default() };
    let calculator = calculator(ecs, refusing, &[]);
    for _ in 0..2 {
        calculator.handle(change(&host(0), 7), invocation(60)).await.unwrap_err();
    }
    assert_eq!(calculator.ecs.lists.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_placement_that_failed_is_looked_at_unless_a_later_look_was_made() {
    let calculator = calculator(Ecs { pages: pages(&[1]), ..Ecs::default() }, CloudWatch::default(), &[]);
    let failed = |at: String| {
        let detail = json!({"clusterArn": CLUSTER_ARN, "eventName": "SERVICE_TASK_PLACEMENT_FAILURE"});
        json!({"detail-type": "ECS Service Action", "time": at, "detail": detail})
    };
    let first = failed(begin().to_rfc3339());
    calculator.handle(first.clone(), invocation(60)).await.unwrap();
    calculator.clock.sleep(Duration::from_secs(10)).await;
    calculator.handle(first.clone(), invocation(60)).await.unwrap();
    assert_eq!(calculator.metrics.puts.borrow().len(), 2);
    calculator.handle(first, invocation(60)).await.unwrap();
    assert_eq!(calculator.metrics.puts.take().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn looks_one_after_another_leave_half_of_the_accounts_reads_to_others() {
    let calculator =
        calculator(Ecs { pages: pages(&[100; 10]), ..Ecs::default() }, CloudWatch::default(), &[]);
    for version in 8..18 {
        calculator.handle(change(&host(0), version), invocation(600)).await.unwrap();
    }
    let reads = calculator.ecs.lists.get() + calculator.ecs.batches.borrow().len();
    assert_eq!(reads, 200);
    // 50 at once, and ten a second.
    let took = calculator.clock.now() - begin();
    assert!(took >= chrono::TimeDelta::seconds(15), "{took}");
}
