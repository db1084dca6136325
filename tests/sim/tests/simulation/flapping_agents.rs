//! Agents that disconnect and connect again on their own.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::{FlappingAgents, Service, World};

use crate::scene::{arn_of, described, start, tasks_on, two_hosts_with_web, web, world_of_hosts};

fn flapping() -> FlappingAgents {
    FlappingAgents { every_seconds: 900, for_seconds: 20, until: start() + TimeDelta::hours(2), seed: 1 }
}

/// When each host's agent came and went.
fn flaps(world: &World) -> BTreeMap<String, Vec<(DateTime<Utc>, bool)>> {
    let mut flaps = BTreeMap::<_, Vec<_>>::new();
    for entry in world.history().entries() {
        if let Occurrence::AgentConnected { container_instance, connected } = &entry.what {
            flaps.entry(container_instance.0.clone()).or_default().push((entry.at, *connected));
        }
    }
    flaps
}

#[test]
fn each_host_flaps_in_turns_of_its_own_until_it_is_over() {
    let (mut world, _) = world_of_hosts(5);
    world.flap_agents("demo", flapping()).unwrap();
    world.advance_seconds(600);
    world.launch_now("hosts").unwrap();
    world.take_outbox();
    world.advance_seconds(20_000);
    let flaps = flaps(&world);
    assert_eq!(flaps.len(), 6, "those of hosts to come, too");
    let mut firsts: Vec<DateTime<Utc>> = Vec::new();
    for of_host in flaps.values() {
        assert!(of_host.len() >= 14, "every quarter of an hour: {of_host:?}");
        assert!(of_host.iter().all(|(at, connected)| *connected || *at < flapping().until));
        for pair in of_host.windows(2) {
            let apart = (pair[1].0 - pair[0].0).num_seconds();
            assert_eq!(
                (pair[0].1, pair[1].1, apart),
                if pair[0].1 { (true, false, 880) } else { (false, true, 20) }
            );
        }
        assert_eq!(of_host.last().map(|(_, connected)| *connected), Some(true));
        firsts.push(of_host[0].0);
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 3, "{firsts:?}");
    assert_eq!(world.next_transition(), None);
    // Each time is an event.
    let told: usize =
        world.take_outbox().iter().filter_map(fleetkeeper_sim::world::outbox::Emission::event).count();
    assert!(told >= 60, "{told}");
}

#[test]
fn tasks_live_on_through_flaps_and_a_service_stays_as_it_is() {
    let (mut world, hosts) = two_hosts_with_web(100, 200);
    let before: Vec<_> = hosts.iter().map(|host| tasks_on(&world, host, "RUNNING")).collect();
    world.flap_agents("demo", flapping()).unwrap();
    world.advance_seconds(10_000);
    assert_eq!(before, hosts.iter().map(|host| tasks_on(&world, host, "RUNNING")).collect::<Vec<_>>());
    assert!(world.is_steady("demo", "web"));
}

#[test]
fn an_agent_that_somebody_disconnected_stays_so() {
    let (mut world, hosts) = world_of_hosts(2);
    world.flap_agents("demo", flapping()).unwrap();
    world.set_agent_connected("demo", &hosts[0], false).unwrap();
    world.advance_seconds(10_000);
    assert!(!described(&world, &hosts[0]).agent_connected);
    assert_eq!(flaps(&world)[&arn_of(&world, &hosts[0]).0].len(), 1);

    // The same in the middle of a flap.
    let (mut world, hosts) = world_of_hosts(1);
    world.flap_agents("demo", flapping()).unwrap();
    while described(&world, &hosts[0]).agent_connected {
        world.advance_seconds(1);
    }
    world.set_agent_connected("demo", &hosts[0], false).unwrap();
    world.advance_seconds(10_000);
    assert!(!described(&world, &hosts[0]).agent_connected);
}

#[test]
fn the_same_seed_gives_the_same_flaps() {
    let run = |seed, step: u32| {
        let (mut world, _) = world_of_hosts(4);
        world.create_service("demo", Service::new("web", 6, web())).unwrap();
        world.flap_agents("demo", FlappingAgents { seed, ..flapping() }).unwrap();
        (0..9_000 / step).for_each(|_| world.advance_seconds(step));
        world.history().to_string()
    };
    assert_eq!(run(1, 1), run(1, 900));
    assert_ne!(run(1, 900), run(2, 900));
}
