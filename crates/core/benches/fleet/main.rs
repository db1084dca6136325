//! How long it takes to decide what groups are missing and can lose, by the number of hosts:
//! `make bench`.
//!
//! Two hundred kinds of tasks, twenty groups, ten tasks a host. The work should grow as the hosts
//! do and no faster: what criterion gives as `thrpt`, hosts a second, should not fall with every
//! step. Reading AWS comes on top.

#![expect(clippy::expect_used, reason = "of a cluster that is built wrongly, no time is worth anything")]
#![expect(clippy::indexing_slicing, reason = "an index modulo the length")]
#![expect(clippy::print_stdout, reason = "how much is planned says what the times are of")]

mod cluster;

use std::hint::black_box;

use chrono::TimeDelta;
use criterion::{BenchmarkId, Criterion, Throughput};
use fleetkeeper_core::fleet::{
    Direct, DirectSettings, Fleet, Headroom, MaxDraining, Memory, ScalingMemory, Snapshot,
};

const HOSTS: [usize; 3] = [100, 1_000, 5_000];

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("decide");
    for hosts in HOSTS {
        let snapshot = cluster::cluster(hosts);
        let mut memory = Memory::default();
        memory.observe(&snapshot);
        group.throughput(Throughput::Elements(u64::try_from(hosts).expect("a few thousand")));
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter(|| Fleet::new(black_box(&snapshot), &memory, Headroom::One).decide());
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("scale");
    for hosts in HOSTS {
        let snapshot = cluster::cluster(hosts);
        let mut memory = Memory::default();
        memory.observe(&snapshot);
        // Long after the last scale-out, or there would be no plan.
        let mut scaling = ScalingMemory::default();
        for minutes in [60, 1] {
            let began = snapshot.began - TimeDelta::minutes(minutes);
            scaling.observe(&Snapshot { began, groups: snapshot.groups.clone(), ..Snapshot::default() });
        }
        let refreshes = snapshot.groups.iter().map(|group| (group.name.clone(), None)).collect();
        let settings =
            DirectSettings { scale_in_after: TimeDelta::minutes(5), max_draining: MaxDraining::default() };
        let direct = Direct { settings, memory: &scaling, refreshes: &refreshes };
        let fleet = Fleet::new(&snapshot, &memory, Headroom::One);
        let decision = fleet.decide();
        let planned = fleet.scale(&decision, &direct).groups;
        let planned: usize = planned.iter().map(|group| group.removable.len()).sum();
        println!("{planned} of {hosts} hosts are planned to be removed");
        group.throughput(Throughput::Elements(u64::try_from(hosts).expect("a few thousand")));
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter(|| fleet.scale(black_box(&decision), &direct));
        });
    }
    group.finish();
    criterion.final_summary();
}
