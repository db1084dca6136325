//! Warm pools: a scale-in stops an instance, and a launch brings it back under the same id.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::auto_scaling::group::LifecycleState;
use fleetkeeper_sim::{ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, WarmPool, World};

use crate::groups::{action, notices};
use crate::scene::{TOPIC, described, drain, start, task, tokens, web};

fn pooled(pool: WarmPool) -> (World, Vec<Ec2InstanceId>) {
    pooled_group(|group| group.warm_pool(pool))
}

fn pooled_group(with: impl FnOnce(AutoScalingGroup) -> AutoScalingGroup) -> (World, Vec<Ec2InstanceId>) {
    let mut world = World::new(start());
    world.add_cluster("demo");
    let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767)).in_cluster("demo");
    world.add_group(with(group));
    let hook =
        LifecycleHook::new("drain", TOPIC).heartbeat_timeout(600).default_result(ActionResult::Continue);
    world.put_lifecycle_hook("hosts", hook).unwrap();
    let hosts = (0..2)
        .map(|_| {
            world.advance_seconds(1);
            world.launch_now("hosts").unwrap()
        })
        .collect();
    world.take_outbox();
    (world, hosts)
}

/// Sends the older host to the pool.
fn scale_in(world: &mut World) {
    world.set_desired_capacity("hosts", 1).unwrap();
    let token = tokens(world).remove(0);
    world.complete_lifecycle_action(action("drain", &token), "CONTINUE").unwrap();
}

#[test]
fn a_scale_in_to_the_pool_waits_at_the_termination_hook() {
    let (mut world, hosts) = pooled(WarmPool::new());
    world.set_desired_capacity("hosts", 1).unwrap();
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::WarmedPendingWait));
    let notice = notices(&mut world).remove(0);
    for (member, value) in [
        ("Origin", "AutoScalingGroup"),
        ("Destination", "WarmPool"),
        ("LifecycleTransition", "autoscaling:EC2_INSTANCE_TERMINATING"),
        ("EC2InstanceId", hosts[0].as_str()),
    ] {
        assert_eq!(notice[member], value, "{member}");
    }
    assert!(described(&world, &hosts[0]).agent_connected, "it is up until its hook is completed");
    world.advance_seconds(600);
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::WarmedStopped));
    let stopped = described(&world, &hosts[0]);
    assert_eq!((stopped.status.to_string().as_str(), stopped.agent_connected), ("ACTIVE", false));
}

#[test]
fn what_still_runs_on_a_host_that_is_stopped_is_killed() {
    let (mut world, hosts) = pooled(WarmPool::new());
    let running = world.start_task("demo", &web(), &hosts[0]).unwrap();
    world.advance_seconds(30);
    scale_in(&mut world);
    assert_eq!(world.history().killed_tasks().len(), 1);
    assert_eq!(task(&world, &running).last_status.as_str(), "STOPPED");
    assert_eq!(described(&world, &hosts[0]).running_tasks, 0);
}

#[test]
fn the_next_launch_brings_the_same_instance_back() {
    let (mut world, hosts) = pooled(WarmPool::new());
    let before = described(&world, &hosts[0]).arn;
    world.put_lifecycle_hook("hosts", LifecycleHook::launching("ready", TOPIC)).unwrap();
    world.take_outbox();
    scale_in(&mut world);
    world.advance_seconds(1000);
    world.set_desired_capacity("hosts", 3).unwrap();
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::Pending));
    assert_eq!(world.instances("hosts").len(), 3, "one from the pool and one new");
    world.advance_seconds(30);
    let notice = notices(&mut world).pop().unwrap();
    assert_eq!((&notice["Origin"], &notice["Destination"]), (&"WarmPool".into(), &"AutoScalingGroup".into()));
    assert_eq!(notice["EC2InstanceId"], hosts[0].as_str());
    let token = notice["LifecycleActionToken"].as_str().unwrap();
    world.complete_lifecycle_action(action("ready", token), "CONTINUE").unwrap();
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::InService));
    let back = described(&world, &hosts[0]);
    assert_eq!((back.arn, back.agent_connected), (before, true));
    world.start_task("demo", &web(), &hosts[0]).unwrap();
    world.advance_seconds(30);
    assert_eq!(described(&world, &hosts[0]).running_tasks, 1);
}

#[test]
fn an_instance_that_was_draining_still_is_when_it_is_back() {
    let (mut world, hosts) = pooled(WarmPool::new());
    drain(&mut world, &hosts[0]);
    scale_in(&mut world);
    world.set_desired_capacity("hosts", 2).unwrap();
    world.advance_seconds(30);
    let back = described(&world, &hosts[0]);
    assert_eq!((back.status.to_string().as_str(), back.agent_connected), ("DRAINING", true));
}

#[test]
fn an_agent_without_its_state_registers_anew_and_is_active() {
    let (mut world, hosts) = pooled(WarmPool::new().registering_anew().starting_in(60));
    let before = described(&world, &hosts[0]).arn;
    drain(&mut world, &hosts[0]);
    scale_in(&mut world);
    world.set_desired_capacity("hosts", 2).unwrap();
    world.advance_seconds(59);
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::Pending));
    world.advance_seconds(1);
    let back = described(&world, &hosts[0]);
    assert_eq!(back.status.to_string(), "ACTIVE");
    assert_ne!(back.arn, before);
    let old = world.describe_container_instances(Some("demo"), &[before.0]).unwrap().items.remove(0);
    assert_eq!((old.status.to_string().as_str(), old.agent_connected), ("DRAINING", false));
}

#[test]
fn tasks_that_ecs_did_not_see_go_are_reported_when_the_agent_is_back() {
    let (mut world, hosts) = pooled(WarmPool::new());
    let running = world.start_task("demo", &web(), &hosts[0]).unwrap();
    world.advance_seconds(30);
    world.set_agent_connected("demo", &hosts[0], false).unwrap();
    scale_in(&mut world);
    assert_eq!(world.history().killed_tasks().len(), 1);
    assert_eq!(task(&world, &running).last_status.as_str(), "RUNNING", "ECS does not know");
    world.set_desired_capacity("hosts", 2).unwrap();
    world.advance_seconds(31);
    assert_eq!(task(&world, &running).last_status.as_str(), "STOPPED");
    assert_eq!(world.history().killed_tasks().len(), 1);
}

#[test]
fn a_termination_by_hand_is_for_good_with_or_without_a_pool() {
    let (mut world, hosts) = pooled(WarmPool::new());
    world.terminate_instance("hosts", &hosts[1], true).unwrap();
    assert_eq!(notices(&mut world)[0]["Destination"], "EC2");
    assert_eq!(world.lifecycle_state("hosts", &hosts[1]), Some(LifecycleState::TerminatingWait));
    world.advance_seconds(600);
    assert_eq!(world.lifecycle_state("hosts", &hosts[1]), None);

    // Out of the pool it waits at the hook, too.
    world.set_desired_capacity("hosts", 0).unwrap();
    world.advance_seconds(600);
    world.take_outbox();
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let notice = notices(&mut world).remove(0);
    assert_eq!((&notice["Origin"], &notice["Destination"]), (&"WarmPool".into(), &"EC2".into()));
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), Some(LifecycleState::WarmedTerminatingWait));
    let token = notice["LifecycleActionToken"].as_str().unwrap();
    world.complete_lifecycle_action(action("drain", token), "CONTINUE").unwrap();
    assert_eq!(world.lifecycle_state("hosts", &hosts[0]), None);
    assert_eq!(world.desired_capacity("hosts"), Some(0));
}

#[test]
fn an_abandoned_way_to_the_pool_ends_or_is_retained() {
    for (retains, state) in [(false, None), (true, Some(LifecycleState::WarmedPendingRetained))] {
        let (mut world, hosts) = pooled_group(|mut group| {
            group.retains_abandoned = retains;
            group.warm_pool(WarmPool::new())
        });
        world.set_desired_capacity("hosts", 1).unwrap();
        let token = tokens(&mut world).remove(0);
        world.complete_lifecycle_action(action("drain", &token), "ABANDON").unwrap();
        assert_eq!(world.lifecycle_state("hosts", &hosts[0]), state);
    }
}
