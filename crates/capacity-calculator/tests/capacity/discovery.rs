//! The calculator discovers the worst-case container from the services, as far as no variable gives
//! it.

use fleetkeeper_core::container_instance::Port;
use fleetkeeper_core::service::{Launch, SchedulingStrategy, Service};
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_core::task_needs::TaskNeeds;
use serde_json::{json, to_value};

use crate::ports::{CloudWatch, Ecs, group, only, pages, published, state_change};
use crate::services::{needs, running, service};

fn hosts(count: usize) -> Ecs {
    Ecs { pages: pages(&[count]), groups: vec![group("a", 0..count)], ..Ecs::default() }
}

#[tokio::test(start_paused = true)]
async fn task_definitions_are_read_once_while_the_function_is_warm() {
    let ecs = hosts(1)
        .with(service("web", &["web:1"], 2), &needs(400, 100))
        .with(service("web-too", &["web:1"], 2), &needs(400, 100));
    let calculator = only(ecs, CloudWatch::default(), &[("ECS_CLUSTER", "demo")]);
    for _ in 0..3 {
        published(&calculator, json!({})).await.unwrap();
    }
    assert_eq!(calculator.ecs.defined.take(), [TaskDefinitionArn("web:1".to_owned())]);
    assert_eq!(calculator.ecs.lists.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_variable_wins_over_what_is_discovered_and_leaves_the_rest_to_it() {
    let ecs = hosts(1).with(service("web", &["web:1"], 2), &needs(400, 100));
    let calculator = only(ecs, CloudWatch::default(), &[("CONTAINER_MAX_CPU", "700")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.figures.capacity.unwrap().worst_case_container.to_string(), "700 CPU units, 100 MiB");
}

#[tokio::test(start_paused = true)]
async fn the_worst_case_container_has_the_most_of_all_that_may_start_deployments_in_progress_included() {
    let with_port = TaskNeeds { tcp_ports: [Port(8080)].into(), ..needs(100, 500) };
    let ecs = hosts(3)
        .with(service("web", &["web:1", "web:2"], 2), &needs(400, 100))
        .with(service("api", &["api:7"], 2), &with_port);
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let report = summary.figures.capacity.unwrap();
    assert_eq!(report.worst_case_container.to_string(), "400 CPU units, 500 MiB, TCP 8080");
    // One on each host: of the port there is one.
    assert_eq!(report.placeable_containers, 3);
}

#[tokio::test(start_paused = true)]
async fn daemons_and_deleted_or_fargate_services_are_no_worst_case_container() {
    let large = needs(1000, 900);
    let mut fargate = service("fargate", &["fargate:1"], 1);
    fargate.deployments[0].launch = Launch::Elsewhere;
    let ecs = hosts(1)
        .with(service("web", &["web:1"], 2), &needs(100, 100))
        .with(Service { strategy: SchedulingStrategy::Daemon, ..service("agent", &["agent:1"], 1) }, &large)
        .with(fargate, &large)
        .with(Service { active: false, ..service("gone", &["gone:1"], 1) }, &large);
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.figures.capacity.unwrap().worst_case_container.to_string(), "100 CPU units, 100 MiB");
    // The room beside daemons rests on their task definitions, too.
    let read: Vec<_> = calculator.ecs.defined.take().into_iter().map(|it| it.0).collect();
    assert_eq!(read, ["agent:1", "web:1"]);
}

#[tokio::test(start_paused = true)]
async fn what_fits_on_no_host_is_left_out_of_the_worst_case_container_and_unplaceable() {
    let ecs = hosts(2)
        .with(service("web", &["web:1"], 2), &needs(100, 100))
        .with(running(service("huge", &["huge:1"], 9), 0), &needs(100, 5000));
    let calculator = only(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let put = &calculator.metrics.puts.take()[0];
    assert_eq!((put.value("UnplaceableServices"), put.of_group("a", "MissingHosts")), (1.0, Some(0.0)));
    assert_eq!(
        to_value(&summary).unwrap()["unplaceable"],
        json!([{"service": "huge", "taskDefinition": "huge:1", "lacks": "MEMORY"}])
    );
    assert_eq!(summary.figures.capacity.unwrap().worst_case_container.to_string(), "100 CPU units, 100 MiB");
}

#[tokio::test(start_paused = true)]
async fn without_a_worst_case_container_no_figure_of_the_book_is_published() {
    let calculator = only(hosts(3), CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert!(summary.figures.capacity.is_none());
    let put = &calculator.metrics.puts.take()[0];
    let names: Vec<_> = put.data.iter().map(|datum| datum.name).collect();
    let of_group = ["MissingHosts", "RemovableHosts", "ActiveHosts", "DrainingHosts", "DisconnectedHosts"];
    let expected = [&["UnplaceableServices", "WaitingTasks"][..], &of_group, &["UnjoinedHosts"]].concat();
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn a_worst_case_container_that_fits_on_no_host_holds_back_the_books_figures_alone() {
    // Each fits on a host, both in one do not: a host has one of the ports.
    let mut ecs = hosts(2);
    ecs.pages[0][0].registered.tcp_ports_taken = [Port(80)].into();
    ecs.pages[0][1].registered.tcp_ports_taken = [Port(443)].into();
    let on = |port| TaskNeeds { tcp_ports: [Port(port)].into(), ..needs(10, 10) };
    let ecs = ecs
        .with(running(service("http", &["http:1"], 1), 0), &on(80))
        .with(service("https", &["https:1"], 0), &on(443));
    let calculator = only(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert!(summary.figures.capacity.is_none());
    let put = &calculator.metrics.puts.take()[0];
    assert!(put.data.iter().all(|datum| datum.name != "ContainerCapacity"));
    assert_eq!((put.value("WaitingTasks"), put.of_group("a", "ActiveHosts")), (1.0, Some(2.0)));
}
