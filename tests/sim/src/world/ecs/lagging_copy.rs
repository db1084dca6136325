//! A copy of what ECS holds that lags behind: the API is eventually consistent, as the
//! reference says of `RunTask`.
//!
//! A change reaches the copy so long after it happened. A read from outside is served by the copy or by the truth, as
//! chance has it: what is new may be MISSING, what is gone may be there, and of two reads the second may be the older.
//! Changes act on the truth alone. Without lagging reads there is no copy, and nothing of this costs anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::TaskArn;

use super::Cluster;
use super::container_instance::DescribedContainerInstance;
use super::task::Task;
use crate::world::chance::Chance;
use crate::world::{Operation, World};

/// Reads that may lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaggingReads {
    /// How far the copy lags behind.
    pub lag_seconds: u32,
    /// How many of a thousand reads the copy serves.
    pub share_per_mille: u32,
    /// From when on all reads are true again.
    pub until: DateTime<Utc>,
    /// Which reads they are: another seed, other reads.
    pub seed: u64,
}

/// The copy, and the changes that are on their way to it.
#[derive(Debug, Clone)]
pub(crate) struct LaggingCopy {
    settings: LaggingReads,
    chance: Chance,
    clusters: BTreeMap<String, ClusterCopy>,
    on_their_way: VecDeque<(DateTime<Utc>, String, Change)>,
    /// Whether the copy serves the call that is being served.
    serves: bool,
}

/// A cluster as its reads tell of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClusterCopy {
    pub(crate) container_instances: BTreeMap<ContainerInstanceArn, Arc<DescribedContainerInstance>>,
    pub(crate) tasks: BTreeMap<TaskArn, Task>,
    pub(crate) tasks_on: BTreeMap<ContainerInstanceArn, BTreeSet<TaskArn>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    ContainerInstance(Arc<DescribedContainerInstance>),
    ContainerInstanceForgotten(ContainerInstanceArn),
    Task(Box<Task>),
    TaskForgotten(TaskArn),
}

impl ClusterCopy {
    fn of(cluster: &Cluster) -> Self {
        let mut copy = Self::default();
        for instance in cluster.container_instances.values() {
            copy.apply(Change::ContainerInstance(Arc::new(cluster.describe(instance))));
        }
        for task in cluster.tasks.values() {
            copy.apply(Change::Task(Box::new(task.clone())));
        }
        copy
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::ContainerInstance(instance) => {
                self.container_instances.insert(instance.arn.clone(), instance);
            }
            Change::ContainerInstanceForgotten(arn) => {
                self.container_instances.remove(&arn);
                self.tasks_on.remove(&arn);
            }
            Change::Task(task) => {
                let on = self.tasks_on.entry(task.container_instance.clone()).or_default();
                on.insert(task.arn.clone());
                self.tasks.insert(task.arn.clone(), *task);
            }
            Change::TaskForgotten(arn) => {
                let Some(task) = self.tasks.remove(&arn) else { return };
                if let Some(on) = self.tasks_on.get_mut(&task.container_instance) {
                    on.remove(&arn);
                }
            }
        }
    }
}

impl LaggingCopy {
    fn catch_up(&mut self, now: DateTime<Utc>) {
        while self.on_their_way.front().is_some_and(|(due, ..)| *due <= now) {
            let Some((_, cluster, change)) = self.on_their_way.pop_front() else { return };
            self.clusters.entry(cluster).or_default().apply(change);
        }
    }

    /// The copy of a cluster, if it serves the call that is being served.
    pub(crate) fn serving(&self, cluster: &str) -> Option<&ClusterCopy> {
        self.clusters.get(cluster).filter(|_| self.serves)
    }
}

impl World {
    /// From now on reads from outside ([`serve`](Self::serve)) may lag.
    pub fn lag_reads(&mut self, settings: LaggingReads) {
        let clusters = self.clusters.iter();
        self.lagging_copy = Some(LaggingCopy {
            settings,
            chance: Chance::new(settings.seed),
            clusters: clusters.map(|(name, cluster)| (name.clone(), ClusterCopy::of(cluster))).collect(),
            on_their_way: VecDeque::new(),
            serves: false,
        });
    }

    /// Chooses who serves a call from outside.
    pub(crate) fn choose_view(&mut self, operation: Operation) {
        let now = self.now;
        let Some(copy) = self.lagging_copy.as_mut().filter(|_| operation.reads_cluster_resources()) else {
            return;
        };
        if copy.settings.until <= now {
            self.lagging_copy = None;
            return;
        }
        copy.catch_up(now);
        copy.serves = copy.chance.per_mille(copy.settings.share_per_mille);
    }

    /// The call is served: whoever looks next sees the truth.
    pub(crate) fn return_to_truth(&mut self) {
        if let Some(copy) = &mut self.lagging_copy {
            copy.serves = false;
        }
    }

    /// Something changed that a read tells of. The change itself is only made where there is a copy.
    pub(crate) fn copy_later(&mut self, cluster: &str, change: impl FnOnce(&Cluster) -> Option<Change>) {
        let now = self.now;
        let Some(copy) = &mut self.lagging_copy else { return };
        if copy.settings.until <= now {
            self.lagging_copy = None;
            return;
        }
        copy.catch_up(now);
        let Some(change) = self.clusters.get(cluster).and_then(change) else { return };
        let due = now + TimeDelta::seconds(i64::from(copy.settings.lag_seconds));
        copy.on_their_way.push_back((due, cluster.to_owned(), change));
    }
}
