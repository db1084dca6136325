//! What the figures of capacity allocate: a cluster of thousands of hosts and hundreds of task
//! definitions is decided on in a function of 256 MiB, each minute.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::indexing_slicing, reason = "an index modulo the length")]

#[path = "../benches/capacity/cluster.rs"]
mod cluster;

use allocation_counter::{AllocationInfo, measure};
use fleetkeeper_core::capacity::{Given, discover, figures};

use cluster::{demanded, host};

/// The allocations of discovering the worst-case container of `definitions` task definitions on
/// `hosts` hosts, and of computing the figures.
fn allocated(hosts: usize, definitions: usize) -> AllocationInfo {
    let hosts: Vec<_> = (0..hosts).map(host).collect();
    let definitions: Vec<_> = (0..definitions).map(demanded).collect();
    measure(|| {
        let worst = discover(&Given::default(), definitions, &hosts).unwrap();
        figures(&hosts, &worst).unwrap();
    })
}

#[test]
fn what_more_hosts_take_does_not_depend_on_the_number_of_task_definitions() {
    let (few, many) = (100, 400);
    let more_hosts =
        |definitions| allocated(5_000, definitions).bytes_total - allocated(500, definitions).bytes_total;
    assert_eq!(more_hosts(few), more_hosts(many));
}

#[test]
fn nothing_is_allocated_for_each_host() {
    let (few, many) = (allocated(500, 200), allocated(5_000, 200));
    // Lists of all hosts grow by doubling: ten times the hosts are four steps more.
    assert!(many.count_total <= few.count_total + 30, "{few:?}, {many:?}");
    assert!(many.bytes_max <= 5_000 * 100 + few.bytes_max, "{few:?}, {many:?}");
}
