//! Lifecycle hooks: notices, heartbeats, completion, expiry, and what becomes of the instance.

use chrono::TimeDelta;
use fleetkeeper_sim::world::auto_scaling::group::LifecycleState;
use fleetkeeper_sim::world::auto_scaling::lifecycle_action::ActionReference;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::outbox::Emission;
use fleetkeeper_sim::{ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, World};
use serde_json::Value;

use crate::scene::{TOPIC, arn_of, start, tokens, two_hosts_with_web, web, world_of_hosts};

fn action(token: &str) -> ActionReference<'_> {
    ActionReference { group: "hosts", hook: "drain", token: Some(token), instance_id: None }
}

fn terminated_after(world: &World) -> Vec<i64> {
    let ends = world.history().entries().iter();
    let ends = ends.filter(|entry| matches!(entry.what, Occurrence::InstanceTerminated { .. }));
    ends.map(|entry| (entry.at - start()).num_seconds()).collect()
}

#[test]
fn the_notice_is_what_aws_sends() {
    let (mut world, hosts) = world_of_hosts(1);
    let hook = LifecycleHook::new("drain", TOPIC).metadata(r#"{"cluster":"demo"}"#);
    world.take_outbox();
    world.put_lifecycle_hook("hosts", hook).unwrap();
    let sent = world.take_outbox();
    let test: Value = serde_json::from_str(&sent[0].sns_message().unwrap().message).unwrap();
    assert_eq!(test["Event"], "autoscaling:TEST_NOTIFICATION");
    assert_eq!(test.get("LifecycleTransition"), None);

    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let sent = world.take_outbox();
    let message = sent.iter().find_map(Emission::sns_message).unwrap();
    assert_eq!(message.topic_arn, TOPIC);
    let notice: Value = serde_json::from_str(&message.message).unwrap();
    for (member, value) in [
        ("Service", "AWS Auto Scaling"),
        ("Time", "2026-11-22T10:00:00.000Z"),
        ("Origin", "AutoScalingGroup"),
        ("Destination", "EC2"),
        ("AutoScalingGroupName", "hosts"),
        ("LifecycleHookName", "drain"),
        ("EC2InstanceId", hosts[0].as_str()),
        ("LifecycleTransition", "autoscaling:EC2_INSTANCE_TERMINATING"),
        ("NotificationMetadata", r#"{"cluster":"demo"}"#),
        ("Action", "Terminate"),
    ] {
        assert_eq!(notice[member], value, "{member}");
    }
    assert_eq!(notice["LifecycleActionToken"].as_str().unwrap().len(), 36);
}

#[test]
fn completion_ends_the_instance_and_a_second_one_finds_nothing() {
    let (mut world, hosts) = world_of_hosts(1);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::TerminatingWait));
    let token = tokens(&mut world).remove(0);
    world.complete_lifecycle_action(action(&token), "CONTINUE").unwrap();
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), None);
    assert_eq!(world.container_instance_of("demo", &hosts[0]), None);

    let said = format!("No active Lifecycle Action found with token {token}");
    let again = world.complete_lifecycle_action(action(&token), "CONTINUE").unwrap_err();
    assert_eq!((again.code, again.status, &again.message), ("ValidationError", 400, &said));
    let late = world.record_lifecycle_action_heartbeat(action(&token)).unwrap_err();
    assert_eq!((late.code, &late.message), ("ValidationError", &said));
    let by_id = ActionReference { token: None, instance_id: Some(hosts[0].as_str()), ..action(&token) };
    let by_id = world.complete_lifecycle_action(by_id, "CONTINUE").unwrap_err();
    assert_eq!(by_id.message, format!("No active Lifecycle Action found with instance ID {}", hosts[0]));
}

#[test]
fn by_instance_id_without_token() {
    let (mut world, hosts) = world_of_hosts(1);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let by_id = ActionReference { token: None, instance_id: Some(hosts[0].as_str()), ..action("") };
    world.record_lifecycle_action_heartbeat(by_id).unwrap();
    world.complete_lifecycle_action(by_id, "CONTINUE").unwrap();
    assert_eq!(terminated_after(&world), [0]);
}

#[test]
fn bad_parameters_have_the_same_code_and_another_message() {
    let (mut world, hosts) = world_of_hosts(1);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let token = tokens(&mut world).remove(0);
    let no_group = ActionReference { group: "none", ..action(&token) };
    let nothing = ActionReference { token: None, ..action(&token) };
    for error in [
        world.complete_lifecycle_action(action(&token), "DONE").unwrap_err(),
        world.complete_lifecycle_action(no_group, "CONTINUE").unwrap_err(),
        world.complete_lifecycle_action(nothing, "CONTINUE").unwrap_err(),
    ] {
        assert_eq!(error.code, "ValidationError");
        assert!(!error.message.contains("No active"), "{error}");
    }
}

#[test]
fn without_completion_the_instance_is_terminated_at_its_timeout_with_all_that_runs_on_it() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    world.advance_seconds(599);
    assert!(world.history().killed_tasks().is_empty());
    world.advance_seconds(1);
    assert_eq!(terminated_after(&world), [660]);
    assert_eq!(world.history().killed_tasks().len(), 2);
    world.advance_seconds(60);
    assert!(world.is_steady("demo", "web"), "what died was replaced");
}

#[test]
fn a_task_that_is_still_stopping_is_killed_too() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    crate::scene::drain(&mut world, &hosts[0]);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let token = tokens(&mut world).remove(0);
    world.advance_seconds(30);
    assert_eq!(crate::scene::described(&world, &hosts[0]).running_tasks, 0);
    world.complete_lifecycle_action(action(&token), "CONTINUE").unwrap();
    let killed = world.history().to_string();
    assert!(killed.contains("while DEACTIVATING (desired STOPPED)"), "{killed}");
}

#[test]
fn heartbeats_restart_the_timer_within_the_global_timeout() {
    let (mut world, hosts) = world_of_hosts(1);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let token = tokens(&mut world).remove(0);
    world.advance_seconds(300);
    world.record_lifecycle_action_heartbeat(action(&token)).unwrap();
    world.advance_seconds(599);
    assert!(world.lifecycle_state("hosts", &hosts[0]).is_some(), "waits until 900 s");
    // 100 heartbeat timeouts of 600 s, whatever the heartbeats.
    while world.record_lifecycle_action_heartbeat(action(&token)).is_ok() {
        world.advance_seconds(500);
    }
    assert_eq!(terminated_after(&world), [60_000]);
}

#[test]
fn the_global_timeout_is_never_past_48_hours() {
    let hook = LifecycleHook::new("drain", TOPIC);
    assert_eq!(hook.clone().heartbeat_timeout(30).global_timeout_seconds(), 3000);
    assert_eq!(hook.clone().heartbeat_timeout(7200).global_timeout_seconds(), 172_800);
}

#[test]
fn a_group_waits_for_all_its_hooks_unless_one_abandons() {
    for (result, over) in [("CONTINUE", false), ("ABANDON", true)] {
        let (mut world, hosts) = world_of_hosts(1);
        world.put_lifecycle_hook("hosts", LifecycleHook::new("other", TOPIC)).unwrap();
        world.terminate_instance("hosts", &hosts[0], true).unwrap();
        let first = tokens(&mut world).remove(0);
        world.complete_lifecycle_action(action(&first), result).unwrap();
        assert_eq!(world.lifecycle_state("hosts", &hosts[0]).is_none(), over, "{result}");
    }
}

#[test]
fn without_decrement_a_replacement_is_launched_and_registers() {
    let (mut world, hosts) = world_of_hosts(1);
    world.terminate_instance("hosts", &hosts[0], false).unwrap();
    world.advance_seconds(119);
    let new = world.instances("hosts").into_iter().find(|(id, _)| *id != hosts[0]).unwrap();
    assert_eq!(new.1, LifecycleState::Pending);
    assert_eq!(world.container_instance_of("demo", &new.0), None);
    world.advance_seconds(1);
    assert!(world.container_instance_of("demo", &new.0).is_some());
}

#[test]
fn scaling_in_takes_the_oldest_and_scaling_out_launches() {
    let (mut world, hosts) = world_of_hosts(1);
    world.advance_seconds(1);
    world.set_desired_capacity("hosts", 3).unwrap();
    world.advance_seconds(120);
    assert_eq!(world.instances("hosts").len(), 3);
    world.set_desired_capacity("hosts", 2).unwrap();
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::TerminatingWait));
    assert_eq!(world.set_desired_capacity("hosts", 1001).unwrap_err().code, "ValidationError");
}

#[test]
fn an_instance_of_a_group_without_cluster_is_in_none() {
    let (mut world, _) = world_of_hosts(0);
    world.add_group(AutoScalingGroup::new("plain", InstanceType::new("c5.large", 2048, 3767)));
    let id = world.launch_now("plain").unwrap();
    assert_eq!(world.container_instance_of("demo", &id), None);
}

#[test]
fn a_terminated_host_with_a_disconnected_agent_leaves_a_ghost() {
    let (mut world, hosts) = world_of_hosts(1);
    world.run_task("demo", &web()).unwrap();
    world.advance_seconds(60);
    world.set_agent_connected("demo", &hosts[0], false).unwrap();
    world.lose_instance("hosts", &hosts[0]).unwrap();
    let ghost = world.container_instance_of("demo", &hosts[0]).unwrap();
    assert_eq!((ghost.status.to_string().as_str(), ghost.agent_connected), ("ACTIVE", false));
    assert_eq!(ghost.running_tasks, 1, "ECS does not know");
    assert_eq!(world.history().killed_tasks().len(), 1);
}

#[test]
fn a_deregistered_instance_is_inactive_then_missing() {
    let (mut world, hosts) = world_of_hosts(1);
    let arn = arn_of(&world, &hosts[0]);
    world.lose_instance("hosts", &hosts[0]).unwrap();
    let names = [arn.0];
    let answer = world.describe_container_instances(Some("demo"), &names).unwrap();
    assert_eq!(answer.items[0].status.to_string(), "INACTIVE");
    world.advance_to(world.now() + TimeDelta::hours(1));
    let answer = world.describe_container_instances(Some("demo"), &names).unwrap();
    assert_eq!(answer.failures[0].reason, "MISSING");
}

#[test]
fn hooks_are_described_by_name_and_unknown_names_passed_over() {
    let (world, _) = world_of_hosts(0);
    let hooks = world.describe_lifecycle_hooks("hosts", &["drain".to_owned(), "none".to_owned()]).unwrap();
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].default_result, ActionResult::Continue);
    assert_eq!(world.describe_lifecycle_hooks("none", &[]).unwrap_err().code, "ValidationError");
}

#[test]
fn a_host_whose_agent_registered_anew_is_two_container_instances_and_ends_as_one() {
    let (mut world, hosts) = world_of_hosts(1);
    world.start_task("demo", &web(), &hosts[0]).unwrap();
    let first = world.container_instance_of("demo", &hosts[0]).unwrap();
    world.advance_seconds(10);
    let second = world.register_anew("demo", &hosts[0]).unwrap();
    world.start_task("demo", &web(), &hosts[0]).unwrap();
    world.advance_seconds(10);
    let described =
        world.describe_container_instances(Some("demo"), &[first.arn.0.clone(), second.0.clone()]).unwrap();
    let seen: Vec<_> =
        described.items.iter().map(|it| (it.ec2_instance_id == hosts[0], it.agent_connected)).collect();
    assert_eq!(seen, [(true, false), (true, true)]);

    world.lose_instance("hosts", &hosts[0]).unwrap();
    assert_eq!(world.history().killed_tasks().len(), 2);
}
