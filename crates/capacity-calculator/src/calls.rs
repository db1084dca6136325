//! The calculator's reads of ECS, and their pace.

use std::rc::Rc;
use std::time::Duration;

use chrono::TimeDelta;
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::paced::Pace;
use fleetkeeper_core::ports::{
    Answer, CallError, CapacityProviders, Clock, ContainerInstances, Failure, Services, TaskDefinitions,
    TaskProtections, Tasks,
};
use tracing::warn;

/// All that the calculator asks of ECS: it only reads.
pub trait EcsReads:
    ContainerInstances + Services + TaskDefinitions + Tasks + TaskProtections + CapacityProviders
{
}

impl<Ecs> EcsReads for Ecs where
    Ecs: ContainerInstances + Services + TaskDefinitions + Tasks + TaskProtections + CapacityProviders
{
}

/// What ECS lists and does not find is asked for again after this long: reads lag, most of all
/// where an instance has just registered, which is what wakes this function.
const MISSING_PAUSE: Duration = Duration::from_secs(2);

/// The number of these retries. They last longer than reads lag.
const MISSING_TRIES: u32 = 3;

/// Retries for items that ECS listed and did not find, unless it also failed to describe others.
/// The failures of the answer are the rest.
pub(crate) async fn find_missing<Item>(
    mut answer: Answer<Item>,
    clock: &impl Clock,
    cluster: &Cluster,
    what: &str,
    describe: impl AsyncFn(Vec<String>) -> Result<Answer<Item>, CallError>,
) -> Result<Answer<Item>, CallError> {
    for _ in 0..MISSING_TRIES {
        if answer.failures.is_empty() || !answer.failures.iter().all(Failure::is_missing) {
            break;
        }
        let missing = std::mem::take(&mut answer.failures).into_iter();
        let arns: Vec<_> = missing.map(|failure| failure.arn).collect();
        let (cluster, count) = (cluster.name(), arns.len());
        warn!(
            event = "listed_and_missing",
            cluster,
            missing = count,
            what,
            "ECS lists what it does not find: retrying"
        );
        clock.sleep(MISSING_PAUSE).await;
        let found = describe(arns).await?;
        answer.items.extend(found.items);
        answer.failures = found.failures;
    }
    Ok(answer)
}

/// An account has 20 reads a second of each kind, for all that it does: half of them are left to
/// others.
const INTERVAL: TimeDelta = TimeDelta::milliseconds(100);

/// Of `GetTaskProtection` an account has 80 a second.
const PROTECTION_INTERVAL: TimeDelta = TimeDelta::milliseconds(25);

/// EC2 Auto Scaling does not publish its limit. A call has 50 groups: 2 a second are enough for any
/// cluster.
const GROUPS_INTERVAL: TimeDelta = TimeDelta::milliseconds(500);

/// Hosts that one decision removes are some per cent of a group. The reads of EC2 Auto Scaling
/// share its limit with these calls.
const SCALING_INTERVAL: TimeDelta = TimeDelta::milliseconds(200);

/// The pace of each kind of read, kept from one invocation to the next. ECS counts them separately
/// ("Request throttling for the Amazon ECS API"). At once it accepts 100 reads of clusters'
/// resources, 100 of services and 200 of task protections. Of task definitions and of capacity
/// providers it accepts 50 each.
#[derive(Debug, Clone)]
pub(crate) struct Paces {
    /// Of container instances and tasks.
    pub(crate) resources: Rc<Pace>,
    pub(crate) services: Rc<Pace>,
    pub(crate) task_definitions: Rc<Pace>,
    pub(crate) capacity_providers: Rc<Pace>,
    pub(crate) task_protections: Rc<Pace>,
    pub(crate) groups: Rc<Pace>,
    pub(crate) refreshes: Rc<Pace>,
    /// Of desired capacities that are set, and of terminations.
    pub(crate) scaling: Rc<Pace>,
}

impl Default for Paces {
    fn default() -> Self {
        let pace = |interval, burst| Rc::new(Pace::new(interval, burst));
        Self {
            resources: pace(INTERVAL, 50),
            services: pace(INTERVAL, 50),
            task_definitions: pace(INTERVAL, 25),
            capacity_providers: pace(INTERVAL, 25),
            task_protections: pace(PROTECTION_INTERVAL, 100),
            groups: pace(GROUPS_INTERVAL, 5),
            refreshes: pace(SCALING_INTERVAL, 20),
            scaling: pace(SCALING_INTERVAL, 10),
        }
    }
}
