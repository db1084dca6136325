//! Setting a group's capacity, terminating by id, and the description of a refresh.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::GroupScaling;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{
    InstanceType, MixedInstances, ScalingProcess, SharedWorld, SimpleScalingPolicy, SimulatedAws,
    TerminatedAgain, TerminationPolicy, WarmPool, World,
};

use crate::alarms::put;
use crate::http::{auto_scaling, face};
use crate::scaling::alarm_above;
use crate::scene::{complete_drain, state, world_of_group, world_of_hosts};

const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];

fn id(number: u32) -> Ec2InstanceId {
    format!("i-{number:017x}").parse().unwrap()
}

fn count(world: &World, state: &str) -> usize {
    world.instances("hosts").values().filter(|it| it.as_str() == state).count()
}

#[test]
fn the_capacity_is_set_within_the_groups_limits_alone() {
    let mut world = world_of_group(|group| group.sizes(1, 4));
    for (desired, words) in [(0, "below min value 1"), (5, "above max value 4")] {
        let refused = world.set_desired_capacity("hosts", desired).unwrap_err();
        assert_eq!(refused.code, "ValidationError");
        assert!(refused.message.contains(words), "{refused}");
    }
    assert_eq!(world.desired_capacity("hosts"), Some(1));
    // Twice is once.
    for _ in 0..2 {
        world.set_desired_capacity("hosts", 3).unwrap();
        assert_eq!((count(&world, "Pending"), world.instances("hosts").len()), (3, 3));
    }
    assert_eq!(world.set_desired_capacity("none", 3).unwrap_err().code, "ValidationError");
}

#[test]
fn a_lower_capacity_lets_the_termination_policy_choose() {
    let (mut world, hosts) = world_of_hosts(3);
    world.set_termination_policy("hosts", TerminationPolicy::NewestInstance).unwrap();
    world.set_desired_capacity("hosts", 2).unwrap();
    let newest = hosts.iter().max().unwrap();
    assert_eq!(state(&world, newest), "Terminating:Wait");
}

#[test]
fn a_cooldown_holds_off_only_who_honors_it() {
    let (mut world, _) = world_of_hosts(2);
    world.put_simple_scaling_policy("hosts", SimpleScalingPolicy::new("simple", 1)).unwrap();
    alarm_above(&mut world, 1.0, "simple");
    put(&mut world, "Load", 2.0);
    world.advance_seconds(121);
    assert_eq!(world.desired_capacity("hosts"), Some(3));
    let refused = world.set_desired_capacity_after_cooldown("hosts", 5).unwrap_err();
    assert_eq!(refused.code, "ScalingActivityInProgress");
    world.set_desired_capacity("hosts", 5).unwrap();
    assert_eq!(world.desired_capacity("hosts"), Some(5));
    let host = world.instances("hosts").into_keys().next().unwrap();
    world.terminate_instance_by_id(&host, true).unwrap();
    assert_eq!(world.desired_capacity("hosts"), Some(4));
}

#[test]
fn an_instance_is_terminated_by_its_id_through_its_hooks() {
    let (mut world, hosts) = world_of_hosts(3);
    world.set_instance_protection("hosts", &hosts, true).unwrap();
    world.suspend_processes("hosts", &[ScalingProcess::Terminate]).unwrap();
    let activity = world.terminate_instance_by_id(&hosts[1], true).unwrap();
    assert_eq!(activity.description, format!("Terminating EC2 instance: {}", hosts[1]));
    assert_eq!(activity.status_code, "MidTerminatingLifecycleAction");
    assert_eq!((state(&world, &hosts[1]), world.desired_capacity("hosts")), ("Terminating:Wait", Some(2)));
    complete_drain(&mut world, "CONTINUE");
    world.advance_seconds(600);
    assert_eq!((count(&world, "InService"), world.instances("hosts").len()), (2, 2), "nothing replaces it");
}

#[test]
fn a_decrement_below_the_minimum_is_refused_and_changes_nothing() {
    let mut world = world_of_group(|group| group.sizes(2, 4).launching_in(10));
    world.advance_seconds(10);
    let host = world.instances("hosts").into_keys().next().unwrap();
    let refused = world.terminate_instance_by_id(&host, true).unwrap_err();
    assert_eq!(refused.code, "ValidationError");
    assert_eq!((count(&world, "InService"), world.desired_capacity("hosts")), (2, Some(2)));
    world.terminate_instance_by_id(&host, false).unwrap();
    assert_eq!((count(&world, "Pending"), world.desired_capacity("hosts")), (1, Some(2)), "it is replaced");
}

#[test]
fn a_decrement_is_of_the_instances_weight() {
    let types =
        [(InstanceType::new("c5.large", 2048, 3767), 1), (InstanceType::new("c5.xlarge", 4096, 7500), 2)];
    let mut world =
        world_of_group(|group| group.mixed_instances(MixedInstances::weighing(&types)).sizes(2, 9));
    let large = world.launch_now_of_type("hosts", types[1].0.clone()).unwrap();
    let desired = world.desired_capacity("hosts").unwrap();
    world.terminate_instance_by_id(&large, true).unwrap();
    assert_eq!(world.desired_capacity("hosts"), Some(desired - 2));
}

#[test]
fn what_no_group_has_in_use_is_refused() {
    let (mut world, _) = world_of_hosts(1);
    assert_eq!(world.terminate_instance_by_id(&id(0), true).unwrap_err().code, "ValidationError");

    let mut world =
        world_of_group(|group| group.warm_pool(WarmPool::new().starting_in(10).registering_anew()));
    let host = world.launch_now("hosts").unwrap();
    world.set_desired_capacity("hosts", 0).unwrap();
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &host), "Warmed:Stopped");
    assert_eq!(world.terminate_instance_by_id(&host, true).unwrap_err().code, "ValidationError");

    let mut world = world_of_group(|group| group.retaining_abandoned().retained_running_hooks_again());
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance_by_id(&host, true).unwrap();
    complete_drain(&mut world, "ABANDON");
    assert_eq!(state(&world, &host), "Terminating:Retained");
    assert_eq!(world.terminate_instance_by_id(&host, true).unwrap_err().code, "ValidationError");
}

/// AWS does not say what it does then.
#[test]
fn terminating_an_instance_twice_is_drawn() {
    for (drawn, answered, desired, leaving) in [
        (TerminatedAgain::Refused, false, 2, 1),
        (TerminatedAgain::Ignored, true, 2, 1),
        (TerminatedAgain::Decremented, true, 1, 2),
    ] {
        let mut world = world_of_group(|group| group.terminated_again(drawn));
        let hosts: Vec<_> = (0..3).map(|_| world.launch_now("hosts").unwrap()).collect();
        world.terminate_instance_by_id(&hosts[0], true).unwrap();
        assert_eq!(world.terminate_instance_by_id(&hosts[0], true).is_ok(), answered, "{drawn:?}");
        let came_of_it = (world.desired_capacity("hosts").unwrap(), count(&world, "Terminating:Wait"));
        assert_eq!(came_of_it, (desired, leaving), "{drawn:?}");
    }
}

fn zones(world: &World) -> Vec<usize> {
    let instances = &world.describe_auto_scaling_groups(&[])[0].instances;
    let serving = |zone: &&str| {
        instances.iter().filter(|it| it.zone == **zone && it.state.as_str() == "InService").count()
    };
    ZONES.iter().map(serving).collect()
}

/// Three hosts in each zone. Two of the second one go.
fn uneven(suspended: &[ScalingProcess]) -> World {
    let mut world = world_of_group(|group| group.in_zones(&ZONES).rebalancing_after(60));
    let hosts: Vec<_> = (0..6).map(|_| world.launch_now("hosts").unwrap()).collect();
    world.suspend_processes("hosts", suspended).unwrap();
    let groups = world.describe_auto_scaling_groups(&[]);
    let of_second = groups[0].instances.iter().filter(|instance| instance.zone == ZONES[1]);
    let of_second: Vec<_> = of_second.map(|instance| instance.id.clone()).collect();
    assert_eq!((hosts.len(), of_second.len()), (6, 3));
    for host in &of_second[..2] {
        world.terminate_instance_by_id(host, true).unwrap();
        complete_drain(&mut world, "CONTINUE");
    }
    world
}

#[test]
fn zones_that_a_termination_left_uneven_are_balanced_by_the_group() {
    let mut world = uneven(&[]);
    world.advance_seconds(59);
    assert_eq!(count(&world, "Pending"), 0);
    world.advance_seconds(1);
    assert_eq!((count(&world, "Pending"), count(&world, "InService")), (1, 4), "it launches first");
    world.advance_seconds(120);
    complete_drain(&mut world, "CONTINUE");
    assert_eq!((zones(&world), world.desired_capacity("hosts")), (vec![2, 2], Some(4)));

    let mut world = uneven(&[ScalingProcess::AzRebalance]);
    world.advance_seconds(600);
    assert_eq!(zones(&world), [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_reported_until_it_ended() {
    let (mut world, _) = world_of_hosts(1);
    let versions = |world: &World| {
        let groups = world.describe_auto_scaling_groups(&[]);
        groups[0].instances.iter().map(|it| it.launch_template_version).collect::<Vec<_>>()
    };
    assert_eq!(
        (versions(&world), world.describe_instance_refreshes("hosts", None, None).unwrap().items),
        (vec![1], vec![])
    );
    world.instance_refresh("hosts", 0).unwrap();
    world.advance_seconds(0);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let under_way = aws.newest_instance_refresh("hosts").await.unwrap().unwrap();
    assert!(under_way.is_under_way(), "{under_way}");
    let mut world = aws.world().take();
    complete_drain(&mut world, "CONTINUE");
    world.advance_seconds(200);
    let told = world.describe_instance_refreshes("hosts", None, None).unwrap().items;
    assert_eq!((told[0].status, told[0].ended_at.is_some(), told[0].instances), ("Successful", true, 1));
    assert_eq!(versions(&world), [2], "the newest launch template");
    world.instance_refresh("hosts", 0).unwrap();
    let first = world.describe_instance_refreshes("hosts", Some(1), None).unwrap();
    assert_eq!((first.items[0].number, first.items[0].status), (2, "InProgress"));
    let token = first.next.map(|token| token.0);
    let last = world.describe_instance_refreshes("hosts", Some(1), token.as_deref()).unwrap();
    assert_eq!((last.items[0].number, last.next), (1, None));
}

/// A caller that loses the answer does not know whether it was done.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_took_effect() {
    let (world, hosts) = world_of_hosts(3);
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    aws.world().faults(|faults| faults.plant_on_all(When::Always, Fault::AnswerLost));
    aws.terminate_and_decrement("hosts", &hosts[0]).await.unwrap_err();
    assert_eq!(aws.world().with(|world| world.desired_capacity("hosts")), Some(2));
    aws.set_desired_capacity("hosts", 4).await.unwrap_err();
    assert_eq!(aws.world().with(|world| world.desired_capacity("hosts")), Some(4));
    aws.world().faults(|faults| {
        faults.clear();
        faults.plant(Operation::SetDesiredCapacity, When::Always, Fault::Throttled);
    });
    aws.set_desired_capacity("hosts", 5).await.unwrap_err();
    assert_eq!(aws.world().with(|world| world.desired_capacity("hosts")), Some(4));
}

#[test]
fn the_wire_takes_what_the_ports_do() {
    let (world, hosts) = world_of_hosts(3);
    let face = face(world);
    let decrement = ("ShouldDecrementDesiredCapacity", "true");
    let terminate = [("Action", "TerminateInstanceInAutoScalingGroup"), ("InstanceId", hosts[0].as_str())];
    let told = auto_scaling(&face, &[terminate[0], terminate[1], decrement]).body;
    assert!(told.contains("<StatusCode>MidTerminatingLifecycleAction</StatusCode>"), "{told}");
    let set = [("Action", "SetDesiredCapacity"), ("AutoScalingGroupName", "hosts")];
    let told = auto_scaling(&face, &[set[0], set[1], ("DesiredCapacity", "3"), ("HonorCooldown", "false")]);
    assert!(!told.body.contains("Result"), "{}", told.body);
    assert_eq!(face.world().with(|world| world.desired_capacity("hosts")), Some(3));
    for refused in [
        vec![terminate[0], terminate[1]],
        vec![terminate[0], ("InstanceId", "no id"), decrement],
        vec![set[0], set[1], ("DesiredCapacity", "many")],
        vec![set[0], set[1], ("DesiredCapacity", "3"), ("HonorCooldown", "perhaps")],
        vec![terminate[0], ("InstanceIds.member.1", hosts[1].as_str()), decrement],
    ] {
        let told = auto_scaling(&face, &refused).body;
        assert!(told.contains("<Code>ValidationError</Code>"), "{refused:?}: {told}");
    }
    face.world().with(|world| world.instance_refresh("hosts", 50)).unwrap();
    let told = auto_scaling(&face, &[("Action", "DescribeInstanceRefreshes"), set[1]]).body;
    assert!(told.contains("<Status>InProgress</Status>"), "{told}");
}
