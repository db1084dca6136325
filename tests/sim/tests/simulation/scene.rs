//! A small cluster to try things on: cluster `demo`, group `hosts`, hook `drain`.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use fleetkeeper_sim::world::auto_scaling::lifecycle_action::ActionReference;
use fleetkeeper_sim::world::ecs::container_instance::DescribedContainerInstance;
use fleetkeeper_sim::world::ecs::list::ListTasks;
use fleetkeeper_sim::world::ecs::task::Task;
use fleetkeeper_sim::world::sns::Origin;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, World,
};

pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:lifecycle";

pub(crate) fn start() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// Hosts of 2,048 CPU units and 3,767 MiB.
pub(crate) fn world_of_hosts(count: usize) -> (World, Vec<Ec2InstanceId>) {
    let mut world = World::new(start());
    world.add_cluster("demo");
    world.add_group(
        AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767)).in_cluster("demo"),
    );
    let hook =
        LifecycleHook::new("drain", TOPIC).heartbeat_timeout(600).default_result(ActionResult::Continue);
    world.put_lifecycle_hook("hosts", hook).unwrap();
    let hosts = (0..count).map(|_| world.launch_now("hosts").unwrap()).collect();
    (world, hosts)
}

/// A group `hosts` of its own kind, in cluster `demo`, with the hook `drain`.
pub(crate) fn world_of_group(of: impl FnOnce(AutoScalingGroup) -> AutoScalingGroup) -> World {
    let mut world = World::new(start());
    world.add_cluster("demo");
    let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767));
    world.add_group(of(group.in_cluster("demo")));
    let hook =
        LifecycleHook::new("drain", TOPIC).heartbeat_timeout(600).default_result(ActionResult::Continue);
    world.put_lifecycle_hook("hosts", hook).unwrap();
    world.take_outbox();
    world
}

/// Completes the only open action of the hook `drain`.
pub(crate) fn complete_drain(world: &mut World, result: &str) {
    let open = world.open_actions("drain");
    let [(group, token)] = &open[..] else { panic!("{open:?}") };
    let action = ActionReference { group, hook: "drain", token: Some(token), ..ActionReference::default() };
    world.complete_lifecycle_action(action, result).unwrap();
}

pub(crate) fn state(world: &World, host: &Ec2InstanceId) -> &'static str {
    world.lifecycle_state("hosts", host).map_or("gone", |state| state.as_str())
}

/// A task that is quick to start and to be healthy, and takes 30 s of deregistration and 10 s to
/// stop.
pub(crate) fn web() -> TaskDefinition {
    TaskDefinition::new("web", 512, 512).pending(5).healthy_after(10).deregistration_delay(30).stopping(10)
}

/// Two hosts with a service's four tasks running and healthy.
pub(crate) fn two_hosts_with_web(minimum: u32, maximum: u32) -> (World, Vec<Ec2InstanceId>) {
    let (mut world, hosts) = world_of_hosts(2);
    world.create_service("demo", Service::new("web", 4, web()).percents(minimum, maximum)).unwrap();
    world.advance_seconds(60);
    assert!(world.is_steady("demo", "web"), "{}", world.history());
    world.take_outbox();
    (world, hosts)
}

pub(crate) fn described(world: &World, host: &Ec2InstanceId) -> DescribedContainerInstance {
    world.container_instance_of("demo", host).unwrap()
}

pub(crate) fn arn_of(world: &World, host: &Ec2InstanceId) -> ContainerInstanceArn {
    described(world, host).arn
}

pub(crate) fn drain(world: &mut World, host: &Ec2InstanceId) {
    let arn = arn_of(world, host);
    let answer = world.update_container_instances_state(Some("demo"), &[arn.0], "DRAINING").unwrap();
    assert!(answer.failures.is_empty());
}

/// The instance's tasks by desired status, as the API lists them.
pub(crate) fn tasks_on(world: &World, host: &Ec2InstanceId, desired: &str) -> Vec<TaskArn> {
    let arn = arn_of(world, host);
    let input = ListTasks {
        cluster: Some("demo"),
        container_instance: Some(&arn.0),
        desired_status: Some(desired),
        ..ListTasks::default()
    };
    world.list_tasks(input).unwrap().items
}

pub(crate) fn task(world: &World, arn: &TaskArn) -> Task {
    world.describe_tasks(Some("demo"), std::slice::from_ref(&arn.0)).unwrap().items.pop().unwrap()
}

pub(crate) fn last_statuses(world: &World, tasks: &[TaskArn]) -> Vec<&'static str> {
    tasks.iter().map(|arn| task(world, arn).last_status.as_str()).collect()
}

/// The tokens of the lifecycle notices in the outbox.
pub(crate) fn tokens(world: &mut World) -> Vec<String> {
    let sent = world.take_outbox();
    let origins = sent.iter().filter_map(|emission| emission.sns_message()).map(|message| &message.origin);
    origins
        .filter_map(|origin| match origin {
            Origin::LifecycleHook { token, .. } => Some(token.clone()),
            _ => None,
        })
        .collect()
}
