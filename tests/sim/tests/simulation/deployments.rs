//! Rolling deployments, alone and while a host is drained.

use fleetkeeper_core::ports::Services;
use fleetkeeper_sim::world::event_source::EventRule;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::function::LambdaFunction;
use fleetkeeper_sim::{Service, SharedWorld, SimulatedAws, TaskDefinition, World};
use serde_json::{Value, json};

use crate::scene::{described, drain, tasks_on, two_hosts_with_web, web, world_of_hosts};

/// The least healthy and the most unstopped tasks of `web` while time passes.
fn extremes(world: &mut World, seconds: u32) -> (usize, usize) {
    let (mut least, mut most) = (usize::MAX, 0);
    for _ in 0..seconds {
        world.advance_seconds(1);
        let now = world.now();
        let tasks = world.tasks_of_service("demo", "web");
        least = least.min(tasks.iter().filter(|task| task.is_healthy(now)).count());
        most = most.max(tasks.len());
    }
    (least, most)
}

/// The deployments in progress: status, revision, running and pending tasks.
fn in_progress(world: &World) -> Vec<(&'static str, String, u32, u32)> {
    let web = world.describe_services(Some("demo"), &["web".to_owned()]).unwrap().items.remove(0);
    let all = web.deployments.into_iter().map(|deployment| {
        let (_, revision) = deployment.task_definition.rsplit_once('/').unwrap();
        (deployment.status.as_str(), revision.to_owned(), deployment.running, deployment.pending)
    });
    all.collect()
}

/// The revisions of the service's unstopped tasks.
fn revisions(world: &World) -> Vec<u32> {
    let mut all: Vec<u32> =
        world.tasks_of_service("demo", "web").iter().map(|task| task.definition.revision).collect();
    all.sort_unstable();
    all
}

#[test]
fn tasks_are_replaced_within_the_limits() {
    for (minimum, maximum, within) in [(100, 200, (4, 8)), (100, 150, (4, 6)), (50, 100, (2, 4))] {
        let (mut world, _) = two_hosts_with_web(minimum, maximum);
        for _ in 0..2 {
            world.launch_now("hosts").unwrap();
        }
        world.update_service("demo", "web", web()).unwrap();
        assert!(!world.is_steady("demo", "web"));
        assert_eq!(extremes(&mut world, 600), within, "{minimum} and {maximum} percent");
        assert_eq!(revisions(&world), [2; 4]);
        assert!(world.is_steady("demo", "web"));
    }
}

#[test]
fn a_new_definition_is_its_familys_next_revision() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    let arn = |world: &World| world.tasks_of_service("demo", "web")[0].definition.arn();
    assert!(arn(&world).ends_with(":task-definition/web:1"));
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(5);
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(300);
    assert!(arn(&world).ends_with(":task-definition/web:3"), "{}", arn(&world));
    assert!(world.history().to_string().contains("service web: deployment of web:3"));
    assert_eq!(world.update_service("demo", "none", web()).unwrap_err().code, "ServiceNotFoundException");
}

#[test]
fn former_deployments_are_in_progress_until_their_last_task_has_stopped() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    let told = |status, revision: &str, running, pending| (status, revision.to_owned(), running, pending);
    assert_eq!(in_progress(&world), [told("PRIMARY", "web:1", 4, 0)]);
    world.update_service("demo", "web", web()).unwrap();
    assert_eq!(in_progress(&world), [told("PRIMARY", "web:2", 0, 0), told("ACTIVE", "web:1", 4, 0)]);
    world.advance_seconds(2);
    assert_eq!(in_progress(&world), [told("PRIMARY", "web:2", 0, 4), told("ACTIVE", "web:1", 4, 0)]);
    world.update_service("demo", "web", TaskDefinition::new("other", 10, 10)).unwrap();
    assert_eq!(
        in_progress(&world),
        [told("PRIMARY", "other:1", 0, 0), told("ACTIVE", "web:2", 0, 4), told("ACTIVE", "web:1", 4, 0)]
    );
    // Tasks that are being stopped are neither running nor pending, but still there.
    let stopping = |world: &World| {
        world.tasks_of_service("demo", "web").iter().filter(|task| task.stopping_at.is_some()).count()
    };
    let outgrown = |world: &World| {
        let tasks = world.tasks_of_service("demo", "web");
        tasks.iter().filter(|task| task.definition.family != "other").count()
    };
    let mut seen = false;
    while !world.is_steady("demo", "web") {
        world.advance_seconds(1);
        let deployments = in_progress(&world);
        seen |= deployments.last() == Some(&told("ACTIVE", "web:1", 0, 0)) && stopping(&world) > 0;
        assert_eq!(deployments.len() > 1, outgrown(&world) > 0, "{deployments:?}");
    }
    assert!(seen);
    assert_eq!(in_progress(&world), [told("PRIMARY", "other:1", 4, 0)]);
}

#[tokio::test(start_paused = true)]
async fn the_port_names_the_definitions_of_all_deployments_once() {
    let (mut world, _) = two_hosts_with_web(100, 100);
    // Back and forth: two deployments have a task definition of one name.
    world.update_service("demo", "web", TaskDefinition::new("other", 10, 10)).unwrap();
    world.update_service("demo", "web", web()).unwrap();
    assert_eq!(in_progress(&world).len(), 2);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let demo = "demo".parse().unwrap();
    let names = ["web".to_owned()];
    let ends = async || {
        let told = aws.describe_services(&demo, &names).await.unwrap().items.remove(0);
        let ends = told.definitions().into_iter().map(|arn| arn.0.rsplit('/').next().unwrap().to_owned());
        ends.collect::<Vec<_>>()
    };
    assert_eq!(ends().await, ["web:1"]);
    let other = TaskDefinition::new("other", 10, 10);
    aws.world().with(|world| world.update_service("demo", "web", other)).unwrap();
    assert_eq!(ends().await, ["other:1", "web:1"]);
}

#[test]
fn a_host_is_drained_in_the_middle_of_a_deployment() {
    let (mut world, hosts) = two_hosts_with_web(100, 150);
    for _ in 0..2 {
        world.launch_now("hosts").unwrap();
    }
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(3);
    drain(&mut world, &hosts[0]);
    assert_eq!(extremes(&mut world, 600), (4, 6));
    assert_eq!(described(&world, &hosts[0]).running_tasks, 0);
    assert_eq!(revisions(&world), [2; 4]);
    assert!(world.is_steady("demo", "web"));
}

#[test]
fn with_100_and_100_percent_neither_a_deployment_nor_a_drain_ever_moves() {
    let (mut world, hosts) = two_hosts_with_web(100, 100);
    world.launch_now("hosts").unwrap();
    world.update_service("demo", "web", web()).unwrap();
    drain(&mut world, &hosts[0]);
    world.advance_seconds(7 * 24 * 3600);
    assert_eq!(revisions(&world), [1; 4]);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 2);
}

#[test]
fn a_definition_that_fits_nowhere_leaves_the_old_tasks_where_they_are() {
    let (mut world, _) = two_hosts_with_web(100, 200);
    world.update_service("demo", "web", TaskDefinition::new("web", 4096, 512)).unwrap();
    world.advance_seconds(3600);
    assert_eq!(revisions(&world), [1; 4]);
    assert!(world.history().to_string().contains("service web: no room for a task, RESOURCE:CPU"));
}

#[test]
fn a_daemons_new_task_starts_when_the_hosts_old_one_has_stopped() {
    let (mut world, hosts) = world_of_hosts(4);
    let agent = || TaskDefinition::new("logs", 100, 100).pending(1).healthy_after(5).stopping(10);
    world.create_service("demo", Service::daemon("web", agent()).percents(50, 100)).unwrap();
    world.advance_seconds(30);
    world.update_service("demo", "web", agent()).unwrap();
    assert_eq!(extremes(&mut world, 120), (2, 4));
    assert_eq!(revisions(&world), [2; 4]);
    assert!(hosts.iter().all(|host| tasks_on(&world, host, "RUNNING").len() == 1));
}

#[test]
fn a_deployment_is_reported_where_a_rule_waits_for_it() {
    let (mut world, _) = two_hosts_with_web(50, 200);
    let arn = fleetkeeper_sim::world::ecs::cluster_arn("demo");
    world.create_function(LambdaFunction::new("calculator", 60));
    world.put_rule(EventRule::deployment_state_changes(arn), "calculator");
    world.update_service("demo", "web", web()).unwrap();
    world.advance_seconds(600);
    assert!(world.is_steady("demo", "web"), "{}", world.history());
    let started = world.history().entries().iter().filter_map(|entry| match &entry.what {
        Occurrence::InvocationStarted { payload, .. } => Some(payload.clone()),
        _ => None,
    });
    let told: Vec<_> = started.collect();
    let names: Vec<_> = told.iter().map(|event| event["detail"]["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"]);
    let service = json!(["arn:aws:ecs:us-east-1:111122223333:service/demo/web"]);
    assert_eq!((&told[0]["resources"], &told[0]["detail"]["clusterArn"]), (&service, &Value::Null));
}
