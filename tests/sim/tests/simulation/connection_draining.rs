//! Groups behind a load balancer: connections drain before the hooks run.

use fleetkeeper_sim::world::history::Occurrence;

use crate::groups::notices;
use crate::scene::{complete_drain, state, world_of_group, world_of_hosts};

fn status_codes(world: &fleetkeeper_sim::World) -> Vec<(&'static str, u32)> {
    let page = world.describe_scaling_activities("hosts", None, None).unwrap();
    page.items.iter().map(|activity| (activity.status_code, activity.progress)).collect()
}

#[test]
fn the_hook_opens_its_action_once_the_connections_have_drained() {
    let mut world = world_of_group(|group| group.connection_draining(300));
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, true).unwrap();
    assert_eq!(state(&world, &host), "Terminating");
    assert_eq!(status_codes(&world)[0], ("WaitingForELBConnectionDraining", 50));
    // A second call changes nothing.
    world.terminate_instance("hosts", &host, false).unwrap();
    world.advance_seconds(299);
    assert!(notices(&mut world).is_empty());
    world.advance_seconds(1);
    assert_eq!(state(&world, &host), "Terminating:Wait");
    assert_eq!(status_codes(&world)[0], ("MidTerminatingLifecycleAction", 60));
    let notice = notices(&mut world).remove(0);
    assert_eq!(notice["Time"], "2026-11-22T10:05:00.000Z");
    // The heartbeat timeout begins with the action.
    world.advance_seconds(599);
    assert_eq!(state(&world, &host), "Terminating:Wait");
    complete_drain(&mut world, "CONTINUE");
    assert_eq!(state(&world, &host), "gone");
}

#[test]
fn an_instance_that_is_lost_meanwhile_opens_no_action() {
    let mut world = world_of_group(|group| group.connection_draining(300));
    let host = world.launch_now("hosts").unwrap();
    world.terminate_instance("hosts", &host, true).unwrap();
    world.lose_instance("hosts", &host).unwrap();
    world.advance_seconds(600);
    let opened = |what: &Occurrence| matches!(what, Occurrence::ActionOpened { .. });
    assert!(!world.history().entries().iter().any(|entry| opened(&entry.what)));
}

#[test]
fn a_group_shows_whether_it_has_a_load_balancer() {
    let of = |world: &fleetkeeper_sim::World| world.describe_auto_scaling_groups(&[])[0].has_load_balancer;
    assert!(of(&world_of_group(|group| group.connection_draining(0))));
    assert!(!of(&world_of_hosts(1).0));
}
