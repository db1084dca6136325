//! A drain reads no more than its share.

use fleetkeeper_sim::Service;
use fleetkeeper_sim::world::Operation;

use crate::scene::{Scene, two_hosts_with, web};

#[tokio::test(start_paused = true)]
async fn a_wait_costs_one_read_a_poll() {
    let slow = web().deregistration_delay(300);
    let scene = Scene::new(two_hosts_with(Service::new("web", 4, slow), 600));
    let notice = scene.terminate(0);
    let began = scene.aws.world().now();
    scene.see_through(&notice).await;

    let reads = [
        Operation::ListContainerInstances,
        Operation::DescribeContainerInstances,
        Operation::ListTasks,
        Operation::DescribeTasks,
    ];
    let reads: u32 = reads.into_iter().map(|operation| scene.calls(operation)).sum();
    // The tasks are stopping for most of the time, and are polled every two seconds.
    let polls = u32::try_from((scene.ends()[0].0 - began).num_seconds() / 2).unwrap();
    assert!(polls > 160);
    // Finding it, setting it DRAINING and the confirming round; once a minute whether the instance is still there; and for
    // the first diagnosis whether there is room elsewhere.
    assert!(reads <= polls + 5 + 6 + 2, "{reads} reads in {polls} polls");
    scene.assert_all_drained(1);
}
