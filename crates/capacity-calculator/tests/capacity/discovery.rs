//! The worst case is found in what the services may start, as far as no variable says it.

use fleetkeeper_core::container_instance::{ContainerInstance, Port};
use fleetkeeper_core::ports::CallErrorKind;
use fleetkeeper_core::service::{Deployment, Launch, SchedulingStrategy, Service};
use fleetkeeper_core::task::{DesiredStatus, Task, TaskArn, TaskDefinitionArn};
use fleetkeeper_core::task_needs::TaskNeeds;
use serde_json::{json, to_value};

use crate::ports::{CloudWatch, Ecs, Mood, handle, host, only, pages, published, state_change};
use crate::services::{deployment, needs, service};

/// All six variables of the worst case.
const ALL: [(&str, &str); 6] = [
    ("CONTAINER_MAX_CPU", "250"),
    ("CONTAINER_MAX_MEMORY", "400"),
    ("TCP_PORT_RESOURCES", ""),
    ("UDP_PORT_RESOURCES", ""),
    ("CONTAINER_MAX_GPU", "0"),
    ("CONTAINER_USES_ENI", "false"),
];

fn hosts(count: usize) -> Ecs {
    Ecs { pages: pages(&[count]), ..Ecs::default() }
}

/// A task of a host that holds a network interface, or none.
fn task(number: usize, on: usize, desired_status: DesiredStatus, network_interface: bool) -> Task {
    let stopping = desired_status == DesiredStatus::Stopped;
    Task {
        arn: TaskArn(format!("arn:task/{number}")),
        last_status: if stopping { "DEPROVISIONING" } else { "RUNNING" }.to_owned(),
        desired_status,
        group: "service:web".to_owned(),
        container_instance: host(on).arn,
        definition: TaskDefinitionArn("web:1".to_owned()),
        cpu: needs(0, 0).cpu,
        memory: needs(0, 0).memory,
        tcp_ports: [].into(),
        udp_ports: [].into(),
        network_interface,
        stopping_at: None,
        stopped_at: None,
        stop_code: None,
        stopped_reason: None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_worst_case_is_the_most_of_all_that_may_be_started_deployments_in_progress_included() {
    let with_port = TaskNeeds { tcp_ports: [Port(8080)].into(), ..needs(100, 500) };
    let ecs = hosts(3)
        .with(service("web", &["web:1", "web:2"], 2), &needs(400, 100))
        .with(service("api", &["api:7"], 2), &with_port);
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let report = summary.report().unwrap();
    assert_eq!(report.worst_case.to_string(), "400 CPU units, 500 MiB, TCP 8080");
    // One on each host: of the port there is one.
    assert_eq!((report.placeable_containers, report.scale_in.removable_hosts), (3, 2));
    assert_eq!(calculator.metrics.puts.take()[0].value("UnfittableServices"), 0.0);
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
async fn daemons_and_services_that_are_gone_or_on_fargate_are_no_demand() {
    let large = needs(1000, 900);
    let ecs = hosts(1)
        .with(service("web", &["web:1"], 2), &needs(100, 100))
        .with(Service { strategy: SchedulingStrategy::Daemon, ..service("agent", &["agent:1"], 1) }, &large)
        .with(
            Service {
                deployments: vec![Deployment { launch: Launch::Elsewhere, ..deployment("fargate:1") }],
                ..service("fargate", &["fargate:1"], 1)
            },
            &large,
        )
        .with(Service { active: false, ..service("gone", &["gone:1"], 1) }, &large);
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.report().unwrap().worst_case.to_string(), "100 CPU units, 100 MiB");
    assert_eq!(calculator.ecs.defined.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_fits_on_no_host_is_left_out_and_reported() {
    let ecs = hosts(2)
        .with(service("web", &["web:1"], 2), &needs(100, 100))
        .with(Service { running: 0, ..service("huge", &["huge:1", "huge:2"], 9) }, &needs(100, 5000));
    let (outcome, puts) = {
        let calculator = only(ecs, CloudWatch::default(), &[]);
        (published(&calculator, state_change()).await, calculator.metrics.puts.take())
    };
    let summary = outcome.unwrap();
    assert_eq!(summary.report().unwrap().worst_case.to_string(), "100 CPU units, 100 MiB");
    assert_eq!(puts[0].value("UnfittableServices"), 1.0);
    // No number of hosts would give those nine a place.
    assert_eq!((puts[0].value("MissingHosts"), puts[0].value("RemovableHosts")), (0.0, 1.0));
    assert_eq!(
        to_value(&summary).unwrap()["unfittable"][1],
        json!({"service": "huge", "taskDefinition": "huge:2", "failsIn": ["MEMORY"]})
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_service_idle_hosts_are_told_and_no_capacity() {
    let mut ecs = hosts(3);
    ecs.pages[0][0].running_tasks = 1;
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let told = to_value(&summary).unwrap();
    assert_eq!((&told["idleHosts"], &told["activeHosts"]), (&json!(2), &json!(3)));
    assert!(summary.report().is_none());
    let put: Vec<_> = calculator.metrics.puts.take()[0].data.iter().map(|datum| datum.name).collect();
    let names =
        ["IdleHostCapacity", "ActiveHosts", "DrainingHosts", "DisconnectedHosts", "UnfittableServices"];
    assert_eq!(put, names);
}

#[tokio::test(start_paused = true)]
async fn a_variable_wins_over_what_is_discovered_and_leaves_the_rest_to_it() {
    let ecs = hosts(1).with(service("web", &["web:1"], 2), &needs(400, 100));
    let calculator = only(ecs, CloudWatch::default(), &[("CONTAINER_MAX_CPU", "700")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.report().unwrap().worst_case.to_string(), "700 CPU units, 100 MiB");
}

#[tokio::test(start_paused = true)]
async fn where_the_variables_say_it_all_no_task_definition_is_read_but_the_services_are() {
    let wants = Service { running: 1, pending: 1, ..service("web", &["web:1"], 7) };
    let calculator = only(hosts(2).with(wants, &needs(900, 900)), CloudWatch::default(), &ALL);
    let summary = published(&calculator, state_change()).await.unwrap();
    let report = summary.report().unwrap();
    // Two of the worst case fit on a host: of the five tasks without a place and one more, four have room.
    assert_eq!((report.wanted.missing_tasks, report.missing_hosts), (5, 1));
    assert!(calculator.ecs.defined.take().is_empty());
    let put = &calculator.metrics.puts.take()[0];
    assert!(put.data.iter().all(|datum| datum.name != "UnfittableServices"));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_of_no_hosts_with_wanted_tasks_asks_for_one_and_one_without_tasks_gives_all_away() {
    let wants = Service { running: 0, ..service("web", &["web:1"], 7) };
    let calculator = only(hosts(0).with(wants, &needs(900, 900)), CloudWatch::default(), &[]);
    published(&calculator, state_change()).await.unwrap();
    assert_eq!(calculator.metrics.puts.take()[0].value("MissingHosts"), 1.0);

    let calculator =
        only(hosts(3).with(service("web", &["web:1"], 0), &needs(900, 900)), CloudWatch::default(), &[]);
    published(&calculator, state_change()).await.unwrap();
    let put = &calculator.metrics.puts.take()[0];
    assert_eq!((put.value("RemovableHosts"), put.value("MissingHosts")), (3.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn network_interfaces_are_counted_by_the_tasks_those_that_are_stopping_included() {
    // A c5.large has two for tasks.
    let mut ecs =
        hosts(4).with(service("web", &["web:1"], 4), &TaskNeeds { network_interface: true, ..needs(10, 10) });
    let running = |instance: &mut ContainerInstance, tasks| instance.running_tasks = tasks;
    running(&mut ecs.pages[0][0], 1);
    running(&mut ecs.pages[0][1], 2);
    ecs.tasks = vec![
        task(1, 0, DesiredStatus::Running, true),
        task(2, 1, DesiredStatus::Running, false),
        task(3, 1, DesiredStatus::Running, false),
        task(4, 2, DesiredStatus::Stopped, true),
    ];
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.report().unwrap().placeable_containers, 1 + 2 + 1 + 2);
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
    ecs.tasks = (0..5_001).map(|number| task(number, 1, DesiredStatus::Running, false)).collect();
    let calculator = only(ecs, CloudWatch::default(), &[]);
    let summary = published(&calculator, state_change()).await.unwrap();
    assert_eq!(summary.report().unwrap().placeable_containers, 1 + 2);
    assert_eq!(calculator.ecs.task_calls.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_publishes_nothing_and_names_itself() {
    let web = || {
        let needs = TaskNeeds { network_interface: true, ..needs(10, 10) };
        hosts(1).with(service("web", &["web:1"], 1), &needs)
    };
    let throttled = Mood::Fails(CallErrorKind::Throttled);
    for (ecs, kind) in [
        (Ecs { services_mood: throttled, ..web() }, "ServicesNotRead"),
        (Ecs { definitions_mood: throttled, ..web() }, "TaskDefinitionsNotRead"),
        (Ecs { tasks_mood: throttled, ..web() }, "TasksNotRead"),
        (Ecs { services_mood: Mood::Hangs, ..web() }, "ServicesNotRead"),
        (Ecs { definitions_mood: Mood::Hangs, ..web() }, "TaskDefinitionsNotRead"),
        (Ecs { tasks_mood: Mood::Hangs, ..web() }, "TasksNotRead"),
    ] {
        let calculator = only(ecs, CloudWatch::default(), &[]);
        let error = published(&calculator, state_change()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(calculator.metrics.puts.take().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_services_are_read_page_by_page_in_batches_of_ten() {
    let mut ecs = hosts(1);
    for number in 0..205 {
        let name = format!("service-{number}");
        ecs = ecs.with(service(&name, &[&format!("{name}:1")], 1), &needs(10, number));
    }
    let (outcome, _) = handle(ecs, CloudWatch::default(), &[("CONTAINER_MAX_MEMORY", "1")]).await;
    assert_eq!(outcome.unwrap().report().unwrap().wanted.services, 205);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_listed_and_missing_is_asked_for_again() {
    for (missing_first, services) in [(3, 1), (4, 0)] {
        let ecs = hosts(1).with(service("web", &["web:1"], 1), &needs(10, 10));
        ecs.services_missing_first.set(missing_first);
        let calculator = only(ecs, CloudWatch::default(), &ALL);
        let summary = published(&calculator, state_change()).await.unwrap();
        assert_eq!(summary.report().unwrap().wanted.services, services);
    }
}
