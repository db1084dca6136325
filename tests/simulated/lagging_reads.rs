//! Reads of ECS that lag, however long, end no drain early.

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::{LaggingReads, Service, World};
use futures_util::future::join_all;

use crate::scene::{CLUSTER, GROUP, Scene, first, two_hosts_with, web, world_of_hosts};

const DRAINED: &str = "drained: every task on the instance has stopped";

/// Half of the reads lag.
fn lag((mut world, hosts): (World, Vec<Ec2InstanceId>), seconds: u32, separately: bool, seed: u64) -> Scene {
    let until = world.now() + TimeDelta::hours(5);
    world.lag_reads(LaggingReads {
        lag_seconds: seconds,
        each_by_its_own: separately,
        share_per_mille: 500,
        until,
        seed,
    });
    Scene::new((world, hosts))
}

async fn drained_under_a_lag_of(seconds: u32) {
    for separately in [true, false] {
        for seed in 0..60 {
            let world = two_hosts_with(Service::new("web", 4, web().deregistration_delay(60)), 900);
            let scene = lag(world, seconds, separately, seed);
            let (answer, _) = scene.see_through(&scene.terminate(0)).await;
            assert_eq!(first(&answer)["reason"], DRAINED, "{separately} {seed}");
            assert_eq!(scene.killed(), 0, "{separately} {seed}");
            scene.assert_all_drained(1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_ten_seconds_kill_no_task() {
    drained_under_a_lag_of(10).await;
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_twenty_seconds_kill_no_task() {
    drained_under_a_lag_of(20).await;
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_half_a_minute_kill_no_task() {
    drained_under_a_lag_of(30).await;
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_a_minute_kill_no_task() {
    drained_under_a_lag_of(60).await;
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_kill_no_task_of_many_hosts_either() {
    for seconds in [4, 10, 30, 60] {
        for seed in 0..10 {
            let (mut world, mut hosts) = world_of_hosts(28, 900);
            hosts.sort();
            world.create_service(CLUSTER, Service::new("web", 28, web().deregistration_delay(60))).unwrap();
            world.advance_seconds(60);
            world.take_outbox();
            let scene = lag((world, hosts), seconds, true, seed);
            scene.world(|world| world.terminate_instances(GROUP, &scene.hosts[..12], true).unwrap());
            let notices = scene.sent();
            join_all(notices.iter().map(|notice| scene.see_through_beside_others(notice))).await;
            assert_eq!(scene.killed(), 0, "{seconds} {seed}");
            scene.assert_all_drained(12);
        }
    }
}
