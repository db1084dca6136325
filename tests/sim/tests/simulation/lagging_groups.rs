//! Reads of groups that lag: an older capacity, an older list of instances, an older activity.

use chrono::TimeDelta;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{LaggingGroupReads, World};

use crate::scene::{complete_drain, start, state, world_of_hosts};

fn lagging(share_per_mille: u32) -> LaggingGroupReads {
    let until = start() + TimeDelta::hours(10);
    LaggingGroupReads { lag_seconds: 10, share_per_mille, until, seed: 1 }
}

/// The desired capacity and the instances in service, as a call from outside finds them.
fn read(world: &mut World) -> (u32, usize) {
    let groups = world.serve(Operation::DescribeAutoScalingGroups, |world| {
        Ok(world.describe_auto_scaling_groups(&["hosts".to_owned()]))
    });
    let group = groups.unwrap().remove(0);
    let in_service = group.instances.iter().filter(|it| it.state.as_str() == "InService").count();
    (group.desired_capacity, in_service)
}

/// The ends of the group's activities, as a call from outside finds them.
fn ended(world: &mut World) -> usize {
    let page = world.serve(Operation::DescribeScalingActivities, |world| {
        world.describe_scaling_activities("hosts", None, None)
    });
    page.unwrap().items.iter().filter(|activity| activity.ended_at.is_some()).count()
}

#[test]
fn a_read_shows_what_was_true_within_the_lag_and_each_has_its_own() {
    let (mut world, hosts) = world_of_hosts(3);
    world.advance_seconds(60);
    world.lag_group_reads(lagging(1000));
    world.advance_seconds(60);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let mut older_after_newer = false;
    let mut last = (3, 3);
    for _ in 0..20 {
        world.advance_to(world.now() + TimeDelta::milliseconds(400));
        let now = read(&mut world);
        assert!([(3, 3), (2, 2)].contains(&now), "{now:?}");
        older_after_newer |= now == (3, 3) && last == (2, 2);
        last = now;
    }
    assert!(older_after_newer);
    world.advance_seconds(10);
    assert_eq!(read(&mut world), (2, 2));
}

#[test]
fn changes_act_on_the_truth_and_so_does_a_read_from_inside() {
    let (mut world, hosts) = world_of_hosts(1);
    world.lag_group_reads(lagging(1000));
    world.advance_seconds(60);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    assert_eq!(state(&world, &hosts[0]), "Terminating:Wait");
    assert_eq!(world.describe_auto_scaling_groups(&[])[0].desired_capacity, 0);
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &hosts[0]), "gone");
}

#[test]
fn an_activity_that_ended_is_read_as_in_progress() {
    let (mut world, hosts) = world_of_hosts(1);
    world.lag_group_reads(lagging(1000));
    world.advance_seconds(60);
    let before = ended(&mut world);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    complete_drain(&mut world, "CONTINUE");
    world.advance_seconds(1);
    assert!((0..20).any(|_| ended(&mut world) == before));
    world.advance_seconds(10);
    assert_eq!(ended(&mut world), before + 1);
}

#[test]
fn reads_that_do_not_lag_and_reads_after_the_lag_are_true() {
    let (mut world, hosts) = world_of_hosts(2);
    world.lag_group_reads(lagging(0));
    world.advance_seconds(60);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    assert_eq!(read(&mut world), (1, 1));
    world.lag_group_reads(LaggingGroupReads { until: world.now() + TimeDelta::seconds(5), ..lagging(1000) });
    world.advance_seconds(5);
    world.terminate_instance("hosts", &hosts[1], true).unwrap();
    assert_eq!(read(&mut world), (0, 0));
}
