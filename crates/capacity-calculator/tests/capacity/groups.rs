//! The reads and the figures of the cluster's Auto Scaling groups.

use fleetkeeper_core::capacity_provider::CapacityProvider;
use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_core::service::{Launch, PlacementConstraint, Service};
use serde_json::{json, to_value};

use crate::ports::{CloudWatch, Ecs, group, host, only, pages, published, state_change};
use crate::services::{needs, running, service, task};

const SCHEDULED: [(&str, &str); 1] = [("ECS_CLUSTER", "demo")];

/// Two full hosts of group `a`, with two tasks of `web` each; one more task waits.
fn full() -> Ecs {
    let mut pages = pages(&[2]);
    for host in &mut pages[0] {
        host.running_tasks = 2;
        (host.remaining.cpu.0, host.remaining.memory.0) = (24, 13);
    }
    let tasks = (0..4).map(|number| task(number, number / 2)).collect::<Vec<_>>();
    let web = running(service("web", &["web:1"], 5), 4);
    Ecs { pages, tasks: tasks.into(), groups: vec![group("a", [0, 1])], ..Ecs::default() }
        .with(web, &needs(500, 490))
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_without_room_is_a_missing_host_of_its_group() {
    let calculator =
        only(full(), CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a"), ("HEADROOM", "none")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let put = &calculator.metrics.puts.take()[0];
    let of_a = |name| put.of_group("a", name);
    assert_eq!((of_a("MissingHosts"), of_a("RemovableHosts")), (Some(1.0), Some(0.0)));
    assert_eq!((of_a("ActiveHosts"), of_a("UnjoinedHosts")), (Some(2.0), Some(0.0)));
    assert_eq!(put.value("WaitingTasks"), 1.0);
    let answer = to_value(&summary).unwrap();
    assert_eq!(
        answer["groups"][0]["missing"],
        json!({"units": 1, "reason": {"code": "no-room", "service": "web", "waitingTasks": 1}})
    );
    // Of one group the cluster's figures say all.
    assert_eq!(of_a("ContainerCapacity"), None);
}

/// The missing hosts of group `a`, the waiting tasks, and the calls on services.
async fn missing(ecs: Ecs) -> (Option<f64>, f64, usize) {
    let calculator = only(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a"), ("HEADROOM", "none")]);
    published(&calculator, state_change()).await.unwrap();
    let put = &calculator.metrics.puts.take()[0];
    (put.of_group("a", "MissingHosts"), put.value("WaitingTasks"), calculator.ecs.service_calls.get())
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_placed_between_its_services_reading_and_the_hosts_waits_no_more() {
    assert_eq!(missing(full()).await, (Some(1.0), 1.0, 3));
    assert_eq!(missing(Ecs { placed_meanwhile: 1, ..full() }).await, (Some(0.0), 0.0, 3));
    // Nothing is read twice where no task waits.
    let mut ecs = full();
    ecs.services[0].desired = 4;
    ecs.services[0].deployments[0].desired = 4;
    assert_eq!(missing(ecs).await, (Some(0.0), 0.0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_is_placed_before_the_hosts_are_read_waits_no_more() {
    // Another two of its tasks run on a host that is DRAINING.
    let draining = || {
        let mut ecs = full();
        let mut third = ecs.pages[0][0].clone();
        (third.arn, third.ec2_instance_id) = (host(2).arn, host(2).ec2_instance_id);
        third.status = ContainerInstanceStatus::Draining;
        ecs.pages[0].push(third);
        ecs.tasks.borrow_mut().extend([task(4, 2), task(5, 2)]);
        (ecs.services[0].desired, ecs.services[0].deployments[0].desired) = (4, 4);
        ecs.groups = vec![group("a", [0, 1, 2])];
        ecs
    };
    assert_eq!(missing(draining()).await, (Some(1.0), 2.0, 3));
    assert_eq!(missing(Ecs { placed_meanwhile: 2, ..draining() }).await, (Some(0.0), 0.0, 3));
}

#[tokio::test(start_paused = true)]
async fn several_groups_have_the_books_figures_of_their_own_hosts() {
    let groups = vec![group("a", [0]), group("b", [1, 2])];
    let ecs = Ecs { pages: pages(&[3]), groups, ..Ecs::default() }
        .with(running(service("web", &["web:1"], 1), 0), &needs(250, 400));
    let calculator = only(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "b,a")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let names: Vec<_> = summary.figures.groups.iter().map(|it| it.decision.group.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    let put = &calculator.metrics.puts.take()[0];
    assert_eq!(put.value("ContainerCapacity"), 6.0);
    for (group, capacity, idle) in [("a", 2.0, 1.0), ("b", 4.0, 2.0)] {
        assert_eq!(put.of_group(group, "ContainerCapacity"), Some(capacity));
        assert_eq!(put.of_group(group, "IdleHostCapacity"), Some(idle));
        assert_eq!(put.of_group(group, "PlaceableContainers"), Some(capacity));
    }
}

#[tokio::test(start_paused = true)]
async fn groups_are_described_fifty_at_a_time() {
    let names: Vec<_> = (0..120).map(|number| format!("group-{number}")).collect();
    let groups = names.iter().map(|name| group(name, [])).collect();
    let variables = [("AUTO_SCALING_GROUPS", names.join(","))];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let calculator =
        only(Ecs { pages: pages(&[1]), groups, ..Ecs::default() }, CloudWatch::default(), &variables);
    let summary = published(&calculator, state_change()).await.unwrap();
    let found: Vec<_> = summary.figures.groups.into_iter().map(|it| it.decision.group).collect();
    assert_eq!(found, names);
    assert_eq!(calculator.auto_scaling.asked.take(), [50, 50, 20]);
}

#[tokio::test(start_paused = true)]
async fn without_groups_none_is_described_and_the_clusters_figures_are_published() {
    let ecs = Ecs { groups: Vec::new(), ..full() };
    let calculator = only(ecs, CloudWatch::default(), &[]);
    published(&calculator, state_change()).await.unwrap();
    assert!(calculator.auto_scaling.asked.take().is_empty());
    let put = &calculator.metrics.puts.take()[0];
    assert!(put.data.iter().all(|datum| datum.dimensions.len() == 1));
    assert_eq!(put.value("WaitingTasks"), 1.0);
    assert_eq!((calculator.ecs.task_calls.get(), put.data.len()), (0, 5));
}

#[tokio::test(start_paused = true)]
async fn the_groups_are_those_of_the_clusters_variable() {
    for (cluster, described) in [("demo", 1), ("other", 0)] {
        let variables = [("AUTO_SCALING_GROUPS", "a"), ("ECS_CLUSTER", cluster)];
        let calculator = only(full(), CloudWatch::default(), &variables);
        // Of cluster demo.
        published(&calculator, state_change()).await.unwrap();
        assert_eq!(calculator.auto_scaling.asked.take().len(), described);
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_does_not_exist_leaves_the_others_to_be_decided() {
    let calculator = only(full(), CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "gone,a")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let put = &calculator.metrics.puts.take()[0];
    assert_eq!((put.of_group("gone", "MissingHosts"), summary.figures.groups.len()), (None, 1));
    assert!(put.of_group("a", "MissingHosts").is_some_and(|missing| missing >= 1.0));
}

/// Services and hosts that name capacity provider `spot`, of group `a`.
fn provided(managed_scaling: bool) -> Ecs {
    let mut ecs = full();
    ecs.pages[0][0].capacity_provider = Some("spot".to_owned());
    let launch = Launch::CapacityProviders(vec!["spot".to_owned(), "other".to_owned()]);
    ecs.services[0].deployments[0].launch = launch;
    let provider = |name: &str, group: &str| CapacityProvider {
        name: name.to_owned(),
        group: Some(group.to_owned()),
        managed_scaling: managed_scaling && name == "spot",
    };
    ecs.capacity_providers = vec![provider("spot", "a"), provider("other", "b")];
    ecs
}

#[tokio::test(start_paused = true)]
async fn of_a_group_that_ecs_scales_hosts_are_counted_and_nothing_scales_it() {
    let calculator = only(provided(true), CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let put = &calculator.metrics.puts.take()[0];
    assert_eq!(put.of_group("a", "ActiveHosts"), Some(2.0));
    for name in ["MissingHosts", "RemovableHosts"] {
        assert_eq!(put.of_group("a", name), None, "{name}");
    }
    let answer = to_value(&summary).unwrap();
    assert_eq!(
        answer["groups"][0]["missing"]["reason"],
        json!({"code": "scaled-by-ecs", "capacityProvider": "spot"})
    );
}

#[tokio::test(start_paused = true)]
async fn capacity_providers_are_described_once_in_five_minutes_and_only_where_some_are_named() {
    let variables = [&SCHEDULED[..], &[("AUTO_SCALING_GROUPS", "a")]].concat();
    let calculator = only(provided(false), CloudWatch::default(), &variables);
    for _ in 0..4 {
        published(&calculator, json!({})).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(105)).await;
    }
    // Two pages each: at the first snapshot, and at the fourth.
    assert_eq!(calculator.ecs.providers_asked.take(), vec![vec!["other".to_owned(), "spot".to_owned()]; 4]);
    assert_eq!(calculator.metrics.puts.take()[0].of_group("a", "MissingHosts"), Some(1.0));

    let calculator = only(full(), CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]);
    published(&calculator, state_change()).await.unwrap();
    assert!(calculator.ecs.providers_asked.take().is_empty());
}

fn constrained(name: &str, expression: &str) -> Service {
    let constraints = vec![PlacementConstraint::MemberOf(expression.to_owned())];
    Service { constraints, ..running(service(name, &[&format!("{name}:1")], 1), 0) }
}

#[tokio::test(start_paused = true)]
async fn each_distinct_expression_is_asked_once_over_all_its_pages() {
    let mut ecs = Ecs { pages: pages(&[100, 100, 10]), groups: vec![group("a", 0..210)], ..Ecs::default() };
    for name in ["one", "two", "three"] {
        ecs = ecs.with(constrained(name, "attribute:pool == x"), &needs(250, 400));
    }
    ecs = ecs.with(constrained("four", "attribute:pool == y"), &needs(250, 400));
    let all: Vec<_> = (0..210).map(|number| host(number).arn).collect();
    ecs.matching = [
        ("attribute:pool == x".to_owned(), all.chunks(100).map(<[_]>::to_vec).collect()),
        ("attribute:pool == y".to_owned(), vec![Vec::new(), vec![host(209).arn]]),
    ]
    .into();
    let calculator = only(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let mut asked = calculator.ecs.expressions_asked.take();
    asked.sort();
    let expected = [["attribute:pool == x"; 3].as_slice(), &["attribute:pool == y"; 2]].concat();
    assert_eq!(asked, expected);
    assert!(summary.figures.not_understood.is_empty() && summary.figures.unplaceable.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_expression_that_ecs_refuses_or_that_changes_with_each_placement_is_not_understood() {
    let ecs = full()
        .with(constrained("typo", "attribute:pool = x"), &needs(10, 10))
        .with(constrained("dynamic", "runningTasksCount < 3"), &needs(10, 10));
    let calculator = only(ecs, CloudWatch::default(), &[("AUTO_SCALING_GROUPS", "a"), ("HEADROOM", "none")]);
    let summary = published(&calculator, state_change()).await.unwrap();
    let not_understood: Vec<_> =
        summary.figures.not_understood.iter().map(|it| (it.service.as_str(), it.why.as_str())).collect();
    assert_eq!(not_understood.len(), 2, "{not_understood:?}");
    assert!(not_understood.iter().any(|it| it.0 == "typo" && it.1.contains("was refused: Rate exceeded")));
    assert!(not_understood.contains(&("dynamic", "runningtaskscount changes with each placement")));
    assert_eq!(calculator.ecs.expressions_asked.take(), ["attribute:pool = x"]);
    // The others go on.
    assert_eq!(calculator.metrics.puts.take()[0].of_group("a", "MissingHosts"), Some(1.0));
}
