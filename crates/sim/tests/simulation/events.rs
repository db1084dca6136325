//! The events that ECS sends.

use serde_json::{Value, json};

use crate::scene::{described, drain, two_hosts_with_web, world_of_hosts};

#[test]
fn the_event_is_what_aws_sends() {
    let (mut world, hosts) = world_of_hosts(1);
    let host = described(&world, &hosts[0]);
    let event = world.take_outbox().iter().find_map(fleetkeeper_sim::world::outbox::Emission::event).unwrap();
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
    let events: Vec<Value> =
        world.take_outbox().iter().filter_map(fleetkeeper_sim::world::outbox::Emission::event).collect();
    let of_host = events.iter().filter(|event| event["detail"]["ec2InstanceId"] == hosts[0].as_str());
    let versions: Vec<i64> = of_host.map(|event| event["detail"]["version"].as_i64().unwrap()).collect();
    // DRAINING, and two tasks desired STOPPED and then STOPPED.
    assert_eq!(versions, (before + 1..=before + 5).collect::<Vec<_>>());
    assert_eq!(described(&world, &hosts[0]).version, before + 5);
}
