//! One process, look by look: a cold invocation, and warm ones.

use std::thread;
use std::time::Duration;

use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{SharedWorld, World};
use fleetkeeper_tests::Error;
use fleetkeeper_tests::repository::sample_event;
use serde_json::{Value, json};

use crate::cloud_watch::CloudWatch;
use crate::cluster::{Calls, Cluster};
use crate::function::{Function, MEMORY_SIZE, Package};
use crate::runtime_api::RuntimeApi;

/// The pace of the calculator's reads: so many at once, then one after each interval.
const AT_ONCE: u32 = 50;
const INTERVAL: Duration = Duration::from_millis(100);

/// What was measured of one process.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) started_in: Duration,
    /// The most memory before the first event.
    pub(crate) peak_kib: u64,
    pub(crate) cold: Look,
    /// In their order.
    pub(crate) warm: Vec<Look>,
}

/// An invocation, and what there has been by its end.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) took: Duration,
    pub(crate) on_cpu: Duration,
    pub(crate) peak_kib: u64,
    pub(crate) ecs_calls: u32,
}

/// What an invocation needs around it.
struct Stage {
    cluster: Cluster,
    ecs: Face,
    cloud_watch: CloudWatch,
    lambda: RuntimeApi,
    function: Function,
    event: Value,
}

/// Measures a process of its own on a cluster: a cold invocation, and so many warm ones.
pub(crate) fn measure(package: &Package, cluster: Cluster, warm: u32) -> Result<Measured, Error> {
    let ecs = Face::start(SharedWorld::in_real_time(cluster.world()?))?;
    let (cloud_watch, lambda) = (CloudWatch::start()?, RuntimeApi::start()?);
    let function = Function::start(package, &lambda, &ecs.url(), &cloud_watch)?;
    let event = sample_event("scheduled-event.json")?;
    let stage = Stage { cluster, ecs, cloud_watch, lambda, function, event };

    let peak_kib = stage.function.peak_kib()?;
    let cold = stage.look(true)?;
    // What one look takes of the calculator's pace is back for the next.
    let pause = INTERVAL * AT_ONCE.min(cluster.paced_reads());
    let warm = (0..warm).map(|_| {
        thread::sleep(pause);
        stage.look(false)
    });
    let warm = warm.collect::<Result<_, _>>()?;
    Ok(Measured { started_in: stage.function.started_in, peak_kib, cold, warm })
}

impl Stage {
    /// One invocation.
    fn look(&self, cold: bool) -> Result<Look, Error> {
        let (calls_before, cpu_before) = (self.calls(), self.function.on_cpu()?);
        let (took, answer) = self
            .lambda
            .invoke(&self.event)
            .map_err(|error| format!("{error}\n{}", self.function.output()))?;
        let on_cpu = self.function.on_cpu()?.saturating_sub(cpu_before);
        let mut calls = self.calls();
        for (operation, count) in &mut calls {
            *count -= calls_before.get(operation).unwrap_or(&0);
        }
        calls.retain(|_, count| *count > 0);
        let due = self.cluster.calls(cold);
        if calls != due {
            return Err(format!("it called {calls:?} in place of {due:?}").into());
        }
        if answer.get("activeHosts") != Some(&json!(self.cluster.hosts)) {
            return Err(format!("it does not tell of all hosts: {answer}").into());
        }
        let peak_kib = self.function.peak_kib()?;
        if peak_kib > MEMORY_SIZE * 1024 {
            return Err(format!("it took {peak_kib} KiB, more than {MEMORY_SIZE} MiB").into());
        }
        calls.remove(&Operation::PutMetricData);
        Ok(Look { took, on_cpu, peak_kib, ecs_calls: calls.values().sum() })
    }

    /// How often each operation was called so far.
    fn calls(&self) -> Calls {
        let mut calls = self.ecs.world().with(|world: &mut World| world.history().api_calls());
        calls.insert(Operation::PutMetricData, self.cloud_watch.puts());
        calls
    }
}
