//! Figures that cannot be computed are never published, and the answer says why.

use std::collections::BTreeMap;
use std::error::Error;

use capacity_calculator::{CapacityError, DEADLINE_MARGIN};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::{CallError, CallErrorKind, Clock};
use fleetkeeper_core::service::{Launch, PlacementConstraint, Service};
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_core::task_needs::TaskNeeds;
use serde_json::json;

use crate::ports::{
    CLUSTER_ARN, CloudWatch, Ecs, Mood, begin, calculator, group, handle, host, invocation, pages,
    state_change,
};
use crate::services::{needs, running, service};

/// The kind of error and its chain.
fn said(error: &CapacityError) -> (&'static str, String) {
    (error.kind(), ErrorChain(error).to_string())
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_listed_and_missing_is_asked_for_again_and_counted() {
    let failing = BTreeMap::from([(host(1).arn.0, "MISSING"), (host(250).arn.0, "MISSING")]);
    let ecs = Ecs { pages: pages(&[100, 100, 100]), failing, failing_first: Some(4), ..Ecs::default() };
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[]).await;
    assert_eq!(outcome.unwrap().figures.capacity.unwrap().hosts, 300);
    assert_eq!(puts[0].value("ContainerCapacity"), 600.0);
}

#[tokio::test(start_paused = true)]
async fn one_that_stays_missing_stops_everything() {
    let failing = BTreeMap::from([(host(0).arn.0, "MISSING")]);
    let ecs = Ecs { pages: pages(&[1]), failing, ..Ecs::default() };
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[]).await;
    assert_eq!(
        said(&outcome.unwrap_err()),
        (
            "ContainerInstancesNotDescribed",
            format!(
                "ecs:DescribeContainerInstances on cluster demo could not describe 1 of 1 container instances, first {}: \
                 MISSING",
                host(0).arn
            )
        )
    );
    assert!(puts.is_empty(), "an empty cluster would be scaled");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_ecs_cannot_describe_stops_everything() {
    let failing = BTreeMap::from([(host(1).arn.0, "MISSING"), (host(250).arn.0, "INTERNAL")]);
    let ecs = Ecs { pages: pages(&[100, 100, 100]), failing, ..Ecs::default() };
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[]).await;
    let (kind, chain) = said(&outcome.unwrap_err());
    assert_eq!(kind, "ContainerInstancesNotDescribed");
    assert_eq!(
        chain,
        format!(
            "ecs:DescribeContainerInstances on cluster demo could not describe 2 of 300 container instances, first {}: \
             MISSING",
            host(1).arn
        )
    );
    assert!(puts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_describe_is_an_error_with_its_whole_chain() {
    let ecs = Ecs {
        pages: pages(&[100; 12]),
        describe: Mood::Fails(CallErrorKind::Throttled),
        in_mood: Some(9),
        ..Ecs::default()
    };
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[]).await;
    let error = outcome.unwrap_err();
    assert_eq!(
        said(&error),
        (
            "ContainerInstancesNotRead",
            "the container instances of cluster demo could not be read: ecs:DescribeContainerInstances on demo was \
             throttled: Rate exceeded"
                .to_owned()
        )
    );
    let call: &CallError = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(call.kind, CallErrorKind::Throttled);
    assert!(puts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_half_way_is_an_error() {
    let list = Mood::Fails(CallErrorKind::Unavailable);
    let ecs = Ecs { pages: pages(&[100; 3]), list, in_mood: Some(2), ..Ecs::default() };
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[]).await;
    assert_eq!(outcome.unwrap_err().kind(), "ContainerInstancesNotRead");
    assert!(puts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_given_container_that_fits_on_no_host_is_no_figure() {
    let ecs = Ecs { pages: pages(&[2]), ..Ecs::default() };
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[("CONTAINER_MAX_CPU", "2048")]).await;
    assert!(outcome.unwrap().figures.capacity.is_none());
    let names: Vec<_> = puts[0].data.iter().map(|datum| datum.name).collect();
    assert_eq!(names, ["UnplaceableServices", "WaitingTasks"]);
}

#[tokio::test(start_paused = true)]
async fn one_service_or_task_definition_that_cannot_be_described_does_not_silence_the_others() {
    let waits = |name: &str| running(service(name, &[&format!("{name}:1")], 1), 0);
    let mut ecs = Ecs { pages: pages(&[1]), groups: vec![group("a", [0])], ..Ecs::default() }
        .with(waits("web"), &needs(10, 10))
        .with(waits("broken"), &needs(10, 10))
        .with(waits("deleted"), &needs(10, 10));
    ecs.services_failing = [("broken".to_owned(), "INTERNAL")].into();
    ecs.definitions.remove(&TaskDefinitionArn("deleted:1".to_owned()));
    let (outcome, puts) = handle(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]).await;
    let figures = outcome.unwrap().figures;
    // Of the deleted definition one waits, too: no host is asked for by it.
    assert_eq!(puts[0].value("WaitingTasks"), 2.0);
    assert_eq!(puts[0].of_group("a", "MissingHosts"), Some(0.0));
    let not_understood: Vec<_> = figures.not_understood.iter().map(|it| it.service.as_str()).collect();
    assert_eq!(not_understood, ["deleted"]);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_publishes_nothing_and_names_itself() {
    let web = || {
        let constraints = vec![PlacementConstraint::MemberOf("attribute:pool == x".to_owned())];
        let mut web = Service { constraints, ..service("web", &["web:1"], 1) };
        web.deployments[0].launch = Launch::CapacityProviders(vec!["spot".to_owned()]);
        let needs = TaskNeeds { network_interface: true, ..needs(10, 10) };
        Ecs { pages: pages(&[1]), groups: vec![group("a", [0])], ..Ecs::default() }.with(web, &needs)
    };
    for mood in [Mood::Fails(CallErrorKind::Throttled), Mood::Hangs] {
        for (ecs, kind) in [
            (Ecs { services_mood: mood, ..web() }, "ServicesNotRead"),
            (Ecs { definitions_mood: mood, ..web() }, "TaskDefinitionsNotRead"),
            (Ecs { tasks_mood: mood, ..web() }, "TasksNotRead"),
            (Ecs { groups_mood: mood, ..web() }, "GroupsNotRead"),
            (Ecs { providers_mood: mood, ..web() }, "CapacityProvidersNotRead"),
            (Ecs { matching_mood: mood, ..web() }, "PlacementConstraintsNotRead"),
        ] {
            let (outcome, puts) = handle(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]).await;
            assert_eq!(outcome.unwrap_err().kind(), kind);
            assert!(puts.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_that_are_put_in_part_are_an_error_that_says_how_many() {
    let names: Vec<_> = (0..120).map(|number| format!("group-{number}")).collect();
    let ecs = || Ecs {
        pages: pages(&[1]),
        groups: names.iter().map(|name| group(name, [])).collect(),
        ..Ecs::default()
    };
    let listed = names.join(",");
    let variables = [("AUTO_SCALING_GROUPS", listed.as_str())];
    let (outcome, puts) = handle(ecs(), CloudWatch::default(), &variables).await;
    assert_eq!(puts.iter().map(|put| put.data.len()).collect::<Vec<_>>(), [1000, 85]);
    assert_eq!((puts[0].at, outcome.unwrap().published.metrics), (puts[1].at, 1085));

    let put = Mood::Fails(CallErrorKind::Throttled);
    let metrics = CloudWatch { put, put_after: 1, ..CloudWatch::default() };
    let (outcome, _) = handle(ecs(), metrics, &variables).await;
    let (kind, chain) = said(&outcome.unwrap_err());
    assert_eq!(kind, "MetricsNotPut");
    assert!(chain.contains("could not be published: 1000 of 1085 metrics were put: "), "{chain}");
}

#[tokio::test(start_paused = true)]
async fn metrics_that_are_refused_are_an_error() {
    let metrics = CloudWatch { put: Mood::Fails(CallErrorKind::Refused), ..CloudWatch::default() };
    let (outcome, puts) = handle(Ecs { pages: pages(&[2]), ..Ecs::default() }, metrics, &[]).await;
    assert_eq!(
        said(&outcome.unwrap_err()),
        (
            "MetricsNotPut",
            "the capacity of cluster demo could not be published: 0 of 5 metrics were put: cloudwatch:PutMetricData on \
             ECS/Fleetkeeper was refused: Rate exceeded"
                .to_owned()
        )
    );
    assert!(puts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_call_ends_with_the_time_that_is_left() {
    let pages = || pages(&[100; 3]);
    let hanging = [
        (Ecs { pages: pages(), list: Mood::Hangs, ..Ecs::default() }, Mood::Answers, "ecs:List"),
        (
            Ecs { pages: pages(), describe: Mood::Hangs, in_mood: Some(2), ..Ecs::default() },
            Mood::Answers,
            "ecs:DescribeContainerInstances on cluster demo",
        ),
        (
            Ecs { pages: pages(), ..Ecs::default() },
            Mood::Hangs,
            "cloudwatch:PutMetricData on ECS/Fleetkeeper",
        ),
    ];
    for (ecs, put, names) in hanging {
        let calculator = calculator(ecs, CloudWatch { put, ..CloudWatch::default() }, &[]);
        let error = calculator.handle(state_change(), invocation(30)).await.unwrap_err();
        let (_, chain) = said(&error);
        assert!(chain.contains(names) && chain.ends_with("did not answer in the time left"), "{chain}");
        assert_eq!(calculator.clock.now(), invocation(30).ends - DEADLINE_MARGIN);
        assert!(calculator.metrics.puts.take().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_still_gives_an_answer() {
    let calculator = calculator(Ecs { pages: pages(&[2]), ..Ecs::default() }, CloudWatch::default(), &[]);
    assert!(calculator.handle(state_change(), Invocation::new(600_000, begin())).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_cluster_says_what_would_be_accepted_and_asks_aws_nothing() {
    let calculator = calculator(Ecs::default(), CloudWatch::default(), &[]);
    let event = json!({"detail-type": "Scheduled Event", "resources": [CLUSTER_ARN], "detail": "{}"});
    let error = calculator.handle(event, invocation(60)).await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            "NoCluster",
            "no cluster is named: the event (Scheduled Event) has no detail.clusterArn (a cluster's ARN), and \
             ECS_CLUSTER (a cluster's name or ARN) is not set; either is accepted"
                .to_owned()
        )
    );
    assert_eq!(calculator.ecs.lists.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_is_an_error_even_where_the_variable_names_a_cluster() {
    let calculator = calculator(Ecs::default(), CloudWatch::default(), &[("ECS_CLUSTER", "demo")]);
    for event in [json!([]), json!({"detail": {"clusterArn": "arn:aws:ecs:nowhere"}})] {
        let error = calculator.handle(event, invocation(60)).await.unwrap_err();
        assert_eq!(error.kind(), "UnreadableEvent");
    }
    assert_eq!(calculator.ecs.lists.get(), 0);
    assert!(calculator.metrics.puts.take().is_empty());
}
