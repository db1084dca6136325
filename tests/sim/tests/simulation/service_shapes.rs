//! `DescribeServices` on deployments, task sets, constraints and where tasks run.

use fleetkeeper_sim::world::ecs::describe_services::DescribedService;
use fleetkeeper_sim::world::ecs::rollout::LaunchType;
use fleetkeeper_sim::{CapacityProvider, Service, StrategyItem, TaskDefinition, TaskSet, World};

use crate::scene::{two_hosts_with_web, web, world_of_hosts};

fn service(world: &World, name: &str) -> DescribedService {
    world.describe_services(Some("demo"), &[name.to_owned()]).unwrap().items.pop().unwrap()
}

/// Status, revision, desired, running and pending of each deployment.
fn deployments(world: &World) -> Vec<(&'static str, String, [u32; 3])> {
    let all = service(world, "web").deployments.into_iter();
    all.map(|it| {
        let revision = it.task_definition.rsplit(':').next().unwrap_or_default().to_owned();
        (it.status.as_str(), revision, [it.desired, it.running, it.pending])
    })
    .collect()
}

fn deployment(status: &'static str, revision: &str, counts: [u32; 3]) -> (&'static str, String, [u32; 3]) {
    (status, revision.to_owned(), counts)
}

#[test]
fn each_deployment_has_counts_of_its_own() {
    let (mut world, _) = two_hosts_with_web(100, 150);
    assert_eq!(deployments(&world), [deployment("PRIMARY", "1", [4, 4, 0])]);
    world.update_service("demo", "web", TaskDefinition::new("web", 256, 256)).unwrap();
    world.advance_seconds(2);
    let rolling = [deployment("PRIMARY", "2", [4, 0, 2]), deployment("ACTIVE", "1", [4, 4, 0])];
    assert_eq!(deployments(&world), rolling);
    // Two of the new are healthy, and two of the old are being stopped.
    world.advance_seconds(46);
    assert_eq!(deployments(&world)[1], deployment("ACTIVE", "1", [2, 2, 0]));
    world.show_former_deployments_in_full("demo", true).unwrap();
    assert_eq!(deployments(&world)[1], deployment("ACTIVE", "1", [4, 2, 0]));
    world.advance_seconds(600);
    assert_eq!(deployments(&world), [deployment("PRIMARY", "2", [4, 4, 0])]);
}

#[test]
fn a_blue_green_deployment_wants_both_in_full_until_the_old_one_is_stopped() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    world.begin_blue_green("demo", "web", web()).unwrap();
    world.advance_seconds(60);
    let both = [deployment("PRIMARY", "2", [4, 4, 0]), deployment("ACTIVE", "1", [4, 4, 0])];
    assert_eq!(deployments(&world), both);
    world.advance_seconds(600);
    assert_eq!(deployments(&world), both, "{}", world.history());
    world.set_desired_count("demo", "web", 3).unwrap();
    world.advance_seconds(60);
    assert_eq!(deployments(&world)[1], deployment("ACTIVE", "1", [3, 3, 0]));
    world.end_blue_green("demo", "web").unwrap();
    world.advance_seconds(120);
    assert_eq!(deployments(&world), [deployment("PRIMARY", "2", [3, 3, 0])]);
    assert!(world.is_steady("demo", "web"));
}

#[test]
fn a_former_deployment_keeps_its_capacity_provider_strategy() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    world.create_capacity_provider(CapacityProvider::new("one", "hosts")).unwrap();
    let strategy = [StrategyItem::new("one", 0, 1)];
    world.set_capacity_provider_strategy("demo", "web", &strategy).unwrap();
    world.advance_seconds(2);
    let told = service(&world, "web").deployments;
    assert_eq!((told[0].launch_type, told[0].capacity_provider_strategy.as_slice()), (None, &strategy[..]));
    assert_eq!((told[1].launch_type, told[1].capacity_provider_strategy.len()), (Some(LaunchType::Ec2), 0));
    assert_eq!((told[0].desired, told[0].running, told[0].pending), (4, 0, 0), "the hosts joined before it");
    world.launch_now("hosts").unwrap();
    world.advance_seconds(300);
    let tasks = world.tasks_of_service("demo", "web");
    assert!(tasks.iter().all(|task| task.capacity_provider.as_deref() == Some("one")), "{}", world.history());
    assert_eq!(service(&world, "web").deployments.len(), 1);
}

#[test]
fn the_task_sets_of_an_external_service_have_their_shares() {
    let (mut world, _) = world_of_hosts(2);
    let small = |family| TaskDefinition::new(family, 256, 256);
    let service_of_sets =
        Service::external("web", 5, TaskSet::new("here", small("here")).scale(50)).percents(100, 200);
    world.create_service("demo", service_of_sets).unwrap();
    world.put_task_set("demo", "web", TaskSet::new("there", small("there")).on_fargate(4)).unwrap();
    world.advance_seconds(30);
    let told = service(&world, "web");
    assert_eq!((told.task_definition.as_deref(), told.deployments.len()), (None, 0));
    let sets: Vec<_> = told
        .task_sets
        .iter()
        .map(|set| (set.id.as_str(), [set.computed_desired, set.running, set.pending], set.launch_type))
        .collect();
    assert_eq!(
        sets,
        [("there", [5, 4, 1], Some(LaunchType::Fargate)), ("here", [3, 3, 0], Some(LaunchType::Ec2))],
        "half of five is three"
    );
    assert_eq!((told.desired, told.running, told.pending), (5, 7, 1));
    assert_eq!(world.tasks_of_service("demo", "web").len(), 3);

    // Another scale starts or stops tasks; a deleted task set has none.
    world.put_task_set("demo", "web", TaskSet::new("here", small("here")).scale(100)).unwrap();
    world.advance_seconds(30);
    assert_eq!(service(&world, "web").task_sets[1].running, 5);
    world.delete_task_set("demo", "web", "here").unwrap();
    world.advance_seconds(60);
    assert!(world.tasks_of_service("demo", "web").is_empty());
    assert!(world.put_task_set("demo", "none", TaskSet::new("here", small("here"))).is_err());
}

#[test]
fn a_service_shows_where_it_runs_and_what_binds_its_tasks() {
    let (mut world, _) = world_of_hosts(1);
    let shown = Service::new("web", 1, web())
        .distinct_instance()
        .constrained_to("attribute:stack == prod")
        .placement_strategy("spread", Some("attribute:ecs.availability-zone"))
        .placement_strategy("random", None);
    world.create_service("demo", shown).unwrap();
    world.create_service("demo", Service::new("away", 3, web()).on_fargate()).unwrap();
    let strategy = [StrategyItem::new("one", 0, 1)];
    world.create_service("demo", Service::new("one", 1, web()).on_providers(&strategy)).unwrap();
    world.advance_seconds(30);
    let told = service(&world, "web");
    let constraints: Vec<_> =
        told.placement_constraints.iter().map(|it| (it.type_name(), it.expression())).collect();
    assert_eq!(constraints, [("distinctInstance", None), ("memberOf", Some("attribute:stack == prod"))]);
    assert_eq!(told.placement_strategy[0].field.as_deref(), Some("attribute:ecs.availability-zone"));
    assert_eq!(told.placement_strategy[1].strategy, "random");
    let away = service(&world, "away");
    assert_eq!((away.launch_type, away.running), (Some(LaunchType::Fargate), 3));
    assert_eq!((away.deployments[0].desired, away.deployments[0].running), (3, 3));
    assert!(world.tasks_of_service("demo", "away").is_empty());
    let one = service(&world, "one");
    assert_eq!((one.launch_type, one.capacity_provider_strategy.as_slice()), (None, &strategy[..]));
}

#[test]
fn a_task_definition_may_be_unreadable() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    let arn = service(&world, "web").task_definition.unwrap();
    world.make_task_definition_unreadable(&arn);
    assert_eq!(world.describe_task_definition(&arn).unwrap_err().code, "ClientException");
    assert!(world.describe_task_definition("web:1").is_err());
    world.make_task_definition_readable(&arn);
    assert_eq!(world.describe_task_definition("web:1").unwrap().arn(), arn);
}
