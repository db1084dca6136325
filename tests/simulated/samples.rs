//! What the documentation shows of the drainer's answers is what it answers.

use std::fs;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{Service, TaskDefinition, World};
use fleetkeeper_tests::repository::in_repository;

use crate::scene::{CLUSTER, Scene, two_hosts_with};

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

fn assert_shown(text: &str) {
    let page = fs::read_to_string(in_repository("docs/drains.md")).unwrap();
    assert!(page.contains(text), "docs/drains.md does not show\n{text}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_handed_on_says_what_it_waits_for() {
    let scene = Scene::new(full());
    let answer = scene.deliver(&scene.terminate(0)).await.unwrap();
    assert_shown(&serde_json::to_string_pretty(&answer).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_it_would_do() {
    let settings = [("ECS_CLUSTER", CLUSTER), ("FLEETKEEPER_DRY_RUN", "true")];
    let scene = Scene::with_settings(full(), &settings);
    let answer = scene.deliver(&scene.terminate(0)).await.unwrap();
    let mut answer = serde_json::to_value(&answer).unwrap();
    answer["records"][0].as_object_mut().unwrap().remove("why").unwrap();
    assert_shown(&serde_json::to_string_pretty(&answer).unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_error_names_the_call_that_failed() {
    let scene = Scene::new(full());
    scene.plant(Operation::UpdateContainerInstancesState, When::Always, Fault::Refused);
    let error = scene.deliver(&scene.terminate(0)).await.unwrap_err();
    assert_shown(&format!("{}: {}", error.kind(), ErrorChain(&error)));
}
