//! The published metrics, and the answer to the invoker.

use fleetkeeper_core::container_instance::{CpuUnits, Mib, Port};
use fleetkeeper_core::ports::StorageResolution;
use serde_json::json;

use crate::ports::{
    CLUSTER_ARN, CloudWatch, Ecs, begin, calculator, group, handle, host, pages, published, state_change,
};

#[tokio::test(start_paused = true)]
async fn one_event_is_one_put_with_one_timestamp() {
    let variables = [("METRIC_NAMESPACE", "My/Space"), ("METRIC_RESOLUTION_SECONDS", "1")];
    let ecs = Ecs { pages: pages(&[100, 100]), ..Ecs::default() };
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &variables).await;
    let published = outcome.unwrap().published;
    assert_eq!(puts.len(), 1);
    assert_eq!((puts[0].namespace.as_str(), puts[0].resolution), ("My/Space", StorageResolution::OneSecond));
    assert_eq!((puts[0].data.len(), puts[0].at), (published.metrics, published.at));
    assert!(published.at > begin());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_of_no_instance_is_zeros() {
    for pages in [vec![], vec![vec![], vec![]]] {
        let (outcome, puts) = handle(Ecs { pages, ..Ecs::default() }, CloudWatch::default(), &[]).await;
        assert_eq!(outcome.unwrap().figures.capacity.unwrap().container_capacity_bound_by, None);
        assert_eq!(puts.len(), 1);
        assert!(puts[0].data.iter().all(|datum| datum.value == 0.0));
        assert_eq!(puts[0].data.len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_cluster_wins_over_the_variables_and_is_asked_by_its_arn() {
    let variables = [("ECS_CLUSTER", "other")];
    let calculator = calculator(Ecs::default(), CloudWatch::default(), &variables);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.cluster, "demo");
    assert_eq!(calculator.ecs.clusters_asked.take().into_iter().collect::<Vec<_>>(), [CLUSTER_ARN]);
    let put = &calculator.metrics.puts.take()[0];
    assert!(put.data.iter().all(|datum| datum.dimensions[0] == ("ClusterName", "demo".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_takes_the_variables_cluster() {
    let variables = [("ECS_CLUSTER", "scheduled")];
    for event in [json!({"detail-type": "Scheduled Event", "detail": "{}"}), json!({})] {
        let calculator = calculator(Ecs::default(), CloudWatch::default(), &variables);
        assert_eq!(published(&calculator, event).await.unwrap().cluster, "scheduled");
        assert_eq!(calculator.ecs.clusters_asked.take().into_iter().collect::<Vec<_>>(), ["scheduled"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_short_and_says_what_binds() {
    let mut busy = host(1);
    (busy.remaining.cpu, busy.remaining.memory) = (CpuUnits(774), Mib(593));
    busy.remaining.tcp_ports_taken.insert(Port(80));
    let ecs = Ecs { pages: vec![vec![host(0), busy]], groups: vec![group("a", [0, 1])], ..Ecs::default() };
    let variables = [("TCP_PORT_RESOURCES", "80"), ("AUTO_SCALING_GROUPS", "a")];
    let (outcome, _) = handle(ecs, CloudWatch::default(), &variables).await;
    let answer = serde_json::to_value(outcome.unwrap()).unwrap();
    assert_eq!(
        answer,
        json!({
            "cluster": "demo",
            "trigger": {
                "kind": "ECS Container Instance State Change",
                "containerInstance": host(0).arn.0,
                "version": 7,
            },
            "worstCaseContainer": "250 CPU units, 400 MiB, TCP 80",
            "containerCapacity": 1,
            "containerCapacityBoundBy": "TCP_PORTS",
            "idleHostCapacity": 1.0,
            "idleHostCapacityBoundBy": "TCP_PORTS",
            "placeableContainers": 1,
            "hosts": 2,
            "resources": [
                {"resource": "CPU", "containerCapacity": 7, "perHost": 4, "fullHosts": 0},
                {"resource": "MEMORY", "containerCapacity": 3, "perHost": 2, "fullHosts": 0},
                {"resource": "TCP_PORTS", "containerCapacity": 1, "perHost": 1, "fullHosts": 1},
            ],
            "waitingTasks": 0,
            "groups": [{
                "group": "a",
                "activeHosts": 2,
                "drainingHosts": 0,
                "disconnectedHosts": 0,
                "unjoinedHosts": 0,
                "missing": {"units": 0, "reason": {"code": "has-room"}},
                "removable": {"hosts": 2, "units": 2},
            }],
            "published": {"namespace": "ECS/Fleetkeeper", "metrics": 11, "at": "2026-11-22T12:00:01.020Z"},
        })
    );
}
