//! The recent past of ECS: the API is eventually consistent, as the reference says of `RunTask`.
//!
//! A read from outside is served as of now or, as chance has it, as of a time in the past. It may
//! miss something new or show something that is gone, and of two reads the second may be the older.
//! Changes act on the truth alone. Without lagging reads the world keeps no past.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::Cluster;
use super::cluster_query::{ClusterQuery, QueriedInstance};
use super::container_instance::DescribedContainerInstance;
use super::task::Task;
use crate::world::chance::Chance;
use crate::world::{Operation, World};

/// Reads that may lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaggingReads {
    /// Seconds that a read lags; the most, where each draws its own.
    pub lag_seconds: u32,
    /// True if each read that lags draws its own lag, from 0 to `lag_seconds`. Otherwise all of
    /// them lag alike.
    pub each_by_its_own: bool,
    /// How many of a thousand reads lag.
    pub share_per_mille: u32,
    /// From when on all reads are true again.
    pub until: DateTime<Utc>,
    /// Which reads they are: another seed, other reads.
    pub seed: u64,
}

/// The clusters' past, as far back as a read may lag.
#[derive(Debug, Clone)]
pub(crate) struct LaggingCopy {
    settings: LaggingReads,
    chance: Chance,
    clusters: BTreeMap<String, ClusterCopy>,
    /// The time as of which the call that is being served is answered, where it lags.
    serves: Option<DateTime<Utc>>,
}

/// A cluster's past.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClusterCopy {
    container_instances: BTreeMap<ContainerInstanceArn, Versions<DescribedContainerInstance>>,
    tasks: BTreeMap<TaskArn, Versions<Task>>,
    tasks_on: BTreeMap<ContainerInstanceArn, BTreeSet<TaskArn>>,
    /// Forgotten things, oldest first. Their versions are dropped once no read goes back that far.
    forgotten: VecDeque<(DateTime<Utc>, Forgotten)>,
}

/// A cluster as it was at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PastCluster<'a> {
    copy: &'a ClusterCopy,
    at: DateTime<Utc>,
}

/// The versions of one thing, each with the time from which it holds; `None` from when it was
/// forgotten.
#[derive(Debug, Clone)]
struct Versions<T>(VecDeque<(DateTime<Utc>, Option<Arc<T>>)>);

#[derive(Debug, Clone)]
enum Forgotten {
    ContainerInstance(ContainerInstanceArn),
    Task(TaskArn, ContainerInstanceArn),
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    ContainerInstance(Arc<DescribedContainerInstance>),
    ContainerInstanceForgotten(ContainerInstanceArn),
    Task(Box<Task>),
    TaskForgotten(TaskArn),
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Versions<T> {
    /// Adds a version, and drops those that no read goes back to.
    fn add(&mut self, at: DateTime<Utc>, version: Option<Arc<T>>, oldest_read: DateTime<Utc>) {
        while self.0.get(1).is_some_and(|(from, _)| *from <= oldest_read) {
            self.0.pop_front();
        }
        self.0.push_back((at, version));
    }

    fn at(&self, time: DateTime<Utc>) -> Option<&T> {
        let (_, version) = self.0.iter().rev().find(|(from, _)| *from <= time)?;
        version.as_deref()
    }
}

impl ClusterCopy {
    fn of(cluster: &Cluster) -> Self {
        let mut copy = Self::default();
        let always = DateTime::<Utc>::MIN_UTC;
        for instance in cluster.container_instances.values() {
            copy.apply(Change::ContainerInstance(Arc::new(cluster.describe(instance))), always, always);
        }
        for task in cluster.tasks.values() {
            copy.apply(Change::Task(Box::new(task.clone())), always, always);
        }
        copy
    }

    fn apply(&mut self, change: Change, at: DateTime<Utc>, oldest_read: DateTime<Utc>) {
        self.drop_forgotten(oldest_read);
        match change {
            Change::ContainerInstance(instance) => {
                let versions = self.container_instances.entry(instance.arn.clone()).or_default();
                versions.add(at, Some(instance), oldest_read);
            }
            Change::ContainerInstanceForgotten(arn) => {
                let Some(versions) = self.container_instances.get_mut(&arn) else { return };
                versions.add(at, None, oldest_read);
                self.forgotten.push_back((at, Forgotten::ContainerInstance(arn)));
            }
            Change::Task(task) => {
                let on = self.tasks_on.entry(task.container_instance.clone()).or_default();
                on.insert(task.arn.clone());
                let versions = self.tasks.entry(task.arn.clone()).or_default();
                versions.add(at, Some(Arc::new(*task)), oldest_read);
            }
            Change::TaskForgotten(arn) => {
                let Some(versions) = self.tasks.get_mut(&arn) else { return };
                let newest = versions.0.back().and_then(|(_, task)| task.as_ref());
                let Some(on) = newest.map(|task| task.container_instance.clone()) else { return };
                versions.add(at, None, oldest_read);
                self.forgotten.push_back((at, Forgotten::Task(arn, on)));
            }
        }
    }

    fn drop_forgotten(&mut self, oldest_read: DateTime<Utc>) {
        while self.forgotten.front().is_some_and(|(at, _)| *at <= oldest_read) {
            match self.forgotten.pop_front() {
                Some((_, Forgotten::ContainerInstance(arn))) => {
                    self.container_instances.remove(&arn);
                    self.tasks_on.remove(&arn);
                }
                Some((_, Forgotten::Task(arn, on))) => {
                    self.tasks.remove(&arn);
                    if let Some(on) = self.tasks_on.get_mut(&on) {
                        on.remove(&arn);
                    }
                }
                None => return,
            }
        }
    }
}

impl<'a> PastCluster<'a> {
    pub(crate) fn container_instance(
        self,
        arn: &ContainerInstanceArn,
    ) -> Option<&'a DescribedContainerInstance> {
        self.copy.container_instances.get(arn)?.at(self.at)
    }

    /// All container instances, sorted by ARN.
    pub(crate) fn container_instances(self) -> impl Iterator<Item = &'a DescribedContainerInstance> {
        self.copy.container_instances.values().filter_map(move |versions| versions.at(self.at))
    }

    /// Returns whether a container instance matched an expression.
    pub(crate) fn matches(self, instance: &DescribedContainerInstance, query: &ClusterQuery) -> bool {
        let tasks =
            || self.tasks_on(&instance.arn).filter(|task| task.desired_status == DesiredStatus::Running);
        query.matches(&QueriedInstance {
            agent_connected: instance.agent_connected,
            attributes: &instance.attributes,
            ec2_instance_id: instance.ec2_instance_id.as_str(),
            registered_at: instance.registered_at,
            running_tasks: &|| instance.running_tasks,
            task_groups: &|| tasks().map(Task::group).collect(),
        })
    }

    pub(crate) fn task(self, arn: &TaskArn) -> Option<&'a Task> {
        self.copy.tasks.get(arn)?.at(self.at)
    }

    pub(crate) fn tasks(self) -> impl Iterator<Item = &'a Task> {
        self.copy.tasks.values().filter_map(move |versions| versions.at(self.at))
    }

    pub(crate) fn tasks_on(self, arn: &ContainerInstanceArn) -> impl Iterator<Item = &'a Task> {
        let here = self.copy.tasks_on.get(arn);
        here.into_iter().flatten().filter_map(move |task| self.task(task))
    }
}

impl LaggingCopy {
    /// The time that a read may go back to at most.
    fn oldest_read(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::seconds(i64::from(self.settings.lag_seconds))
    }

    /// The time as of which a read is answered; none where it does not lag.
    fn draw(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.chance.per_mille(self.settings.share_per_mille) {
            return None;
        }
        if !self.settings.each_by_its_own {
            return Some(self.oldest_read(now));
        }
        let most = u64::from(self.settings.lag_seconds).saturating_mul(1000);
        let lag = i64::try_from(self.chance.between(0, most)).unwrap_or(0);
        Some(now - TimeDelta::milliseconds(lag))
    }

    /// The past of a cluster, if the call that is being served is answered from it.
    pub(crate) fn serving(&self, cluster: &str) -> Option<PastCluster<'_>> {
        let at = self.serves?;
        self.clusters.get(cluster).map(|copy| PastCluster { copy, at })
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
            serves: None,
        });
    }

    /// Chooses whether a call from outside lags, and by how much.
    pub(crate) fn choose_view(&mut self, operation: Operation) {
        let now = self.now;
        let Some(copy) = self.lagging_copy.as_mut().filter(|_| operation.reads_cluster_resources()) else {
            return;
        };
        if copy.settings.until <= now {
            self.lagging_copy = None;
            return;
        }
        copy.serves = copy.draw(now);
    }

    /// The call is served: whoever looks next sees the truth.
    pub(crate) fn return_to_truth(&mut self) {
        if let Some(copy) = &mut self.lagging_copy {
            copy.serves = None;
        }
    }

    /// Keeps a change for reads that lag. `change` runs only where reads may lag.
    pub(crate) fn copy_later(&mut self, cluster: &str, change: impl FnOnce(&Cluster) -> Option<Change>) {
        let now = self.now;
        let Some(copy) = &mut self.lagging_copy else { return };
        if copy.settings.until <= now {
            self.lagging_copy = None;
            return;
        }
        let Some(change) = self.clusters.get(cluster).and_then(change) else { return };
        let oldest_read = copy.oldest_read(now);
        copy.clusters.entry(cluster.to_owned()).or_default().apply(change, now, oldest_read);
    }
}
