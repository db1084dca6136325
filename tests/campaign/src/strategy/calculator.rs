//! The capacity-calculator, in a third of all histories: it costs the most.

use proptest::option::weighted;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;

use crate::scenario::{CalculatorPlan, ClusterPlan, HeadroomPlan};

/// Its settings, except those that depend on the clusters.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    plan: CalculatorPlan,
    /// Otherwise the worst-case container is the largest of the services' tasks.
    worst_case: Option<(u64, u64)>,
    even_if_large: bool,
}

pub(super) fn calculator() -> impl Strategy<Value = Option<Drawn>> {
    weighted(0.33, drawn())
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let port = weighted(0.2, prop_oneof![Just(80_u16), 1024_u16..=49_151]);
    let worst_case = weighted(0.3, (0_u64..=4096, 1_u64..=8192));
    let woken = (proptest::bool::weighted(0.7), proptest::bool::weighted(0.5), any::<bool>());
    let function = (10_u32..=60, at_once(), proptest::bool::weighted(0.33));
    (worst_case, port, function, woken, proptest::bool::weighted(0.1)).prop_map(|drawn| {
        let (worst_case, tcp_port, function, (scheduled, on_events, scales), even_if_large) = drawn;
        let (timeout_seconds, reserved_concurrency, discovers) = function;
        let (cpu, memory) = worst_case.unwrap_or_default();
        let plan = CalculatorPlan {
            timeout_seconds,
            cpu,
            memory,
            tcp_port,
            scheduled,
            on_events,
            scales,
            discovers,
            reserved_concurrency,
            headroom: HeadroomPlan::One,
            direct: None,
        };
        Drawn { plan, worst_case, even_if_large }
    })
}

/// Its reserved concurrency: mostly the template's.
fn at_once() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![4 => Just(Some(1)), 1 => Just(None)]
}

/// From here on an event each change costs too much to be played often.
const LARGE_HOSTS: u32 = 60;

impl Drawn {
    pub(super) fn of(self, clusters: &[ClusterPlan]) -> CalculatorPlan {
        let hosts: u32 = clusters.iter().flat_map(|cluster| &cluster.groups).map(|group| group.hosts).sum();
        let (cpu, memory) = self.worst_case.unwrap_or_else(|| largest(clusters));
        let on_events = self.plan.on_events && (hosts <= LARGE_HOSTS || self.even_if_large);
        CalculatorPlan { cpu, memory, on_events, ..self.plan }
    }
}

/// The largest of the services' tasks, in CPU and in memory each.
fn largest(clusters: &[ClusterPlan]) -> (u64, u64) {
    let tasks = || clusters.iter().flat_map(|cluster| &cluster.services).map(|service| &service.task);
    let cpu = tasks().map(|task| task.cpu).max().unwrap_or(256);
    let memory = tasks().map(|task| task.memory).max().unwrap_or(512);
    (cpu, memory)
}
