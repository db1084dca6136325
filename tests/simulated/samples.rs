//! The documentation's samples of the functions' answers are their answers.

use std::fs;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{Service, TaskDefinition, World};
use fleetkeeper_tests::repository::in_repository;

use crate::capacity::calculator_with;
use crate::scene::{CLUSTER, GROUP, Scene, sample_event, two_hosts_with, world_of_hosts};

/// Four tasks of a service fill two hosts, and a standalone task runs beside two of them.
fn full() -> (World, Vec<Ec2InstanceId>) {
    let web = TaskDefinition::new("web", 1000, 1500).pending(5).healthy_after(10).deregistration_delay(30);
    let (mut world, hosts) = two_hosts_with(Service::new("web", 4, web), 900);
    let job = TaskDefinition::new("job", 40, 100).running_for(7200);
    world.start_task(CLUSTER, &job, &hosts[0]).unwrap();
    world.advance_seconds(30);
    world.take_outbox();
    (world, hosts)
}

fn assert_shown(on: &str, text: &str) {
    let page = fs::read_to_string(in_repository(on)).unwrap();
    assert!(page.contains(text), "{on} does not show\n{text}");
}

#[tokio::test(start_paused = true)]
async fn a_republished_drain_says_why_it_waits() {
    let scene = Scene::new(full());
    let answer = scene.deliver(&scene.terminate(0)).await.unwrap();
    assert_shown("docs/troubleshooting.md", &serde_json::to_string_pretty(&answer).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_it_would_do() {
    let settings = [("ECS_CLUSTER", CLUSTER), ("FLEETKEEPER_DRY_RUN", "true")];
    let scene = Scene::with_settings(full(), &settings);
    let answer = scene.deliver(&scene.terminate(0)).await.unwrap();
    let mut answer = serde_json::to_value(&answer).unwrap();
    answer["records"][0].as_object_mut().unwrap().remove("why").unwrap();
    assert_shown("docs/drains.md", &serde_json::to_string_pretty(&answer).unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_error_names_the_call_that_failed() {
    let scene = Scene::new(full());
    scene.plant(Operation::UpdateContainerInstancesState, When::Always, Fault::Refused);
    let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();
    assert_shown("docs/troubleshooting.md", &format!("{}: {}", error.kind(), ErrorChain(&error)));
}

#[tokio::test(start_paused = true)]
async fn the_calculator_says_what_binds_and_what_holds_a_host_back() {
    let web = TaskDefinition::new("web", 1000, 1500);
    let (mut world, _) = world_of_hosts(3, 900);
    world.create_service(CLUSTER, Service::new("web", 3, web)).unwrap();
    world.advance_seconds(60);
    let calculator = calculator_with(world, &[("ECS_CLUSTER", CLUSTER), ("AUTO_SCALING_GROUPS", GROUP)]);
    let summary = calculator.answer(sample_event("scheduled-event.json")).await.unwrap();
    assert_shown("docs/capacity.md", &serde_json::to_string_pretty(&summary).unwrap());
}
