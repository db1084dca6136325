//! A drain reads no more than its share.

use std::time::Duration;

use fleetkeeper_sim::Service;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::Occurrence;
use futures_util::future::join_all;

use crate::scene::{CLUSTER, GROUP, Scene, two_hosts_with, web, world_of_hosts};

const READS: [Operation; 4] = [
    Operation::ListContainerInstances,
    Operation::DescribeContainerInstances,
    Operation::ListTasks,
    Operation::DescribeTasks,
];

#[tokio::test(start_paused = true)]
async fn a_wait_costs_one_read_per_poll() {
    let slow = web().deregistration_delay(300);
    let scene = Scene::new(two_hosts_with(Service::new("web", 4, slow), 600));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    scene.see_through(&notice).await;

    let reads: u32 = READS.into_iter().map(|operation| scene.calls(operation)).sum();
    // The tasks are stopping for most of the time, and are polled every two seconds.
    let polls = u32::try_from((scene.ends()[0].0 - began).num_seconds() / 2).unwrap();
    assert!(polls > 160);
    // Further reads find it, set it DRAINING and confirm. Others check every five minutes that the
    // instance is still there.
    assert!(reads <= polls + 5 + 1, "{reads} reads in {polls} polls");
    scene.assert_all_drained(1);
}

#[tokio::test(start_paused = true)]
async fn many_drains_stay_within_their_share_though_their_group_could_not_be_read_for_a_minute() {
    // It can be read, cannot be read for a minute, and for ten.
    for outage in [0, 65, 600] {
        let (mut world, mut hosts) = world_of_hosts(110, 900);
        hosts.sort();
        let slow = web().deregistration_delay(300);
        world.create_service(CLUSTER, Service::new("web", 110, slow)).unwrap();
        world.advance_seconds(120);
        world.take_outbox();
        let scene = Scene::new((world, hosts));
        let began = scene.aws.world().now();
        let failing = When::Between(began, began + Duration::from_secs(outage));
        scene.plant(Operation::DescribeAutoScalingGroups, failing, Fault::Throttled);
        scene.world(|world| world.terminate_instances(GROUP, &scene.hosts[..50], true).unwrap());
        let notices = scene.sent();
        join_all(notices.iter().map(|notice| scene.see_through_beside_others(notice))).await;
        scene.assert_all_drained(50);

        let reads: Vec<i64> = scene.world(|world| {
            let calls = world.history().entries().iter().filter(|entry| {
                matches!(&entry.what, Occurrence::ApiCalled { operation, .. } if READS.contains(operation))
            });
            calls.map(|call| (call.at - began).num_seconds()).collect()
        });
        // Half of the rate, 10 a second, and half of the burst.
        let most =
            (0..600).map(|from| reads.iter().filter(|at| (from..from + 10).contains(*at)).count()).max();
        assert!(most <= Some(10 * 10 + 50), "outage of {outage} s: {most:?} reads in ten seconds");
    }
}
