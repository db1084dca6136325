//! How long the figures of capacity take, by the number of hosts: `make bench`.
//!
//! The work should grow no faster than the hosts do: criterion's `thrpt`, hosts a second, must not
//! fall with every step. At ten hosts `discover` has fewer, because each task definition costs the
//! same whatever the number of hosts. The benchmark times the computation alone, without the
//! answers of AWS.

#![expect(clippy::expect_used, reason = "of a wrong fixture, no time is worth anything")]
#![expect(clippy::indexing_slicing, reason = "an index modulo the length")]

mod cluster;

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use fleetkeeper_core::capacity::{Given, discover, figures};
use fleetkeeper_core::container_instance::ContainerInstance;

use cluster::{demanded, host};

const HOSTS: [usize; 4] = [10, 100, 1_000, 5_000];
const DEFINITIONS: usize = 200;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let definitions: Vec<_> = (0..DEFINITIONS).map(demanded).collect();
    let clusters = HOSTS.map(|hosts| (0..hosts).map(host).collect::<Vec<_>>());

    let mut group = criterion.benchmark_group("discover");
    for cluster in &clusters {
        group.throughput(per_host(cluster));
        group.bench_function(BenchmarkId::from_parameter(cluster.len()), |bencher| {
            bencher.iter_batched(
                || definitions.clone(),
                |definitions| discover(&Given::default(), definitions, black_box(cluster)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("figures");
    for cluster in &clusters {
        let worst =
            discover(&Given::default(), definitions.clone(), cluster).expect("most of them fit on some host");
        group.throughput(per_host(cluster));
        group.bench_function(BenchmarkId::from_parameter(cluster.len()), |bencher| {
            bencher.iter(|| figures(black_box(cluster), black_box(&worst)).expect("it fits on some host"));
        });
    }
    group.finish();
    criterion.final_summary();
}

fn per_host(cluster: &[ContainerInstance]) -> Throughput {
    Throughput::Elements(u64::try_from(cluster.len()).expect("a few thousand"))
}
