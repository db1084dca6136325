//! Groups of several types and zones, capacity units, protected instances, suspended processes,
//! hosts that never join.

use std::collections::BTreeMap;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::world::auto_scaling::describe::DescribedGroup;
use fleetkeeper_sim::world::auto_scaling::mixed_instances::MixedInstances;
use fleetkeeper_sim::world::auto_scaling::processes::ScalingProcess;
use fleetkeeper_sim::{
    AdjustmentType, AutoScalingGroup, InstanceType, StepAdjustment, StepScalingPolicy, World,
};

use crate::scene::{described, world_of_group};

fn small() -> InstanceType {
    InstanceType::new("c5.large", 2048, 3767)
}

fn large() -> InstanceType {
    InstanceType::new("c5.2xlarge", 8192, 15_500)
}

fn weighing() -> MixedInstances {
    MixedInstances::weighing(&[(small(), 1), (large(), 4)])
}

fn group(world: &World) -> DescribedGroup {
    world.describe_auto_scaling_groups(&["hosts".to_owned()]).remove(0)
}

/// The types of the instances that are not on their way out, and how many there are of each.
fn types(world: &World) -> BTreeMap<String, usize> {
    let mut types = BTreeMap::new();
    for instance in group(world).instances.into_iter().filter(|instance| instance.state.counts()) {
        *types.entry(instance.instance_type).or_default() += 1;
    }
    types
}

fn ids(world: &World) -> Vec<Ec2InstanceId> {
    group(world).instances.into_iter().filter(|it| it.state.counts()).map(|it| it.id).collect()
}

fn map(types: &[(&str, usize)]) -> BTreeMap<String, usize> {
    types.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn types_take_turns_or_are_drawn() {
    let mut world = world_of_group(|group| group.mixed_instances(MixedInstances::of(&[small(), large()])));
    world.set_desired_capacity("hosts", 5).unwrap();
    assert_eq!(types(&world), map(&[("c5.2xlarge", 2), ("c5.large", 3)]));
    assert!(group(&world).instances.iter().all(|instance| instance.weighted_capacity.is_none()));
    let drawn = |seed| {
        let mixed = MixedInstances::of(&[small(), large()]).drawn(seed);
        let mut world = world_of_group(|group| group.mixed_instances(mixed));
        world.set_desired_capacity("hosts", 20).unwrap();
        types(&world)
    };
    assert_eq!(drawn(1), drawn(1));
    assert!((0..10).any(|seed| drawn(seed) != drawn(1)));
}

#[test]
fn a_weighted_group_counts_units_and_never_goes_below_what_it_wants() {
    let mut world = world_of_group(|group| group.mixed_instances(weighing()).sizes(0, 100));
    for desired in [1, 5, 6, 7] {
        world.advance_seconds(1);
        world.set_desired_capacity("hosts", desired).unwrap();
    }
    // 1, 4, 1, 4: the last one overshoots.
    assert_eq!(types(&world), map(&[("c5.2xlarge", 2), ("c5.large", 2)]));
    world.advance_seconds(120);
    let weights: Vec<_> = group(&world).instances.iter().map(|it| it.weighted_capacity).collect();
    assert_eq!(weights.iter().flatten().sum::<u32>(), 10);
    assert!(world.set_desired_capacity("hosts", 101).is_err());

    // The oldest weighs 1. The next oldest weighs 4, which is more than what is too much.
    world.set_desired_capacity("hosts", 6).unwrap();
    assert_eq!(types(&world), map(&[("c5.2xlarge", 2), ("c5.large", 1)]));
    assert_eq!(world.desired_capacity("hosts"), Some(6));
    world.set_desired_capacity("hosts", 5).unwrap();
    assert_eq!(types(&world), map(&[("c5.2xlarge", 1), ("c5.large", 1)]));

    // A termination with decrement is one of all the instance's units.
    let large =
        group(&world).instances.into_iter().find(|it| it.weighted_capacity == Some(4) && it.state.counts());
    world.terminate_instance("hosts", &large.unwrap().id, true).unwrap();
    assert_eq!(world.desired_capacity("hosts"), Some(1));
    assert_eq!(types(&world), map(&[("c5.large", 1)]));
}

#[test]
fn a_weighted_groups_policies_adjust_units() {
    let mut world = world_of_group(|group| group.mixed_instances(weighing()).sizes(0, 100));
    let step = [StepAdjustment::new(Some(0.0), None, 5)];
    world
        .put_scaling_policy("hosts", StepScalingPolicy::new("out", AdjustmentType::ChangeInCapacity, &step))
        .unwrap();
    crate::scaling::alarm_above(&mut world, 0.0, "out");
    crate::scaling::minutes(&mut world, "Load", 1.0, 1);
    assert_eq!(world.desired_capacity("hosts"), Some(5));
    assert_eq!(types(&world), map(&[("c5.2xlarge", 1), ("c5.large", 1)]));
    // Warming capacity counts as part of the step, in units, too.
    crate::scaling::minutes(&mut world, "Load", 1.0, 2);
    assert_eq!(world.desired_capacity("hosts"), Some(5));
}

#[test]
fn launches_go_to_the_emptiest_zone_and_ecs_knows_it() {
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
    let mut world = world_of_group(|group| group.in_zones(&zones));
    world.set_desired_capacity("hosts", 6).unwrap();
    world.advance_seconds(120);
    let mut counts = BTreeMap::new();
    for instance in group(&world).instances {
        let told = described(&world, &instance.id).attributes["ecs.availability-zone"].clone();
        assert_eq!(told.as_deref(), Some(instance.zone.as_str()));
        *counts.entry(instance.zone).or_insert(0) += 1;
    }
    assert_eq!(counts, zones.map(|zone| (zone.to_owned(), 2)).into());
}

#[test]
fn a_protected_instance_is_taken_by_no_scale_in_but_by_a_call() {
    let mut world = world_of_group(AutoScalingGroup::protecting_new_instances);
    world.set_desired_capacity("hosts", 3).unwrap();
    world.advance_seconds(120);
    assert!(group(&world).new_instances_protected);
    assert!(group(&world).instances.iter().all(|instance| instance.protected_from_scale_in));
    world.set_desired_capacity("hosts", 1).unwrap();
    assert_eq!(ids(&world).len(), 3, "all are protected");
    let open = ids(&world).remove(1);
    world.set_instance_protection("hosts", std::slice::from_ref(&open), false).unwrap();
    assert_eq!(ids(&world).len(), 2);
    assert!(!ids(&world).contains(&open));
    let protected = ids(&world).remove(0);
    world.terminate_instance("hosts", &protected, false).unwrap();
    assert!(!ids(&world).contains(&protected));
    let stranger: Ec2InstanceId = "i-00000000000000000".parse().unwrap();
    assert!(world.set_instance_protection("hosts", &[stranger], true).is_err());
}

#[test]
fn a_scale_in_passes_over_a_zone_of_protected_instances() {
    let mut world = world_of_group(|group| group.in_zones(&["us-east-1a", "us-east-1b"]));
    world.set_desired_capacity("hosts", 3).unwrap();
    world.advance_seconds(120);
    let in_zone = |world: &World, zone: &str| {
        let all = group(world).instances.into_iter().filter(|it| it.state.counts() && it.zone == zone);
        all.map(|it| it.id).collect::<Vec<_>>()
    };
    let fullest = in_zone(&world, "us-east-1a");
    assert_eq!(fullest.len(), 2);
    world.set_instance_protection("hosts", &fullest, true).unwrap();
    world.set_desired_capacity("hosts", 2).unwrap();
    assert_eq!((in_zone(&world, "us-east-1a").len(), in_zone(&world, "us-east-1b").len()), (2, 0));
}

#[test]
fn a_suspended_process_does_nothing_until_it_is_resumed() {
    let mut world = world_of_group(|group| group);
    let all = [ScalingProcess::Launch, ScalingProcess::Terminate, ScalingProcess::AlarmNotification];
    world.suspend_processes("hosts", &all).unwrap();
    assert_eq!(group(&world).suspended_processes, all);
    world.set_desired_capacity("hosts", 2).unwrap();
    assert!(ids(&world).is_empty());
    world.resume_processes("hosts", &all[..1]).unwrap();
    assert_eq!(ids(&world).len(), 2);
    world.set_desired_capacity("hosts", 1).unwrap();
    assert_eq!(ids(&world).len(), 2);
    world.resume_processes("hosts", &all[1..2]).unwrap();
    assert_eq!(ids(&world).len(), 1);

    let step = [StepAdjustment::new(Some(0.0), None, 1)];
    let policy = StepScalingPolicy::new("out", AdjustmentType::ChangeInCapacity, &step).warmup(0);
    world.put_scaling_policy("hosts", policy).unwrap();
    crate::scaling::alarm_above(&mut world, 0.0, "out");
    crate::scaling::minutes(&mut world, "Load", 1.0, 3);
    assert_eq!(world.desired_capacity("hosts"), Some(1));
    world.resume_processes("hosts", &all).unwrap();
    crate::scaling::minutes(&mut world, "Load", 1.0, 1);
    assert_eq!(world.desired_capacity("hosts"), Some(2));
}

#[test]
fn hosts_with_broken_user_data_come_in_service_and_never_register() {
    let mut world = world_of_group(|group| group);
    world.set_launches_join("hosts", false).unwrap();
    world.set_desired_capacity("hosts", 1).unwrap();
    world.advance_seconds(120);
    let broken = ids(&world).remove(0);
    world.set_launches_join("hosts", true).unwrap();
    world.set_desired_capacity("hosts", 2).unwrap();
    world.advance_seconds(3600);
    let states: Vec<_> = group(&world).instances.iter().map(|it| it.state.as_str()).collect();
    assert_eq!(states, ["InService", "InService"]);
    let joined: Vec<_> =
        ids(&world).into_iter().filter(|id| world.container_instance_of("demo", id).is_some()).collect();
    assert_eq!(joined.len(), 1);
    assert!(!joined.contains(&broken));
    world.terminate_instance("hosts", &broken, true).unwrap();
}
