//! How fast a cluster follows what its services want.

use fleetkeeper_sim::{PlacementMode, Service};

use super::{CLUSTER, ClosedLoop, group, task, world};

/// The goal by alarms: from 2 tasks to 150 in less than eight minutes, with launches of 90 s.
#[tokio::test(start_paused = true)]
async fn from_two_tasks_to_a_hundred_and_fifty_in_less_than_eight_minutes() {
    let mut world = world(PlacementMode::Random);
    world.add_group(group("hosts", 2048, 7700, 200));
    (0..2).for_each(|_| drop(world.launch_now("hosts").unwrap()));
    world.create_service(CLUSTER, Service::new("web", 2, task("web", 1000, 1000))).unwrap();
    world.advance_seconds(60);
    let it = ClosedLoop::new(world, &["hosts"], "one");
    it.minutes(3).await;
    it.with(|world| world.set_desired_count(CLUSTER, "web", 150)).unwrap();
    for minute in 1..=8 {
        it.minute().await;
        if it.running("web") == 150 {
            assert!(minute < 8, "{minute} minutes");
            return;
        }
    }
    panic!("{} of 150 tasks after eight minutes, {} hosts", it.running("web"), it.desired("hosts"));
}

/// And back, without a task that loses its place.
#[tokio::test(start_paused = true)]
async fn hosts_that_are_not_needed_are_removed_and_nothing_waits_meanwhile() {
    for mode in [PlacementMode::SpreadOverZones, PlacementMode::Random, PlacementMode::BinpackMemory] {
        let mut world = world(mode);
        world.add_group(group("hosts", 2048, 7700, 200));
        (0..20).for_each(|_| drop(world.launch_now("hosts").unwrap()));
        world.create_service(CLUSTER, Service::new("web", 40, task("web", 1000, 1000))).unwrap();
        world.advance_seconds(60);
        let it = ClosedLoop::new(world, &["hosts"], "one");
        it.with(|world| world.set_desired_count(CLUSTER, "web", 10)).unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let mut before = it.desired("hosts");
        for _ in 0..240 {
            let groups = it.minute().await;
            let now = it.desired("hosts");
            assert!(now <= before, "{mode:?}: grew from {before} to {now} while it shrank");
            assert_eq!(groups[0].decision.missing.units, Some(0), "{mode:?}: {groups:?}");
            before = now;
        }
        assert!(
            (6..=7).contains(&before),
            "{mode:?}: {before} hosts for ten tasks and one more, of which two fit on one"
        );
    }
}
