//! After a termination: replacements, retained and lingering instances, and deleted groups.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::auto_scaling::lifecycle_action::ActionReference;
use fleetkeeper_sim::{ActionResult, LifecycleHook, World};

use crate::groups::notices;
use crate::scene::{TOPIC, arn_of, complete_drain, state, tokens, web, world_of_group, world_of_hosts};

fn pending(world: &World) -> usize {
    world.instances("hosts").values().filter(|state| state.as_str() == "Pending").count()
}

#[test]
fn at_its_maximum_size_a_group_replaces_an_instance_once_its_hook_has_ended() {
    let mut world = world_of_group(|group| group.sizes(0, 1).replacing_as_recorded());
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, false).unwrap();
    world.advance_seconds(300);
    assert_eq!(pending(&world), 0);
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(pending(&world), 0);
    world.advance_seconds(1);
    assert_eq!(pending(&world), 1);
}

#[test]
fn below_its_maximum_size_a_group_replaces_an_instance_after_a_second() {
    let mut world = world_of_group(|group| group.sizes(0, 2).replacing_as_recorded());
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, false).unwrap();
    assert_eq!(pending(&world), 0);
    world.advance_seconds(1);
    assert_eq!(pending(&world), 1);
    complete_drain(&mut world, "CONTINUE");
    world.advance_seconds(300);
    assert_eq!(world.instances("hosts").len(), 1);
}

#[test]
fn a_retained_instance_runs_its_hooks_again_with_a_new_token() {
    let mut world = world_of_group(|group| group.retaining_abandoned().retained_running_hooks_again());
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, true).unwrap();
    let first = tokens(&mut world).remove(0);
    complete_drain(&mut world, "ABANDON");
    assert_eq!(state(&world, &host), "Terminating:Retained");
    assert_eq!(world.terminate_instance("hosts", &host, true).unwrap_err().code, "ValidationError");
    assert_eq!(state(&world, &host), "Terminating:Retained");
    world.terminate_instance("hosts", &host, false).unwrap();
    assert_eq!(state(&world, &host), "Terminating:Wait");
    assert_ne!(tokens(&mut world), [first]);
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &host), "gone");
}

#[test]
fn a_group_lists_an_instance_for_a_while_after_its_hook() {
    let mut world = world_of_group(|group| group.lingering(30));
    let host = world.launch_now("hosts").unwrap();
    world.run_task("demo", &web()).unwrap();
    world.advance_seconds(60);
    let arn = arn_of(&world, &host);
    world.terminate_instance("hosts", &host, true).unwrap();
    complete_drain(&mut world, "CONTINUE");
    let listed = |world: &World| world.describe_auto_scaling_groups(&[])[0].instances.len();
    assert_eq!((state(&world, &host), listed(&world)), ("Terminating:Proceed", 1));
    // The host is gone already, and so is all that ran on it.
    assert_eq!(world.history().killed_tasks().len(), 1);
    let named = [arn.0];
    let gone = world.describe_container_instances(Some("demo"), &named).unwrap();
    assert_eq!(gone.items[0].status.to_string(), "INACTIVE");
    let activity = world.describe_scaling_activities("hosts", None, None).unwrap().items.remove(0);
    assert_eq!(activity.ended_at, None);
    world.advance_seconds(30);
    assert_eq!((state(&world, &host), listed(&world)), ("gone", 0));
    let activity = world.describe_scaling_activities("hosts", None, None).unwrap().items.remove(0);
    assert_eq!((activity.status_code, activity.ended_at), ("Successful", Some(world.now())));
}

fn refusing(result: ActionResult) -> LifecycleHook {
    LifecycleHook::new("refused", TOPIC).default_result(result).notification_refused()
}

#[test]
fn a_hook_whose_notification_is_refused_gets_its_default_result_at_once() {
    let (mut world, hosts) = world_of_hosts(1);
    world.put_lifecycle_hook("hosts", refusing(ActionResult::Continue)).unwrap();
    world.take_outbox();
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    // The other hook still holds the instance.
    assert_eq!(state(&world, &hosts[0]), "Terminating:Wait");
    assert_eq!(notices(&mut world).len(), 1);
    let told = world.history().to_string();
    assert!(told.contains("notification refused, CONTINUE"), "{told}");
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &hosts[0]), "gone");

    let (mut world, hosts) = world_of_hosts(1);
    world.put_lifecycle_hook("hosts", refusing(ActionResult::Abandon)).unwrap();
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    assert_eq!(state(&world, &hosts[0]), "gone", "ABANDON skips the other hook");
}

#[test]
fn a_group_deleted_by_force_takes_its_instances_with_it() {
    let (mut world, hosts) = world_of_hosts(2);
    world.run_task("demo", &web()).unwrap();
    world.advance_seconds(60);
    world.terminate_instance("hosts", &hosts[0], false).unwrap();
    let token = tokens(&mut world).remove(0);
    world.delete_group_by_force("hosts").unwrap();
    assert_eq!(world.describe_auto_scaling_groups(&["hosts".to_owned()]), []);
    let in_cluster = |host: &Ec2InstanceId| world.container_instance_of("demo", host).is_some();
    assert!(!hosts.iter().any(in_cluster));
    assert_eq!(world.history().killed_tasks().len(), 1);
    let action =
        ActionReference { group: "hosts", hook: "drain", token: Some(&token), ..ActionReference::default() };
    for error in [
        world.record_lifecycle_action_heartbeat(action).unwrap_err(),
        world.complete_lifecycle_action(action, "CONTINUE").unwrap_err(),
    ] {
        let said = "AutoScalingGroup name not found - null";
        assert_eq!((error.code, error.message.as_str()), ("ValidationError", said));
    }
    // Its pending steps have no effect.
    world.advance_seconds(700);
    world.delete_group_by_force("hosts").unwrap_err();
}

#[test]
fn a_termination_may_have_a_status_reason() {
    let mut world = world_of_group(|group| group.status_reason("A reason."));
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, true).unwrap();
    let told = world.describe_scaling_activities("hosts", None, None).unwrap().items;
    assert_eq!(told[0].description, format!("Terminating EC2 instance: {host}.  Status Reason: A reason."));
    assert_eq!(told[1].description, format!("Launching a new EC2 instance: {host}"));
}

#[test]
fn launches_have_the_codes_that_aws_sends() {
    let (mut world, _) = world_of_hosts(0);
    world.put_lifecycle_hook("hosts", LifecycleHook::launching("ready", TOPIC)).unwrap();
    world.set_desired_capacity("hosts", 1).unwrap();
    let code = |world: &World| {
        let told = world.describe_scaling_activities("hosts", None, None).unwrap().items;
        (told[0].status_code, told[0].progress)
    };
    assert_eq!(code(&world), ("PreInService", 30));
    world.advance_seconds(120);
    assert_eq!(code(&world), ("MidLifecycleAction", 40));
}
