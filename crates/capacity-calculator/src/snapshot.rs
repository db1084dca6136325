//! The cluster's container instances, all of them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::network_interfaces::count_network_interfaces;
use fleetkeeper_core::paced::Paced;
use fleetkeeper_core::ports::{
    Answer, CallError, Clock, ContainerInstanceQuery, ContainerInstances, Tasks, TasksOf,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::DesiredStatus;
use tracing::warn;

use crate::calls::{SETTLE, find_missing};

/// Tasks are read where they are at most so many: as many calls as the largest cluster's container instances take.
const TASKS_MAX: usize = 5_000;

/// Reads all container instances. What ECS lists is there, even where it does not find it at once: counted as gone it
/// would make the cluster seem fuller, or empty, and have it scaled.
pub(crate) async fn container_instances<Ecs: ContainerInstances, C: Clock>(
    ecs: &Paced<'_, Ecs, C>,
    clock: &C,
    cluster: &Cluster,
) -> Result<Answer<ContainerInstance>, CallError> {
    let answer = read::container_instances(ecs, cluster, &ContainerInstanceQuery::All).await?;
    let again = async |arns: Vec<String>| {
        let arns: Vec<_> = arns.into_iter().map(ContainerInstanceArn).collect();
        read::describe_container_instances(ecs, cluster, &arns).await
    };
    find_missing(answer, clock, cluster, "container instances", again).await
}

/// Counts the network interfaces that the instances' tasks hold, or held since the look began. Where there are too many
/// tasks to read, each is taken to hold one.
pub(crate) async fn network_interfaces<Ecs: Tasks, C: Clock>(
    ecs: &Paced<'_, Ecs, C>,
    clock: &C,
    cluster: &Cluster,
    began: DateTime<Utc>,
    instances: &mut [ContainerInstance],
) -> Result<(), CallError> {
    let mut all: BTreeSet<_> = BTreeSet::new();
    for desired in [DesiredStatus::Running, DesiredStatus::Stopped] {
        if desired == DesiredStatus::Stopped {
            // A task that leaves the first list is on the second one from then on. A read may be older than one that was
            // made before it: only one that is made later than reads lag misses no task that the first one did.
            clock.sleep(SETTLE).await;
        }
        let left = TASKS_MAX - all.len();
        all.extend(read::task_arns(ecs, cluster, TasksOf::Cluster, desired, left).await?);
        if all.len() > TASKS_MAX {
            let cluster = cluster.name();
            warn!(
                cluster,
                most = TASKS_MAX,
                "too many tasks to read: each counts as holding a network interface"
            );
            return Ok(());
        }
    }
    let told = read::describe_tasks(ecs, cluster, &all.into_iter().collect::<Vec<_>>()).await?;
    // What is not told of counts as holding one, by the instances' own counts of tasks.
    count_network_interfaces(instances, &told.items, began - SETTLE);
    Ok(())
}
