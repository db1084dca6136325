//! Groups: launch hooks, termination policies, notifications, instance refresh and what is
//! retained.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::auto_scaling::group::LifecycleState;
use fleetkeeper_sim::world::auto_scaling::lifecycle_action::ActionReference;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, TerminationPolicy, World,
};
use serde_json::Value;

use crate::scene::{TOPIC, start, tokens, web, world_of_hosts};

pub(crate) fn action<'a>(hook: &'a str, token: &'a str) -> ActionReference<'a> {
    ActionReference { group: "hosts", hook, token: Some(token), instance_id: None }
}

fn plain(zones: &[&str]) -> AutoScalingGroup {
    AutoScalingGroup::new("plain", InstanceType::new("c5.large", 2048, 3767)).in_zones(zones)
}

fn in_state(world: &World, group: &str, state: LifecycleState) -> Vec<Ec2InstanceId> {
    world.instances(group).into_iter().filter(|(_, it)| *it == state).map(|(id, _)| id).collect()
}

pub(crate) fn notices(world: &mut World) -> Vec<Value> {
    let sent = world.take_outbox();
    let texts = sent.iter().filter_map(|emission| emission.sns_message()).map(|message| &message.message);
    texts.map(|text| serde_json::from_str(text).unwrap()).collect()
}

#[test]
fn a_launch_hook_holds_an_instance_back_until_it_is_completed() {
    let (mut world, _) = world_of_hosts(0);
    world
        .put_lifecycle_hook("hosts", LifecycleHook::launching("ready", TOPIC).heartbeat_timeout(300))
        .unwrap();
    world.set_desired_capacity("hosts", 1).unwrap();
    world.take_outbox();
    world.advance_seconds(120);
    let waiting = in_state(&world, "hosts", LifecycleState::PendingWait);
    assert_eq!(waiting.len(), 1, "{}", world.history());
    assert_eq!(world.container_instance_of("demo", &waiting[0]), None);
    let notice = notices(&mut world).remove(0);
    for (member, value) in [
        ("Origin", "EC2"),
        ("Destination", "AutoScalingGroup"),
        ("LifecycleTransition", "autoscaling:EC2_INSTANCE_LAUNCHING"),
        ("LifecycleHookName", "ready"),
    ] {
        assert_eq!(notice[member], value, "{member}");
    }
    let token = notice["LifecycleActionToken"].as_str().unwrap();
    world.advance_seconds(200);
    world.record_lifecycle_action_heartbeat(action("ready", token)).unwrap();
    world.advance_seconds(299);
    assert_eq!(world.lifecycle_state("hosts", &waiting[0]), Some(LifecycleState::PendingWait));
    world.complete_lifecycle_action(action("ready", token), "CONTINUE").unwrap();
    assert_eq!(world.lifecycle_state("hosts", &waiting[0]), Some(LifecycleState::InService));
    assert!(world.container_instance_of("demo", &waiting[0]).is_some());

    // The launch hook is none of a termination's, nor the other way round.
    world.terminate_instance("hosts", &waiting[0], true).unwrap();
    let sent = notices(&mut world);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["LifecycleHookName"], "drain");
}

#[test]
fn an_abandoned_launch_is_taken_back_and_another_is_made() {
    let (mut world, _) = world_of_hosts(0);
    world
        .put_lifecycle_hook("hosts", LifecycleHook::launching("ready", TOPIC).heartbeat_timeout(300))
        .unwrap();
    world.set_desired_capacity("hosts", 1).unwrap();
    world.advance_seconds(120);
    let first = in_state(&world, "hosts", LifecycleState::PendingWait).remove(0);
    let token = tokens(&mut world).remove(0);
    world.complete_lifecycle_action(action("ready", &token), "ABANDON").unwrap();
    assert_eq!(world.lifecycle_state("hosts", &first), None);
    let second = in_state(&world, "hosts", LifecycleState::Pending).remove(0);
    // Nobody completes this one: its timeout abandons it, as by default.
    world.advance_seconds(120 + 300);
    assert_eq!(world.lifecycle_state("hosts", &second), None);
    assert_eq!(in_state(&world, "hosts", LifecycleState::Pending).len(), 1);
    assert_eq!(world.desired_capacity("hosts"), Some(1));
}

#[test]
fn the_termination_policy_chooses() {
    for (policy, chosen) in [
        (TerminationPolicy::Default, 0),
        (TerminationPolicy::OldestInstance, 0),
        (TerminationPolicy::NewestInstance, 2),
    ] {
        let (mut world, _) = world_of_hosts(0);
        let hosts: Vec<_> = (0..3)
            .map(|_| {
                world.advance_seconds(1);
                world.launch_now("hosts").unwrap()
            })
            .collect();
        world.set_termination_policy("hosts", policy.clone()).unwrap();
        world.set_desired_capacity("hosts", 2).unwrap();
        let leaving = in_state(&world, "hosts", LifecycleState::TerminatingWait);
        assert_eq!(leaving, [hosts[chosen].clone()], "{policy:?}");
    }
}

#[test]
fn an_order_given_chooses_and_whatever_it_does_not_name_goes_by_age() {
    let (mut world, hosts) = world_of_hosts(0);
    assert!(hosts.is_empty());
    let hosts: Vec<_> = (0..3)
        .map(|_| {
            world.advance_seconds(1);
            world.launch_now("hosts").unwrap()
        })
        .collect();
    world.set_termination_policy("hosts", TerminationPolicy::InOrder(vec![hosts[1].clone()])).unwrap();
    world.set_desired_capacity("hosts", 1).unwrap();
    assert_eq!(in_state(&world, "hosts", LifecycleState::InService), [hosts[2].clone()]);
}

#[test]
fn a_scale_in_takes_from_the_zone_that_has_the_most() {
    let (mut world, _) = world_of_hosts(0);
    world.add_group(plain(&["us-east-1a", "us-east-1b"]));
    // Launched into a, b, a, b. Then a has one, the oldest of all, and b has two.
    let hosts: Vec<_> = (0..4)
        .map(|_| {
            world.advance_seconds(1);
            world.launch_now("plain").unwrap()
        })
        .collect();
    world.terminate_instance("plain", &hosts[2], true).unwrap();
    world.set_desired_capacity("plain", 2).unwrap();
    assert_eq!(in_state(&world, "plain", LifecycleState::InService).len(), 2);
    assert_eq!(world.lifecycle_state("plain", &hosts[1]), None);
    // Now each has one, and the older of the two goes.
    world.set_desired_capacity("plain", 1).unwrap();
    assert_eq!(in_state(&world, "plain", LifecycleState::InService), [hosts[3].clone()]);
}

#[test]
fn ordinary_notifications_share_a_topic_with_the_hook() {
    let (mut world, hosts) = world_of_hosts(1);
    world.take_outbox();
    world.put_notification_configuration("hosts", TOPIC).unwrap();
    assert_eq!(notices(&mut world)[0]["Event"], "autoscaling:TEST_NOTIFICATION");
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let token = tokens(&mut world).remove(0);
    world.complete_lifecycle_action(action("drain", &token), "CONTINUE").unwrap();
    let sent = notices(&mut world);
    assert_eq!(sent.len(), 1);
    for (member, value) in [
        ("Event", "autoscaling:EC2_INSTANCE_TERMINATE"),
        ("EC2InstanceId", hosts[0].as_str()),
        ("AutoScalingGroupName", "hosts"),
        // Whatever came of it: Auto Scaling sends the notification before the activity ends.
        ("StatusCode", "InProgress"),
    ] {
        assert_eq!(sent[0][member], value, "{member}");
    }
    assert_eq!(sent[0].get("LifecycleTransition"), None);
    assert_eq!(sent[0].get("LifecycleActionToken"), None);
}

#[test]
fn many_are_terminated_at_once_or_none() {
    let (mut world, hosts) = world_of_hosts(3);
    let stranger: Ec2InstanceId = "i-00000000000000000".parse().unwrap();
    let some = [hosts[0].clone(), stranger];
    assert_eq!(world.terminate_instances("hosts", &some, true).unwrap_err().code, "ValidationError");
    assert_eq!(in_state(&world, "hosts", LifecycleState::InService).len(), 3);
    world.terminate_instances("hosts", &hosts, true).unwrap();
    assert_eq!(in_state(&world, "hosts", LifecycleState::TerminatingWait).len(), 3);
    assert_eq!((world.desired_capacity("hosts"), world.instances("hosts").len()), (Some(0), 3));
}

/// Completes the open drains, and returns the fewest hosts in service and the most hosts at all
/// meanwhile.
fn drive(world: &mut World, minutes: u32) -> (usize, usize) {
    let (mut fewest, mut most) = (usize::MAX, 0);
    for _ in 0..minutes * 6 {
        fewest = fewest.min(in_state(world, "hosts", LifecycleState::InService).len());
        most = most.max(world.instances("hosts").len());
        for token in tokens(world) {
            world.complete_lifecycle_action(action("drain", &token), "CONTINUE").unwrap();
        }
        world.advance_seconds(10);
    }
    (fewest, most)
}

#[test]
fn an_instance_refresh_replaces_all_and_keeps_its_minimum() {
    for (percent, floor, most) in [(50, 2, 6), (90, 3, 5), (100, 4, 6)] {
        let (mut world, hosts) = world_of_hosts(4);
        world.instance_refresh("hosts", percent).unwrap();
        assert_eq!(world.instance_refresh("hosts", percent).unwrap_err().code, "InstanceRefreshInProgress");
        let seen = drive(&mut world, 60);
        assert_eq!(seen.0, floor, "{percent} %: {}", world.history());
        assert!(seen.1 <= most, "{percent} %: {}", seen.1);
        let now = in_state(&world, "hosts", LifecycleState::InService);
        assert_eq!(now.len(), 4, "{percent} %");
        assert!(hosts.iter().all(|old| !now.contains(old)), "{percent} %");
        assert_eq!(world.desired_capacity("hosts"), Some(4));
        assert_eq!(world.instances("hosts").len(), 4);
        // It is over: another one may begin.
        world.instance_refresh("hosts", percent).unwrap();
    }
}

#[test]
fn a_refresh_waits_for_the_hooks_of_a_wave() {
    let (mut world, _) = world_of_hosts(4);
    world.instance_refresh("hosts", 50).unwrap();
    world.advance_seconds(500);
    assert_eq!(tokens(&mut world).len(), 2, "the second wave waits, though the replacements are long up");
    world.advance_seconds(100);
    assert_eq!(tokens(&mut world).len(), 2, "at 600 s the first two have run out");
}

#[test]
fn what_is_abandoned_is_retained_where_the_group_says_so() {
    for expires in [false, true] {
        let (mut world, _) = world_of_hosts(0);
        world.add_group(
            AutoScalingGroup::new("kept", InstanceType::new("c5.large", 2048, 3767))
                .in_cluster("demo")
                .retaining_abandoned(),
        );
        let hook = LifecycleHook::new("drain", TOPIC).heartbeat_timeout(60);
        world.put_lifecycle_hook("kept", hook.default_result(ActionResult::Abandon)).unwrap();
        let host = world.launch_now("kept").unwrap();
        world.start_task("demo", &web(), &host).unwrap();
        world.advance_seconds(30);
        world.set_desired_capacity("kept", 0).unwrap();
        let token = tokens(&mut world).remove(0);
        if expires {
            world.advance_seconds(60);
        } else {
            let action = ActionReference { group: "kept", ..action("drain", &token) };
            world.complete_lifecycle_action(action, "ABANDON").unwrap();
        }
        assert_eq!(world.lifecycle_state("kept", &host), Some(LifecycleState::TerminatingRetained));
        assert_eq!(LifecycleState::TerminatingRetained.as_str(), "Terminating:Retained");
        assert!(world.history().killed_tasks().is_empty());

        // It is none of the group's capacity: another is launched for the one wanted.
        world.set_desired_capacity("kept", 1).unwrap();
        assert_eq!(world.instances("kept").len(), 2);
        world.terminate_instance("kept", &host, true).unwrap();
        assert_eq!(world.lifecycle_state("kept", &host), None);
        assert_eq!(world.desired_capacity("kept"), Some(1));
        assert_eq!(world.history().killed_tasks().len(), 1);
    }
}

#[test]
fn a_completed_termination_is_not_retained() {
    let (mut world, _) = world_of_hosts(0);
    world.add_group(plain(&["us-east-1a"]).retaining_abandoned());
    world.put_lifecycle_hook("plain", LifecycleHook::new("drain", TOPIC)).unwrap();
    let host = world.launch_now("plain").unwrap();
    world.terminate_instance("plain", &host, true).unwrap();
    let token = tokens(&mut world).remove(0);
    let action = ActionReference { group: "plain", ..action("drain", &token) };
    world.complete_lifecycle_action(action, "CONTINUE").unwrap();
    assert_eq!(world.lifecycle_state("plain", &host), None);
    let retained = |what: &Occurrence| matches!(what, Occurrence::InstanceRetained { .. });
    assert!(!world.history().entries().iter().any(|entry| retained(&entry.what)));
    assert_eq!(world.now(), start());
}
