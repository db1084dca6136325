//! The calculator, snapshot by snapshot: a cold invocation, and warm ones.

use std::thread;
use std::time::Duration;

use fleetkeeper_sim::SharedWorld;
use fleetkeeper_tests::Error;
use serde_json::{Value, json};

use crate::aws::{self, Aws, Calls, Changes};
use crate::cluster::{Cluster, NAME};
use crate::environment::Environment;
use crate::package::{Function, Packages, Subject};
use crate::tls::Tls;

/// The pace of the calculator's reads: this many at once, then one after each interval.
const AT_ONCE: u32 = 50;
const INTERVAL: Duration = Duration::from_millis(100);

/// They give the worst-case container, because Python's is fixed in its code.
const VARIABLES: [(&str, &str); 7] = [
    ("ECS_CLUSTER", NAME),
    ("CONTAINER_MAX_CPU", "512"),
    ("CONTAINER_MAX_MEMORY", "1024"),
    ("TCP_PORT_RESOURCES", "none"),
    ("UDP_PORT_RESOURCES", "none"),
    ("CONTAINER_MAX_GPU", "0"),
    ("CONTAINER_USES_ENI", "false"),
];

/// The measurements of one process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) started_in: Duration,
    pub(crate) cold: Snapshot,
    pub(crate) warm: Vec<Snapshot>,
    pub(crate) peak_kib: u64,
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) took: Duration,
    /// The published number of containers that fit.
    pub(crate) container_capacity: Option<i64>,
}

/// A cluster as it is served, for one process after another.
pub(crate) struct Scene {
    cluster: Cluster,
    aws: Aws,
    event: Value,
}

impl Scene {
    pub(crate) fn set(cluster: Cluster, tls: &Tls) -> Result<Self, Error> {
        let (world, event) = cluster.world()?;
        let aws = Aws::start(SharedWorld::in_real_time(world), Changes::Still, tls)?;
        Ok(Self { cluster, aws, event })
    }

    /// Measures a process of its own: a cold invocation, and `warm` warm ones.
    pub(crate) fn measure(&self, packages: &Packages, subject: Subject, warm: u32) -> Result<Process, Error> {
        let what = (subject, Function::CapacityCalculator);
        let environment = Environment::start(packages, what, &self.aws, &VARIABLES)?;
        let cold = self.snapshot(&environment, subject, 0)?;
        // The calculator's pace recovers from one snapshot before the next.
        let pause = INTERVAL * AT_ONCE.min(self.cluster.paced_reads());
        let warm = (1..=warm).map(|number| {
            if subject == Subject::Fleetkeeper {
                thread::sleep(pause);
            }
            self.snapshot(&environment, subject, number)
        });
        let warm = warm.collect::<Result<_, _>>()?;
        let peak_kib = environment.peak_kib()?;
        if subject == Subject::Fleetkeeper && peak_kib > Function::CapacityCalculator.memory_size() * 1024 {
            return Err(format!("it took {peak_kib} KiB, more than the template gives it").into());
        }
        Ok(Process { started_in: environment.started_in, cold, warm, peak_kib })
    }

    /// One invocation, by an event that no snapshot has seen yet.
    fn snapshot(&self, environment: &Environment, subject: Subject, number: u32) -> Result<Snapshot, Error> {
        let mut event = self.event.clone();
        let version = event.pointer_mut("/detail/version").ok_or("the event has no version")?;
        *version = json!(1_000_000 + number);
        // An event of an instance that comes seconds after a snapshot reads nothing.
        if let Some(detail) = event.pointer_mut("/detail").and_then(Value::as_object_mut) {
            detail.remove("containerInstanceArn");
        }
        self.aws.take_calls();
        let (took, answer) = environment.invoke(&event)?;
        if subject == Subject::Fleetkeeper {
            self.check(&answer, &aws::count(&self.aws.take_calls()), number == 0)?;
        }
        let container_capacity = answer.get("containerCapacity").and_then(Value::as_i64);
        Ok(Snapshot { took, container_capacity })
    }

    /// No time is judged. Figures that do not depend on this computer are.
    fn check(&self, answer: &Value, calls: &Calls, cold: bool) -> Result<(), Error> {
        if answer.get("hosts") != Some(&json!(self.cluster.hosts)) {
            return Err(format!("it does not report all hosts: {answer}").into());
        }
        let due = self.cluster.calls(cold);
        if *calls != due {
            return Err(format!("it called {calls:?} in place of {due:?}").into());
        }
        Ok(())
    }
}
