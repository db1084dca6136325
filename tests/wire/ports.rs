//! Each adapter on the wire: ECS and Auto Scaling against the simulated world's HTTP face, SNS and
//! CloudWatch against the emulator. What a call answers there is what the simulated port answers:
//! handlers proven on one hold on the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use axum::Router;
use axum::http::StatusCode;
use chrono::{SubsecRound, TimeDelta, Utc};
use fleetkeeper_aws::auto_scaling::AutoScaling;
use fleetkeeper_aws::cloudwatch::CloudWatch;
use fleetkeeper_aws::ecs::Ecs;
use fleetkeeper_aws::sdk;
use fleetkeeper_aws::sns::Sns;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::ContainerInstanceStatus;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::lifecycle::{
    LifecycleAction, LifecycleActionId, LifecycleActionResult, LifecycleActionState,
};
use fleetkeeper_core::ports::{
    AutoScalingGroups, CallError, CallErrorKind, CapacityProviders, ContainerInstanceDraining,
    ContainerInstanceQuery, ContainerInstances, LifecycleActions, MessageAttributes, MetricDatum, MetricUnit,
    Metrics, NotificationTopic, Services, StorageResolution, TaskDefinitions, TaskProtections, TaskStopping,
    Tasks, TasksOf,
};
use fleetkeeper_core::read;
use fleetkeeper_core::service::{Launch, PlacementConstraint, SchedulingStrategy};
use fleetkeeper_core::task::{DesiredStatus, TaskArn, TaskDefinitionArn};
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::cloud_watch::MetricData;
use fleetkeeper_sim::world::cloud_watch::metric::{Metric, Statistic};
use fleetkeeper_sim::{
    AutoScalingGroup, CapacityProvider, InstanceType, LifecycleHook, Service, SharedWorld, SimulatedAws,
    StrategyItem, TaskDefinition, TaskSet, World,
};
use fleetkeeper_tests::ministack::Ministack;
use fleetkeeper_tests::requests::Requests;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) async fn sdk_at(url: &str) -> SdkConfig {
    sdk::loader().endpoint_url(url).region(Region::new("us-east-1")).test_credentials().load().await
}

/// A world with one of everything that the ports read, in pages of seven. Of its twenty hosts one
/// has GPUs and a trunk, and one is terminating. One service has ports of its own, one finds no
/// room, and the deployment of another cannot go on. One task is protected. Nothing in the world
/// changes by time within the seconds of a test.
fn world() -> (World, LifecycleAction) {
    // Whole seconds: ECS writes times as floating-point numbers.
    let mut world = World::new(Utc::now().trunc_subsecs(0));
    world.set_page_limit(7);
    world.add_cluster("demo");
    let group = AutoScalingGroup::new("demo-asg", InstanceType::new("c5.large", 2048, 3767));
    world.add_group(group.in_cluster("demo"));
    let hook = LifecycleHook::new("drain", "arn:aws:sns:us-east-1:111122223333:lifecycle");
    let hook = hook.heartbeat_timeout(600).metadata(r#"{"cluster": "demo", "drainTimeoutSeconds": 900}"#);
    world.put_lifecycle_hook("demo-asg", hook).unwrap();
    let balanced = AutoScalingGroup::new("balanced", InstanceType::new("c5.large", 2048, 3767));
    world.add_group(balanced.connection_draining(300));
    world.launch_now("balanced").unwrap();
    let hosts: Vec<_> = (0..19).map(|_| world.launch_now("demo-asg").unwrap()).collect();
    // Not a termination's, and so none of the drainer's.
    let launching = LifecycleHook::launching("prepare", "arn:aws:sns:us-east-1:111122223333:lifecycle");
    world.put_lifecycle_hook("demo-asg", launching).unwrap();
    let with_gpus = InstanceType::new("g5.12xlarge", 4096, 15_000).gpus(4).trunked();
    world.launch_now_of_type("demo-asg", with_gpus).unwrap();
    let task = TaskDefinition::new("web", 256, 512).tcp_port(80).udp_port(53).deregistration_delay(3600);
    world.create_service("demo", Service::new("web", 20, task).percents(50, 150)).unwrap();
    world.advance_seconds(60);
    let large = TaskDefinition::new("large", 4096, 512);
    world.create_service("demo", Service::new("large", 1, large)).unwrap();
    let model = |gpus| TaskDefinition::new("model", 128, 128).gpus(gpus).awsvpc();
    world.create_service("demo", Service::new("model", 1, model(1)).percents(100, 100)).unwrap();
    world.advance_seconds(60);
    world.update_service("demo", "model", model(2)).unwrap();
    let protected = world.tasks_of_service("demo", "web")[0].arn.clone();
    world.protect_task("demo", &protected, world.now() + TimeDelta::hours(2)).unwrap();
    world.take_outbox();
    world.terminate_instance("demo-asg", &hosts[0], true).unwrap();
    let sent = world.take_outbox();
    let notice = sent.iter().find_map(|emission| emission.sns_message()).unwrap();
    let notice: serde_json::Value = serde_json::from_str(&notice.message).unwrap();
    let text = |field: &str| notice[field].as_str().unwrap().to_owned();
    let action = LifecycleAction {
        group: text("AutoScalingGroupName"),
        hook: text("LifecycleHookName"),
        id: LifecycleActionId::Token(text("LifecycleActionToken")),
    };
    (world, action)
}

/// Every call of a drain and of a snapshot, in turn, and what each answered.
async fn transcript(
    ecs: &(impl ContainerInstances + ContainerInstanceDraining + Tasks),
    auto_scaling: &impl LifecycleActions,
    action: &LifecycleAction,
) -> Vec<String> {
    let mut said = Vec::new();
    let cluster: Cluster = "demo".parse().unwrap();
    let by_arn: Cluster = "arn:aws:ecs:us-east-1:111122223333:cluster/demo".parse().unwrap();
    let all = read::container_instances(ecs, &cluster, &ContainerInstanceQuery::All).await.unwrap();
    assert_eq!(all.items.len(), 20);
    let first = &all.items[0];
    let with_gpus = all.items.iter().find(|host| host.registered.gpus > 0).unwrap();
    assert_eq!((with_gpus.registered.gpus, with_gpus.remaining.gpus, with_gpus.is_trunked()), (4, 3, true));
    said.push(format!("{all:?}"));

    let query = ContainerInstanceQuery::OfEc2Instances(vec![first.ec2_instance_id.parse().unwrap()]);
    said.push(format!("{:?}", ecs.list_container_instances(&by_arn, &query, None).await));
    let on_first = TasksOf::ContainerInstance(&first.arn);
    let both_lists = [DesiredStatus::Running, DesiredStatus::Stopped];
    let tasks = read::tasks_desired(ecs, &cluster, on_first, &both_lists).await.unwrap();
    assert_eq!(tasks.items.len(), 1);
    said.push(format!("{tasks:?}"));
    assert!(all.items.iter().all(|host| host.registered_at.is_some()), "{all:?}");
    let second = all.items[1].ec2_instance_id.parse().unwrap();
    let both = vec![first.ec2_instance_id.parse().unwrap(), second];
    let active = ContainerInstanceQuery::ActiveOfEc2Instances(both);
    let before = ecs.list_container_instances(&cluster, &active, None).await.unwrap();
    assert_eq!(before.items.len(), 2);
    let set = ecs.set_draining(&cluster, std::slice::from_ref(&first.arn)).await.unwrap();
    assert_eq!((set.items[0].status.clone(), set.items[0].tasks()), (ContainerInstanceStatus::Draining, 1));
    said.push(format!("{set:?}"));
    let after = ecs.list_container_instances(&cluster, &active, None).await.unwrap();
    assert_eq!(after.items, [all.items[1].arn.clone()]);
    said.push(format!("{before:?} {after:?}"));
    said.push(format!(
        "{:?}",
        read::describe_container_instances(ecs, &cluster, std::slice::from_ref(&first.arn)).await
    ));

    // What is not there: failures in a good answer.
    let mut gone = first.arn.clone();
    gone.0 = gone.0.replace(&gone.0[gone.0.len() - 4..], "ffff");
    let both = [gone, first.arn.clone()];
    said.push(format!("{:?}", ecs.describe_container_instances(&cluster, &both).await));
    said.push(format!("{:?}", ecs.set_draining(&cluster, &both).await));

    // Errors: by kind and code, as their texts are AWS's own.
    let misspelt: Cluster = "misspelt".parse().unwrap();
    let too_many = vec![first.arn.clone(); 101];
    said.push(short(&ecs.list_container_instances(&misspelt, &query, None).await.unwrap_err()));
    said.push(short(&ecs.describe_container_instances(&cluster, &too_many).await.unwrap_err()));
    said.push(short(&ecs.set_draining(&cluster, &too_many[..11]).await.unwrap_err()));

    let hooks = auto_scaling.describe_termination_hooks(&action.group).await.unwrap();
    assert_eq!(hooks.iter().map(|hook| hook.name.as_str()).collect::<Vec<_>>(), ["drain"]);
    let timeouts = [hooks[0].heartbeat_timeout, hooks[0].global_timeout].map(|it| it.as_secs());
    assert_eq!((timeouts, hooks[0].drain_timeout), ([600, 60_000], Some(Duration::from_secs(900))));
    said.push(format!("{hooks:?}"));
    said.push(short(&auto_scaling.describe_termination_hooks("unknown").await.unwrap_err()));
    said.push(format!("{:?}", auto_scaling.record_heartbeat(action).await));
    said.push(format!("{:?}", auto_scaling.complete(action, LifecycleActionResult::Continue).await));
    said.push(format!("{:?}", auto_scaling.record_heartbeat(action).await));
    said.push(format!("{:?}", auto_scaling.complete(action, LifecycleActionResult::Continue).await));
    said
}

/// A drain's further questions about services, tasks and groups, and the answer to each.
async fn more(
    ecs: &(impl Services + Tasks + TaskDefinitions + TaskProtections + TaskStopping),
    auto_scaling: &impl AutoScalingGroups,
    tasks: &[TaskArn],
) -> Vec<String> {
    let mut said = Vec::new();
    let demo: Cluster = "demo".parse().unwrap();
    let names = ["web", "large", "model", "none"].map(str::to_owned);
    let listed = ecs.list_services(&demo, None).await.unwrap();
    assert_eq!((listed.items.len(), &listed.next), (3, &None));
    let services = ecs.describe_services(&demo, &names).await.unwrap();
    assert_eq!(services.items[2].definitions().len(), 2, "both deployments'");
    said.push(format!("{services:?}"));
    said.push(short(&ecs.describe_services(&demo, &vec![names[0].clone(); 11]).await.unwrap_err()));
    said.push(format!("{listed:?}"));

    let mut gone = tasks[0].clone();
    gone.0.replace_range(gone.0.len() - 4.., "ffff");
    let asked = [tasks, std::slice::from_ref(&gone)].concat();
    let protections = ecs.task_protection(&demo, &asked).await.unwrap();
    assert_eq!(protections.items.iter().filter(|it| it.protected && it.until.is_some()).count(), 1);
    said.push(format!("{protections:?}"));

    for definition in ["web:1", "large:1", "model:1", "model:2", "none:1"] {
        let arn = format!("arn:aws:ecs:us-east-1:111122223333:task-definition/{definition}");
        let described = ecs.describe_task_definition(&TaskDefinitionArn(arn)).await;
        said.push(described.map_or_else(|error| short(&error), |described| format!("{described:?}")));
    }

    // One that is stopped twice, and one that is not there: both are as good as stopped.
    for task in [&tasks[0], &tasks[0], &gone] {
        said.push(format!("{:?}", ecs.stop_task(&demo, task, &"out of time ".repeat(50)).await.unwrap()));
    }
    said.push(format!("{:?}", ecs.describe_tasks(&demo, &tasks[..1]).await.unwrap()));
    let misspelt: Cluster = "misspelt".parse().unwrap();
    said.push(short(&ecs.stop_task(&misspelt, &tasks[0], "").await.unwrap_err()));

    for (group, instances) in [("demo-asg", Some((20, false))), ("balanced", Some((1, true))), ("none", None)]
    {
        let described = auto_scaling.describe_group(group).await.unwrap();
        let shown = described.as_ref().map(|it| (it.instances.len(), it.has_load_balancer));
        assert_eq!(shown, instances, "{group}");
        said.push(format!("{described:?}"));
    }
    let mut page = None;
    for _ in 0..3 {
        let activities = auto_scaling.describe_scaling_activities("demo-asg", page.as_ref()).await.unwrap();
        assert_eq!(activities.items.len(), 7);
        said.push(format!("{activities:?}"));
        page = activities.next;
    }
    assert_eq!(page, None);
    said.push(short(&auto_scaling.describe_scaling_activities("none", None).await.unwrap_err()));
    said
}

/// Operation, kind and the service's error code.
fn short(error: &CallError) -> String {
    let chain = ErrorChain(error).to_string();
    let code = chain.split(": ").nth(1).unwrap_or_default().to_owned();
    format!("{} {:?} {code}", error.operation, error.kind)
}

/// Groups, capacity providers, and services and task definitions under constraints.
fn fleet_world() -> World {
    let mut world = World::new(Utc::now().trunc_subsecs(0));
    world.set_page_limit(3);
    world.add_cluster("demo");
    let of_type = || InstanceType::new("c5.large", 2048, 3767);
    for name in ["on demand/blue", "spot", "third", "fourth"] {
        world.add_group(AutoScalingGroup::new(name, of_type()).in_cluster("demo"));
    }
    for number in 0..12 {
        let provider = CapacityProvider::new(&format!("p{number:02}"), "spot");
        let provider = if number % 2 == 0 { provider.managing_scaling() } else { provider };
        world.create_capacity_provider(provider).unwrap();
    }
    world.launch_now("on demand/blue").unwrap();
    for _ in 0..4 {
        world.launch_now("spot").unwrap();
    }
    let definition = web_definition().constrained_to("attribute:ecs.instance-type == c5.large");
    let definition = definition.cpu_architecture("X86_64").requiring_value("colour", "red");
    let shown = Service::new("web", 1, definition)
        .distinct_instance()
        .placement_strategy("spread", Some("attribute:ecs.availability-zone"))
        .on_providers(&[StrategyItem::new("p01", 1, 2)]);
    world.create_service("demo", shown).unwrap();
    let set = TaskSet::new("blue", TaskDefinition::new("blue", 64, 64)).on_fargate(1);
    world.create_service("demo", Service::external("sets", 3, set.scale(50))).unwrap();
    // The scheduler's first steps are over.
    world.advance_seconds(60);
    world
}

fn web_definition() -> TaskDefinition {
    TaskDefinition::new("web", 256, 512).tcp_port(80)
}

/// A snapshot's questions about a fleet beside hosts and tasks, and the answer to each.
async fn fleet_transcript(
    ecs: &(impl ContainerInstances + Services + TaskDefinitions + CapacityProviders),
    auto_scaling: &impl AutoScalingGroups,
) -> Vec<String> {
    let mut said = Vec::new();
    let demo: Cluster = "demo".parse().unwrap();
    let names = ["spot", "none", "on demand/blue", "third", "fourth"].map(str::to_owned);
    let mut groups = auto_scaling.describe_groups(&names).await.unwrap();
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    let shown: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.instances.len())).collect();
    assert_eq!(shown, [("fourth", 0), ("on demand/blue", 1), ("spot", 4), ("third", 0)], "both pages");
    said.push(format!("{groups:?}"));

    let names: Vec<_> = (0..12).map(|number| format!("p{number:02}")).chain(["none".to_owned()]).collect();
    let (mut providers, mut page) = (Vec::new(), None);
    loop {
        let described = ecs.describe_capacity_providers(&names, page.as_ref()).await.unwrap();
        providers.extend(described.items);
        page = described.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(providers.len(), 12);
    assert!(providers.iter().all(|provider| provider.group.as_deref() == Some("spot")));
    assert_eq!(providers.iter().filter(|provider| provider.managed_scaling).count(), 6);
    said.push(format!("{providers:?}"));

    for (expression, matches) in [
        ("attribute:ecs.instance-type == c5.large", 5),
        ("attribute:ecs.instance-type =~ c5.* and not (attribute:ecs.os-type == windows)", 5),
        ("attribute:pool exists", 0),
    ] {
        let query = ContainerInstanceQuery::Matching(expression.to_owned());
        let arns = read::container_instance_arns(ecs, &demo, &query).await.unwrap();
        assert_eq!(arns.len(), matches, "{expression}");
        said.push(format!("{arns:?}"));
    }
    let query = ContainerInstanceQuery::Matching("attribute:pool = x".to_owned());
    let refused = ecs.list_container_instances(&demo, &query, None).await.unwrap_err();
    assert_eq!(refused.kind, CallErrorKind::Refused);
    said.push(short(&refused));

    let hosts = read::container_instances(ecs, &demo, &ContainerInstanceQuery::All).await.unwrap();
    assert!(hosts.items.iter().all(|host| host.attributes.value("ecs.os-type") == Some("linux")));
    assert_eq!(hosts.items.iter().filter(|host| host.capacity_provider.is_some()).count(), 4);
    said.push(format!("{hosts:?}"));

    let services = ecs.describe_services(&demo, &["web", "sets"].map(str::to_owned)).await.unwrap();
    let [web, sets] = &services.items[..] else { panic!("{services:?}") };
    assert_eq!(web.constraints, [PlacementConstraint::DistinctInstance]);
    assert_eq!(web.spreads_over, ["attribute:ecs.availability-zone"]);
    assert_eq!(web.deployments[0].launch, Launch::CapacityProviders(vec!["p01".to_owned()]));
    assert_eq!((sets.deployments[0].task_set, &sets.deployments[0].launch), (true, &Launch::Elsewhere));
    said.push(format!("{services:?}"));

    let arn = "arn:aws:ecs:us-east-1:111122223333:task-definition/web:1".to_owned();
    let definition = ecs.describe_task_definition(&TaskDefinitionArn(arn)).await.unwrap();
    assert_eq!(definition.host.member_of, ["attribute:ecs.instance-type == c5.large"]);
    assert_eq!(definition.host.cpu_architecture.as_deref(), Some("X86_64"));
    assert_eq!(definition.host.attributes["colour"].as_deref(), Some("red"));
    said.push(format!("{definition:?}"));
    said
}

#[tokio::test]
async fn a_fleet_is_read_on_the_wire_as_by_the_simulated_ports() {
    let simulated = fleet_world();
    let face = Face::start(SharedWorld::in_real_time(simulated.clone())).unwrap();
    let requests = Requests::default();
    let relay = requests.relay(&face.url()).unwrap();
    let config = sdk_at(&relay.url()).await;
    let on_the_wire = fleet_transcript(&Ecs::new(&config), &AutoScaling::new(&config)).await;
    requests.check(&["ecs:DescribeCapacityProviders", "autoscaling:DescribeAutoScalingGroups"]).unwrap();
    let aws = SimulatedAws::new(SharedWorld::in_real_time(simulated));
    let in_the_world = fleet_transcript(&aws, &aws).await;
    for (wire, world) in on_the_wire.iter().zip(&in_the_world) {
        assert_eq!(wire, world);
    }
    assert_eq!(on_the_wire.len(), in_the_world.len());
}

#[tokio::test]
async fn ecs_and_auto_scaling_answer_on_the_wire_as_the_simulated_ports_do() {
    let (simulated, action) = world();
    let face = Face::start(SharedWorld::in_real_time(simulated.clone())).unwrap();
    let requests = Requests::default();
    let relay = requests.relay(&face.url()).unwrap();
    let config = sdk_at(&relay.url()).await;
    let on_the_wire = transcript(&Ecs::new(&config), &AutoScaling::new(&config), &action).await;
    let refused = requests.check(&["autoscaling:CompleteLifecycleAction"]).unwrap_err().to_string();
    let faults: Vec<_> = refused.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(
        faults,
        [
            "DescribeContainerInstances.containerInstances: 101 items, of 100 at most",
            "UpdateContainerInstancesState.containerInstances: 11 items, of 10 at most",
        ],
        "the two that are there to be refused"
    );

    let aws = SimulatedAws::new(SharedWorld::in_real_time(simulated));
    let in_the_world = transcript(&aws, &aws, &action).await;
    for (wire, world) in on_the_wire.iter().zip(&in_the_world) {
        assert_eq!(wire, world);
    }
    assert_eq!(on_the_wire.len(), in_the_world.len());
    let expected = |state| format!("{:?}", Ok::<LifecycleActionState, CallError>(state));
    assert_eq!(on_the_wire[on_the_wire.len() - 3], expected(LifecycleActionState::Active));
    assert_eq!(on_the_wire[on_the_wire.len() - 1], expected(LifecycleActionState::Gone));
}

#[tokio::test]
async fn so_do_services_tasks_and_groups() {
    let (simulated, _) = world();
    let tasks: Vec<TaskArn> =
        simulated.tasks_of_service("demo", "web").into_iter().map(|task| task.arn.clone()).collect();
    let face = Face::start(SharedWorld::in_real_time(simulated.clone())).unwrap();
    let requests = Requests::default();
    let relay = requests.relay(&face.url()).unwrap();
    let config = sdk_at(&relay.url()).await;
    let on_the_wire = more(&Ecs::new(&config), &AutoScaling::new(&config), &tasks).await;
    let refused = requests.check(&["ecs:StopTask", "ecs:GetTaskProtection"]).unwrap_err().to_string();
    let faults: Vec<_> = refused.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(faults, ["DescribeServices.services: 11 items, of 10 at most"]);
    let reason = |world: &World| {
        let named = std::slice::from_ref(&tasks[0].0);
        world.describe_tasks(Some("demo"), named).unwrap().items[0].stopped_reason.clone()
    };
    assert_eq!(face.world().with(|world| reason(world)).unwrap().len(), 255, "the SDK does not cut it");

    let aws = SimulatedAws::new(SharedWorld::in_real_time(simulated));
    let in_the_world = more(&aws, &aws, &tasks).await;
    for (wire, world) in on_the_wire.iter().zip(&in_the_world) {
        assert_eq!(wire, world);
    }
    assert_eq!(on_the_wire.len(), in_the_world.len());
    let services = &on_the_wire[0];
    for part in [
        "minimum_healthy_percent: 50, maximum_percent: 150",
        "has insufficient CPU units available.",
        "reason: \"MISSING\"",
    ] {
        assert!(services.contains(part), "{part} in {services}");
    }
}

/// A second opinion: what the emulator says of the same things. It has neither protections nor
/// activities.
#[tokio::test]
async fn services_and_tasks_are_read_from_the_emulator_alike() {
    let emulator = Ministack::start().unwrap();
    let requests = Requests::default();
    let relay = requests.relay(emulator.url()).unwrap();
    let config = sdk_at(&relay.url()).await;
    let ecs = Ecs::new(&config);
    let call = |operation: &str, input: &serde_json::Value| {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        emulator.json("ecs", &target, input).unwrap()
    };
    call("CreateCluster", &json!({"clusterName": "demo"}));
    let container = |name: &str| json!({"name": name, "image": "web", "memory": 64});
    let definition = json!({"family": "web", "containerDefinitions": [container("web"), container("log")]});
    let registered = call("RegisterTaskDefinition", &definition);
    let service =
        json!({"cluster": "demo", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2});
    call("CreateService", &service);
    let demo: Cluster = "demo".parse().unwrap();

    let arn = registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap();
    let described = ecs.describe_task_definition(&TaskDefinitionArn("web:1".to_owned())).await.unwrap();
    assert_eq!((described.arn.0.as_str(), described.needs.memory.0), (arn, 128));
    let none = ecs.describe_task_definition(&TaskDefinitionArn("none:1".to_owned())).await.unwrap_err();
    assert_eq!(short(&none), "ecs:DescribeTaskDefinition Refused ClientException");

    let services = ecs.list_services(&demo, None).await.unwrap();
    assert!(services.items[0].0.ends_with("service/demo/web") && services.next.is_none(), "{services:?}");
    let services = ecs.describe_services(&demo, &["web".to_owned(), "none".to_owned()]).await.unwrap();
    let web = &services.items[0];
    assert!(web.active && web.is_on_ec2());
    assert_eq!(web.definitions(), [&TaskDefinitionArn(arn.to_owned())].into());
    assert_eq!((web.name.as_str(), web.strategy, web.desired), ("web", SchedulingStrategy::Replica, 2));
    assert_eq!((web.minimum_healthy_percent, web.maximum_percent), (100, 200));
    assert!(services.failures[0].is_missing(), "{services:?}");

    let listed = call("ListTasks", &json!({"cluster": "demo"}));
    let task = TaskArn(listed["taskArns"][0].as_str().unwrap().to_owned());
    ecs.stop_task(&demo, &task, "out of time").await.unwrap();
    let stopped = call("DescribeTasks", &json!({"cluster": "demo", "tasks": [task.0]}));
    let stopped = &stopped["tasks"][0];
    assert_eq!(
        (&stopped["desiredStatus"], &stopped["stopCode"]),
        (&json!("STOPPED"), &json!("UserInitiated"))
    );
    assert_eq!(stopped["stoppedReason"], "out of time");
    ecs.stop_task(&demo, &TaskArn(format!("{}0", task.0)), "").await.unwrap();

    let activities = AutoScaling::new(&config).describe_scaling_activities("none", None).await.unwrap();
    assert_eq!((activities.items, activities.next), (Vec::new(), None));
    requests.check(&["ecs:ListServices", "ecs:StopTask"]).unwrap();
}

#[tokio::test]
async fn a_throttled_call_is_retried_by_the_sdk_and_a_refused_one_is_not() {
    let (world, _) = world();
    let face = Face::start(SharedWorld::in_real_time(world)).unwrap();
    let requests = Requests::default();
    let relay = requests.relay(&face.url()).unwrap();
    let ecs = Ecs::new(&sdk_at(&relay.url()).await);
    let cluster: Cluster = "demo".parse().unwrap();
    let calls = || {
        let calls = face.world().with(|world| world.history().api_calls());
        calls.get(&Operation::ListContainerInstances).copied().unwrap_or(0)
    };
    let list = || ecs.list_container_instances(&cluster, &ContainerInstanceQuery::All, None);

    let operation = Operation::ListContainerInstances;
    face.world().faults(|faults| faults.plant(operation, When::First(1), Fault::Throttled));
    list().await.unwrap();
    assert_eq!(calls(), 2);

    face.world().faults(|faults| faults.plant(operation, When::Always, Fault::Refused));
    let error = list().await.unwrap_err();
    let said = ErrorChain(&error).to_string();
    assert_eq!((error.kind, calls()), (CallErrorKind::Refused, 3));
    assert!(
        said.starts_with("ecs:ListContainerInstances on cluster demo was refused: AccessDeniedException: "),
        "{said}"
    );

    face.world().faults(|faults| {
        faults.clear();
        faults.plant(operation, When::Always, Fault::Throttled);
    });
    assert_eq!(list().await.unwrap_err().kind, CallErrorKind::Throttled);
    requests.check(&["ecs:ListContainerInstances"]).unwrap();
}

/// A server that answers each request with an error that may come after its effect.
pub(crate) struct Failing {
    pub(crate) url: String,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) server: JoinHandle<std::io::Result<()>>,
}

impl Failing {
    pub(crate) async fn start() -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        let fail = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { (StatusCode::INTERNAL_SERVER_ERROR, "") }
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async { axum::serve(listener, Router::new().fallback(fail)).await });
        Self { url, requests, server }
    }
}

/// SNS may have taken a message although it answers with an error: the SDK must not publish it
/// again.
#[tokio::test]
async fn a_publish_that_fails_is_not_retried_by_the_sdk() {
    let Failing { url, requests, server } = Failing::start().await;
    let config = sdk_at(&url).await;
    let topic = "arn:aws:sns:us-east-1:111122223333:lifecycle";
    let error = Sns::new(&config).publish(topic, "{}", &MessageAttributes::default()).await.unwrap_err();
    assert_eq!((error.kind, requests.load(Ordering::Relaxed)), (CallErrorKind::Unavailable, 1));
    assert!(error.may_have_taken_effect());

    // Every other client retries.
    let group = AutoScaling::new(&config).describe_group("demo-asg").await;
    assert_eq!(group.unwrap_err().kind, CallErrorKind::Unavailable);
    assert!(requests.load(Ordering::Relaxed) > 2, "{requests:?}");
    server.abort();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_says_why() {
    let ecs = Ecs::new(&sdk_at("http://127.0.0.1:1").await);
    let cluster: Cluster = "demo".parse().unwrap();
    let error = ecs.list_container_instances(&cluster, &ContainerInstanceQuery::All, None).await.unwrap_err();
    let said = ErrorChain(&error).to_string();
    assert_eq!(error.kind, CallErrorKind::Unavailable);
    assert!(said.contains("onnection refused"), "{said}");
}

#[tokio::test]
async fn sns_and_cloudwatch_take_what_the_adapters_send() {
    let emulator = Ministack::start().unwrap();
    let requests = Requests::default();
    let relay = requests.relay(emulator.url()).unwrap();
    let config = sdk_at(&relay.url()).await;

    let refused = Sns::new(&config)
        .publish("arn:aws:sns:us-east-1:111122223333:none", "{}", &MessageAttributes::default())
        .await
        .unwrap_err();
    let said = ErrorChain(&refused).to_string();
    assert_eq!(refused.kind, CallErrorKind::Refused);
    assert!(said.contains("sns:Publish on arn:aws:sns:us-east-1:111122223333:none was refused: "), "{said}");

    let in_cluster = ("ClusterName", "demo".to_owned());
    let datum = |dimensions, value| MetricDatum {
        name: "ContainerCapacity",
        dimensions,
        unit: MetricUnit::Count,
        value,
    };
    let data = [
        datum(vec![in_cluster.clone()], 2.0),
        datum(vec![in_cluster.clone(), ("Resource", "MEMORY".to_owned())], 8.0),
        MetricDatum {
            name: "IdleHostCapacity",
            dimensions: vec![in_cluster],
            unit: MetricUnit::None,
            value: 1.6,
        },
    ];
    for resolution in [StorageResolution::OneMinute, StorageResolution::OneSecond] {
        let cloudwatch = CloudWatch::new(&config);
        cloudwatch.put_metric_data("ECS/Fleetkeeper", resolution, Utc::now(), &data).await.unwrap();
    }
    let read = |name: &str, dimensions: &[(&str, &str)]| {
        emulator.metric("ECS/Fleetkeeper", name, dimensions).unwrap().last().copied()
    };
    assert_eq!(read("ContainerCapacity", &[("ClusterName", "demo")]), Some(2.0));
    assert_eq!(read("ContainerCapacity", &[("ClusterName", "demo"), ("Resource", "MEMORY")]), Some(8.0));
    assert_eq!(read("IdleHostCapacity", &[("ClusterName", "demo")]), Some(1.6));
    requests.check(&["sns:Publish", "cloudwatch:PutMetricData"]).unwrap();
}

/// The simulated alarms read the statistics that CloudWatch computes of the same data.
#[tokio::test]
async fn a_minutes_statistics_are_those_of_the_simulated_world() {
    const NAMESPACE: &str = "ECS/Fleetkeeper";
    let minute = Utc::now().timestamp() / 60 * 60 - 60;
    let mut world = World::new(Utc::now());
    let emulator = Ministack::start().unwrap();
    let requests = Requests::default();
    let relay = requests.relay(emulator.url()).unwrap();
    let cloudwatch = CloudWatch::new(&sdk_at(&relay.url()).await);
    let dimensions = [("ClusterName", "demo")];
    for (second, value) in [(5, 4.0), (20, 1.0), (59, 2.5), (60, 9.0)] {
        let at = chrono::DateTime::from_timestamp(minute + second, 0).unwrap();
        let data = [MetricDatum {
            name: "ContainerCapacity",
            dimensions: dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            unit: MetricUnit::Count,
            value,
        }];
        let resolution = StorageResolution::OneMinute;
        cloudwatch.put_metric_data(NAMESPACE, resolution, at, &data).await.unwrap();
        let put = MetricData { namespace: NAMESPACE.to_owned(), resolution, at, data: data.to_vec() };
        world.put_metric_data(put).unwrap();
    }
    let metric = Metric::new(NAMESPACE, "ContainerCapacity", &dimensions);
    let from = chrono::DateTime::from_timestamp(minute, 0).unwrap();
    for (name, statistic, value) in [
        ("Average", Statistic::Average, 2.5),
        ("Minimum", Statistic::Minimum, 1.0),
        ("Maximum", Statistic::Maximum, 4.0),
        ("Sum", Statistic::Sum, 7.5),
        ("SampleCount", Statistic::SampleCount, 3.0),
    ] {
        let there = emulator
            .metric_statistic((NAMESPACE, "ContainerCapacity", &dimensions), name, (minute, minute + 60), 60)
            .unwrap();
        assert_eq!(there, [value], "{name}");
        assert_eq!(world.metric_statistic(&metric, statistic, from, 60), Some(value), "{name}");
    }
    requests.check(&["cloudwatch:PutMetricData"]).unwrap();
}
