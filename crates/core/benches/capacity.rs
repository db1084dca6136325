//! How long the figures of capacity take, by the number of hosts: `make bench`.
//!
//! The work should grow as the hosts do and no faster: what criterion gives as `thrpt`, hosts a second, is not to fall
//! with every step. At ten hosts `discover` has fewer, as each task definition costs something, whatever the number of
//! hosts. It is the computation alone: what AWS takes to answer comes on top.

#![expect(clippy::expect_used, reason = "of a cluster that is made up wrongly, no time is worth anything")]
#![expect(clippy::indexing_slicing, reason = "an index modulo the length")]

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use fleetkeeper_core::capacity::{Demanded, Given, Wanted, discover, figures};
use fleetkeeper_core::container_instance::{
    ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Port, Resources,
};
use fleetkeeper_core::task::TaskDefinitionArn;
use fleetkeeper_core::task_needs::TaskNeeds;

const HOSTS: [usize; 4] = [10, 100, 1_000, 5_000];
const DEFINITIONS: usize = 200;

/// Instance type, CPU units, MiB, GPUs.
const SIZES: [(&str, u64, u64, u32); 5] = [
    ("c5.large", 2_048, 3_743, 0),
    ("m5.xlarge", 4_096, 15_699, 0),
    ("g4dn.xlarge", 4_096, 15_544, 1),
    ("r5.xlarge", 4_096, 31_600, 0),
    ("m5.2xlarge", 8_192, 31_631, 0),
];
/// Those that the agent keeps for itself.
const AGENT_PORTS: [u16; 5] = [22, 2375, 2376, 51678, 51679];
/// Those that task definitions name.
const TASK_PORTS: [u16; 5] = [80, 443, 8080, 8443, 9090];

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
        let found = discover(&Given::default(), definitions.clone(), cluster);
        let worst = found.worst_case.expect("most of them fit on some host");
        let wanted = Wanted { services: 200, desired_tasks: 1_000, missing_tasks: 3 };
        group.throughput(per_host(cluster));
        group.bench_function(BenchmarkId::from_parameter(cluster.len()), |bencher| {
            bencher.iter(|| {
                figures(black_box(cluster), black_box(&worst), wanted).expect("it fits on some host")
            });
        });
    }
    group.finish();
    criterion.final_summary();
}

fn per_host(cluster: &[ContainerInstance]) -> Throughput {
    Throughput::Elements(u64::try_from(cluster.len()).expect("a few thousand"))
}

/// A host by its number. Ten in a row hold one that is draining, one that is disconnected, empty ones and full ones, on
/// all sizes; so clusters of ten and of five thousand are alike but for their number.
fn host(number: usize) -> ContainerInstance {
    let ten = number / 10;
    let (instance_type, cpu, memory, gpus) = pick(&SIZES, number + ten);
    let quarters_taken = pick(&[0, 4, 1, 2, 3, 2, 1, 3, 4, 0], number);
    let ports_taken = pick(&[0, 2, 0, 1, 1, 0, 1, 0, 3, 0], number);
    let agents = ports(&AGENT_PORTS);
    let tasks = ports((0..ports_taken).map(|port| &TASK_PORTS[(port + ten) % TASK_PORTS.len()]));
    let running_tasks = 2 * quarters_taken;
    let left = 4 - u64::from(quarters_taken);
    ContainerInstance {
        arn: ContainerInstanceArn(format!(
            "arn:aws:ecs:us-east-1:111122223333:container-instance/demo/{number:032x}"
        )),
        ec2_instance_id: format!("i-{number:017x}"),
        status: if number % 10 == 7 {
            ContainerInstanceStatus::Draining
        } else {
            ContainerInstanceStatus::Active
        },
        agent_connected: number % 10 != 3,
        running_tasks,
        pending_tasks: 0,
        registered: Resources {
            cpu: CpuUnits(cpu),
            memory: Mib(memory),
            tcp_ports_taken: agents.clone(),
            udp_ports_taken: BTreeSet::new(),
            gpus,
        },
        remaining: Resources {
            cpu: CpuUnits(cpu * left / 4),
            memory: Mib(memory * left / 4),
            tcp_ports_taken: &agents | &tasks,
            udp_ports_taken: tasks,
            gpus: if left == 0 { 0 } else { gpus },
        },
        instance_type: Some(instance_type.to_owned()),
        trunked: number.is_multiple_of(2),
        network_interfaces: Some(running_tasks / 2),
        version: 1,
    }
}

/// A service's task definition by its number: of every fifty, one fits on no host.
fn demanded(number: usize) -> Demanded {
    let (service, every) = (format!("service-{number}"), |nth: usize| number % nth == nth - 1);
    let port = ports(&[pick(&TASK_PORTS, number / 10)]);
    let needs = TaskNeeds {
        cpu: CpuUnits(if every(50) { 16_384 } else { pick(&[0, 128, 256, 512, 1_024], number) }),
        memory: Mib(pick(&[64, 128, 256, 512, 1_024, 2_048, 3_072], number)),
        tcp_ports: if every(4) { port.clone() } else { BTreeSet::new() },
        udp_ports: if every(20) { port } else { BTreeSet::new() },
        network_interface: every(2),
        gpus: u32::from(every(40)),
    };
    Demanded {
        definition: TaskDefinitionArn(format!(
            "arn:aws:ecs:us-east-1:111122223333:task-definition/{service}:1"
        )),
        service,
        needs,
    }
}

fn ports<'a>(numbers: impl IntoIterator<Item = &'a u16>) -> BTreeSet<Port> {
    numbers.into_iter().copied().map(Port).collect()
}

fn pick<T: Copy>(choices: &[T], number: usize) -> T {
    choices[number % choices.len()]
}
