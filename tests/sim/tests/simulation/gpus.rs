//! GPUs: what a host has of them, and who has them.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::{ContainerInstanceQuery, TaskDefinitions};
use fleetkeeper_core::read;
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_sim::world::outbox::Emission;
use fleetkeeper_sim::{InstanceType, Service, SharedWorld, SimulatedAws, TaskDefinition, World};
use serde_json::{Value, json};

use crate::scene::{described, last_statuses, tasks_on, web, world_of_hosts};

/// A host without GPUs, and one with four.
fn world_with_gpus() -> (World, Ec2InstanceId) {
    let (mut world, _) = world_of_hosts(1);
    let of_type = InstanceType::new("g5.12xlarge", 4096, 15_000).gpus(4);
    let host = world.launch_now_of_type("hosts", of_type).unwrap();
    (world, host)
}

fn model() -> TaskDefinition {
    TaskDefinition::new("model", 128, 128).gpus(2).pending(5).stopping(20)
}

/// Registered and remaining.
fn gpus(world: &World, host: &Ec2InstanceId) -> (u32, u32) {
    let host = described(world, host);
    (host.registered.gpus, host.remaining.gpus)
}

#[test]
fn tasks_go_where_a_gpu_is_free() {
    let (mut world, host) = world_with_gpus();
    world.create_service("demo", Service::new("model", 2, model())).unwrap();
    world.advance_seconds(60);
    assert_eq!((tasks_on(&world, &host, "RUNNING").len(), gpus(&world, &host)), (2, (4, 0)));
    assert_eq!(world.run_task("demo", &model()).unwrap_err().message, "RESOURCE:GPU");
    assert_eq!(world.start_task("demo", &model(), &host).unwrap_err().message, "RESOURCE:GPU");
    world.start_task("demo", &web(), &host).unwrap();
}

#[test]
fn a_host_that_lacks_nothing_but_cpu_is_closer_than_one_without_gpus() {
    let (mut world, _) = world_with_gpus();
    let large = TaskDefinition::new("large", 8192, 128).gpus(1);
    assert_eq!(world.run_task("demo", &large).unwrap_err().message, "RESOURCE:CPU");
    let elsewhere = model().member_of("ecs.instance-type", "c5.large");
    assert_eq!(world.run_task("demo", &elsewhere).unwrap_err().message, "RESOURCE:GPU");
}

#[test]
fn a_gpu_is_free_for_ecs_as_soon_as_its_task_is_stopped_and_for_the_agent_when_it_has_stopped() {
    let (mut world, host) = world_with_gpus();
    let all = world.run_task("demo", &model().gpus(4)).unwrap();
    world.advance_seconds(10);
    world.stop_task("demo", &all).unwrap();
    assert_eq!(gpus(&world, &host), (4, 4));
    let next = world.run_task("demo", &model()).unwrap();
    assert_eq!(gpus(&world, &host), (4, 2));
    world.advance_seconds(19);
    let statuses = |world: &World| last_statuses(world, &[all.clone(), next.clone()]);
    assert_eq!(statuses(&world), ["STOPPING", "PENDING"]);
    world.advance_seconds(5);
    assert_eq!(statuses(&world), ["STOPPED", "PENDING"], "it starts no sooner");
    world.advance_seconds(1);
    assert_eq!((statuses(&world), gpus(&world, &host)), (vec!["STOPPED", "RUNNING"], (4, 2)));
}

#[test]
fn an_event_shows_gpus_where_there_are_any() {
    let (mut world, host) = world_with_gpus();
    world.run_task("demo", &model().gpus(4)).unwrap();
    let events: Vec<Value> = world.take_outbox().iter().filter_map(Emission::event).collect();
    let gpu = |event: &Value, resources: &str| {
        let resources = event["detail"][resources].as_array().unwrap();
        resources.iter().find(|resource| resource["name"] == "GPU").cloned()
    };
    let set = |ids: &[&str]| Some(json!({"name": "GPU", "type": "STRINGSET", "stringSetValue": ids}));
    let last = events.last().unwrap();
    assert_eq!(last["detail"]["ec2InstanceId"], host.as_str());
    assert_eq!(gpu(last, "registeredResources"), set(&["GPU-0", "GPU-1", "GPU-2", "GPU-3"]));
    assert_eq!(gpu(last, "remainingResources"), set(&[]), "there are some, if none is free");
    let other = events.iter().find(|event| event["detail"]["ec2InstanceId"] != host.as_str()).unwrap();
    assert_eq!((gpu(other, "registeredResources"), gpu(other, "remainingResources")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn the_ports_show_a_hosts_gpus_and_a_tasks_needs() {
    let (mut world, _) = world_with_gpus();
    world.run_task("demo", &model()).unwrap();
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let arn = TaskDefinitionArn("arn:aws:ecs:us-east-1:111122223333:task-definition/model:1".to_owned());
    assert_eq!(aws.describe_task_definition(&arn).await.unwrap().needs.gpus, 2);
    let demo = "demo".parse().unwrap();
    let hosts = read::container_instances(&aws, &demo, &ContainerInstanceQuery::All).await.unwrap().items;
    let mut told: Vec<_> = hosts.iter().map(|host| (host.registered.gpus, host.remaining.gpus)).collect();
    told.sort_unstable();
    assert_eq!(told, [(0, 0), (4, 2)]);
}
