//! Spot Instances: EC2's announcements, and their end.

use chrono::TimeDelta;
use fleetkeeper_sim::World;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::outbox::{Emission, Emitted};
use serde_json::{Value, json};

use crate::scene::{start, two_hosts_with_web, world_of_hosts};

fn spot_notices(world: &mut World) -> Vec<Value> {
    let sent = world.take_outbox();
    let notices = sent.iter().filter(|emission| matches!(emission.what, Emitted::SpotNotice { .. }));
    notices.filter_map(Emission::event).collect()
}

#[test]
fn a_warned_instance_is_gone_two_minutes_later_whatever_its_hook_waits_for() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    world.interrupt_spot_instance("hosts", &hosts[0]).unwrap();
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    world.advance_seconds(119);
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]).unwrap().as_str(), "Terminating:Wait");
    world.advance_seconds(1);
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), None);
    assert_eq!(world.open_actions("drain"), []);
    assert_eq!(world.history().killed_tasks().len(), 2);
    assert!(world.history().to_string().contains("warned of its interruption"));
}

#[test]
fn what_is_taken_back_is_replaced_and_what_is_gone_before_is_not_taken_twice() {
    let (mut world, hosts) = world_of_hosts(2);
    world.interrupt_spot_instance("hosts", &hosts[0]).unwrap();
    world.interrupt_spot_instance("hosts", &hosts[1]).unwrap();
    world.lose_instance("hosts", &hosts[1]).unwrap();
    world.advance_seconds(600);
    let gone = world.history().entries().iter().filter(|entry| {
        matches!(&entry.what, Occurrence::InstanceTerminated { instance, .. } if hosts.contains(instance))
    });
    let gone: Vec<_> = gone.map(|entry| entry.at).collect();
    assert_eq!(gone, [start(), start() + TimeDelta::seconds(120)]);
    assert_eq!(world.instances("hosts").len(), 2, "two others");
}

#[test]
fn the_events_are_what_ec2_sends() {
    let (mut world, hosts) = world_of_hosts(1);
    world.recommend_rebalance("hosts", &hosts[0]).unwrap();
    world.interrupt_spot_instance("hosts", &hosts[0]).unwrap();
    let [rebalance, warning] = &spot_notices(&mut world)[..] else { panic!() };
    assert_eq!(rebalance["detail-type"], "EC2 Instance Rebalance Recommendation");
    assert_eq!(rebalance["detail"], json!({"instance-id": hosts[0].as_str()}));
    assert_eq!(warning["detail-type"], "EC2 Spot Instance Interruption Warning");
    assert_eq!(warning["detail"], json!({"instance-id": hosts[0].as_str(), "instance-action": "terminate"}));
    for event in [rebalance, warning] {
        assert_eq!((&event["source"], &event["time"]), (&json!("aws.ec2"), &json!("2026-11-22T10:00:00Z")));
    }
    assert_ne!(rebalance["id"], warning["id"]);
    world.advance_seconds(120);
    assert!(world.interrupt_spot_instance("hosts", &hosts[0]).is_err(), "it is gone");
    assert!(world.recommend_rebalance("none", &hosts[0]).is_err());
}
