//! The events that ECS sends.

use serde_json::{Value, json};

use std::sync::Arc;

use fleetkeeper_sim::world::ecs::container_instance::DescribedContainerInstance;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::outbox::{Emission, Emitted};
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, World};

use crate::scene::{TOPIC, described, drain, two_hosts_with_web, web, world_of_hosts};

/// The `ECS Service Action` events since the last time.
fn service_actions(world: &mut World) -> Vec<Value> {
    let sent = world.take_outbox();
    let actions = sent.iter().filter(|emission| matches!(emission.what, Emitted::ServiceAction { .. }));
    actions.filter_map(Emission::event).collect()
}

#[test]
fn the_event_is_what_aws_sends() {
    let (mut world, hosts) = world_of_hosts(1);
    let host = described(&world, &hosts[0]);
    let event = world.take_outbox().iter().find_map(Emission::event).unwrap();
    assert_eq!(event["detail-type"], "ECS Container Instance State Change");
    assert_eq!(event["source"], "aws.ecs");
    assert_eq!(event["time"], "2026-11-22T10:00:00Z");
    assert_eq!(event["resources"], json!([host.arn.0]));
    let detail = &event["detail"];
    assert_eq!(detail["clusterArn"], "arn:aws:ecs:us-east-1:111122223333:cluster/demo");
    assert_eq!(detail["ec2InstanceId"], hosts[0].as_str());
    assert_eq!(detail["registeredAt"], "2026-11-22T10:00:00.000Z");
    assert_eq!((&detail["runningTasksCount"], &detail["version"]), (&json!(0), &json!(1)));
    assert_eq!(
        detail["remainingResources"],
        json!([
            {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": 3767},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2375", "2376", "51678", "51679"]},
            {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
        ])
    );
}

#[test]
fn each_change_sends_one_and_raises_the_version() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    let before = described(&world, &hosts[0]).version;
    drain(&mut world, &hosts[0]);
    world.advance_seconds(120);
    let events: Vec<Value> = world.take_outbox().iter().filter_map(Emission::event).collect();
    let of_host = events.iter().filter(|event| event["detail"]["ec2InstanceId"] == hosts[0].as_str());
    let versions: Vec<i64> = of_host.map(|event| event["detail"]["version"].as_i64().unwrap()).collect();
    // DRAINING, and two tasks desired STOPPED and then STOPPED.
    assert_eq!(versions, (before + 1..=before + 5).collect::<Vec<_>>());
    assert_eq!(described(&world, &hosts[0]).version, before + 5);
}

#[test]
fn a_placement_failure_is_sent_once_a_minute_while_it_lasts() {
    let (mut world, hosts) = world_of_hosts(1);
    let full = TaskDefinition::new("full", 2048, 100).pending(1).healthy_after(1);
    world.create_service("demo", Service::new("web", 2, full)).unwrap();
    world.advance_seconds(30);
    let told = service_actions(&mut world);
    assert_eq!(told.len(), 1, "however often the scheduler tries");
    let arn = described(&world, &hosts[0]).arn.0;
    let expected = json!({
        "version": "0",
        "id": told[0]["id"],
        "detail-type": "ECS Service Action",
        "source": "aws.ecs",
        "account": "111122223333",
        "time": "2026-11-22T10:00:01Z",
        "region": "us-east-1",
        "resources": ["arn:aws:ecs:us-east-1:111122223333:service/demo/web"],
        "detail": {
            "eventType": "ERROR",
            "eventName": "SERVICE_TASK_PLACEMENT_FAILURE",
            "clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/demo",
            "containerInstanceArns": [arn],
            "reason": "RESOURCE:CPU",
            "createdAt": "2026-11-22T10:00:01.000Z",
        },
    });
    assert_eq!(told[0], expected);
    world.advance_seconds(600);
    assert_eq!(service_actions(&mut world).len(), 10);

    world.launch_now("hosts").unwrap();
    world.advance_seconds(600);
    let names: Vec<Value> =
        service_actions(&mut world).iter().map(|event| event["detail"]["eventName"].clone()).collect();
    assert_eq!(names, ["SERVICE_STEADY_STATE"], "the failure is over");
    assert_eq!(world.next_transition(), None, "nothing is left to look after");
}

#[test]
fn a_steady_state_is_sent_when_it_is_reached_and_reached_again() {
    let (mut world, _) = world_of_hosts(2);
    world.create_service("demo", Service::new("web", 2, web())).unwrap();
    world.advance_seconds(600);
    let told = service_actions(&mut world);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["detail"]["eventType"], "INFO");
    assert_eq!(told[0]["detail"]["eventName"], "SERVICE_STEADY_STATE");
    assert_eq!((&told[0]["detail"]["version"], &told[0]["detail"]["reason"]), (&Value::Null, &Value::Null));
    // A second until it is noticed, five to start, ten to be healthy.
    assert_eq!(told[0]["time"], "2026-11-22T10:00:16Z");
    world.run_task("demo", &web()).unwrap();
    world.advance_seconds(600);
    assert_eq!(service_actions(&mut world), Vec::<Value>::new(), "it has been steady all the time");
    world.set_desired_count("demo", "web", 3).unwrap();
    world.advance_seconds(600);
    assert_eq!(service_actions(&mut world).len(), 1);
}

#[test]
fn the_history_holds_the_content_of_each_event() {
    let (mut world, hosts) = world_of_hosts(2);
    world.create_service("demo", Service::new("web", 2, web())).unwrap();
    world.advance_seconds(60);
    world.set_agent_connected("demo", &hosts[0], false).unwrap();
    world.lose_instance("hosts", &hosts[1]).unwrap();
    world.advance_seconds(60);
    let told: Vec<Arc<DescribedContainerInstance>> = world
        .take_outbox()
        .into_iter()
        .filter_map(|emission| match emission.what {
            Emitted::ContainerInstanceStateChange { container_instance, .. } => Some(container_instance),
            _ => None,
        })
        .collect();
    let held: Vec<Arc<DescribedContainerInstance>> = world
        .history()
        .entries()
        .iter()
        .filter_map(|entry| match &entry.what {
            Occurrence::ContainerInstanceChanged(instance) => Some(Arc::clone(instance)),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), held.len());
    assert!(told.iter().zip(&held).all(|(told, held)| Arc::ptr_eq(told, held)), "nothing is built twice");
    let last = held.iter().rev().find(|instance| instance.ec2_instance_id == hosts[0]).unwrap();
    assert_eq!(**last, described(&world, &hosts[0]));
    assert!(held.iter().any(|instance| instance.ec2_instance_id == hosts[1] && instance.status.to_string() == "INACTIVE"));
    assert!(!world.history().to_string().contains("version"), "people do not read it");
}

#[test]
fn a_lifecycle_action_goes_to_eventbridge_too_or_alone() {
    let (mut world, hosts) = world_of_hosts(1);
    let quiet = LifecycleHook::new("quiet", TOPIC).without_topic().metadata(r#"{"cluster":"demo"}"#);
    world.put_lifecycle_hook("hosts", quiet).unwrap();
    world.put_lifecycle_hook("hosts", LifecycleHook::launching("up", TOPIC).without_topic()).unwrap();
    world.take_outbox();
    world.terminate_instance("hosts", &hosts[0], false).unwrap();
    world.advance_seconds(120);

    let sent = world.take_outbox();
    let messages: Vec<_> = sent.iter().filter_map(Emission::sns_message).collect();
    let message: Value = serde_json::from_str(&messages[0].message).unwrap();
    assert_eq!(messages.len(), 1);
    let actions = sent.iter().filter(|emission| matches!(emission.what, Emitted::LifecycleAction { .. }));
    let [drain, quiet, up] = &actions.filter_map(Emission::event).collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(drain["detail-type"], "EC2 Instance-terminate Lifecycle Action");
    assert_eq!(
        (&drain["source"], &drain["time"]),
        (&json!("aws.autoscaling"), &json!("2026-11-22T10:00:00Z"))
    );
    assert!(drain["resources"][0].as_str().unwrap().ends_with(":autoScalingGroupName/hosts"));
    assert_eq!(
        drain["detail"],
        json!({
            "LifecycleActionToken": message["LifecycleActionToken"],
            "AutoScalingGroupName": "hosts",
            "LifecycleHookName": "drain",
            "EC2InstanceId": hosts[0].as_str(),
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "Origin": "AutoScalingGroup",
            "Destination": "EC2",
            "Action": "Terminate",
        })
    );
    assert_eq!(quiet["detail"]["NotificationMetadata"], r#"{"cluster":"demo"}"#);
    assert_ne!(quiet["detail"]["LifecycleActionToken"], drain["detail"]["LifecycleActionToken"]);
    assert_eq!(up["detail-type"], "EC2 Instance-launch Lifecycle Action");
    assert_eq!(
        (&up["detail"]["Origin"], &up["detail"]["Destination"]),
        (&json!("EC2"), &json!("AutoScalingGroup"))
    );
    assert_eq!(up["detail"]["Action"], "Launch");
}

#[test]
fn notices_and_events_of_the_old_form_have_no_action() {
    let (mut world, _) = world_of_hosts(0);
    let group = AutoScalingGroup::new("old", InstanceType::new("c5.large", 2048, 3767));
    world.add_group(group.without_action_member());
    world.put_lifecycle_hook("old", LifecycleHook::new("drain", TOPIC)).unwrap();
    let host = world.launch_now("old").unwrap();
    world.take_outbox();
    world.terminate_instance("old", &host, true).unwrap();
    let sent = world.take_outbox();
    let message = sent.iter().find_map(Emission::sns_message).unwrap();
    let notice: Value = serde_json::from_str(&message.message).unwrap();
    let event = sent.iter().find_map(Emission::event).unwrap();
    assert_eq!((notice.get("Action"), event["detail"].get("Action")), (None, None));
    assert_eq!(event["detail"]["Destination"], "EC2");
}
