//! Replacing an instance's root volume.

use fleetkeeper_sim::LifecycleHook;

use crate::groups::{action, notices};
use crate::scene::{TOPIC, arn_of, complete_drain, described, state, web, world_of_hosts};

#[test]
fn the_hooks_hold_the_instance_and_its_agent_registers_anew() {
    for result in ["CONTINUE", "ABANDON"] {
        let (mut world, hosts) = world_of_hosts(2);
        let host = &hosts[0];
        world.start_task("demo", &web(), host).unwrap();
        world.advance_seconds(60);
        notices(&mut world);
        let old = arn_of(&world, host);
        world.replace_root_volume("hosts", host).unwrap();
        assert_eq!(state(&world, host), "ReplacingRootVolume:Wait");
        let notice = notices(&mut world).remove(0);
        for (member, value) in [
            ("Origin", "AutoScalingGroup"),
            ("Destination", "AutoScalingGroup"),
            ("Action", "ReplaceRootVolume"),
            ("LifecycleTransition", "autoscaling:EC2_INSTANCE_TERMINATING"),
        ] {
            assert_eq!(notice[member], value, "{member}");
        }
        assert_eq!(world.instances("hosts").len(), 2, "it is in the capacity: nothing replaces it");

        complete_drain(&mut world, result);
        assert_eq!(state(&world, host), "ReplacingRootVolume:Proceed");
        assert_eq!(world.history().killed_tasks().len(), 1);
        let left = described(&world, host);
        assert_eq!((&left.arn, left.agent_connected, left.running_tasks), (&old, false, 1));
        world.register_anew("demo", host).expect_err("no agent runs while the host restarts");
        world.advance_seconds(60);
        assert_eq!(state(&world, host), "InService", "{result}");
        let new = described(&world, host);
        assert!(new.arn != old && new.agent_connected && new.registered_at > left.registered_at);
        assert_eq!(new.running_tasks, 0);
    }
}

#[test]
fn launch_hooks_hold_it_on_its_way_back() {
    let (mut world, hosts) = world_of_hosts(1);
    world.put_lifecycle_hook("hosts", LifecycleHook::launching("ready", TOPIC)).unwrap();
    world.replace_root_volume("hosts", &hosts[0]).unwrap();
    complete_drain(&mut world, "CONTINUE");
    notices(&mut world);
    world.advance_seconds(60);
    assert_eq!(state(&world, &hosts[0]), "Pending:Wait");
    let notice = notices(&mut world).remove(0);
    for (member, value) in [
        ("Origin", "AutoScalingGroup"),
        ("Destination", "AutoScalingGroup"),
        ("Action", "ReplaceRootVolume"),
        ("LifecycleTransition", "autoscaling:EC2_INSTANCE_LAUNCHING"),
    ] {
        assert_eq!(notice[member], value, "{member}");
    }
    let token = notice["LifecycleActionToken"].as_str().unwrap();
    world.complete_lifecycle_action(action("ready", token), "CONTINUE").unwrap();
    assert_eq!(state(&world, &hosts[0]), "InService");
}

#[test]
fn a_termination_overtakes_it() {
    let (mut world, hosts) = world_of_hosts(1);
    world.replace_root_volume("hosts", &hosts[0]).unwrap();
    world.replace_root_volume("hosts", &hosts[0]).unwrap_err();
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    assert_eq!(state(&world, &hosts[0]), "Terminating:Wait");
    // One action is open: that of the termination.
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &hosts[0]), "gone");
}
