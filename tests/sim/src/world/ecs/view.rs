//! What serves a read of a cluster: the truth, or its past.

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::task::TaskArn;

use super::Cluster;
use super::cluster_query::ClusterQuery;
use super::container_instance::DescribedContainerInstance;
use super::lagging_copy::PastCluster;
use super::task::Task;
use crate::world::{ApiError, World};

/// A cluster for a read.
pub(crate) struct ClusterView<'a> {
    truth: &'a Cluster,
    past: Option<PastCluster<'a>>,
}

impl World {
    /// The view that serves a read now.
    pub(crate) fn view(&self, cluster: &str) -> Result<ClusterView<'_>, ApiError> {
        let past = self.lagging_copy.as_ref().and_then(|copy| copy.serving(cluster));
        Ok(ClusterView { truth: self.cluster(cluster)?, past })
    }
}

impl<'a> ClusterView<'a> {
    pub(crate) fn full_arn(&self, kind: &str, named: &str) -> String {
        self.truth.full_arn(kind, named)
    }

    pub(crate) fn container_instance(
        &self,
        arn: &ContainerInstanceArn,
    ) -> Option<DescribedContainerInstance> {
        match self.past {
            Some(past) => past.container_instance(arn).cloned(),
            None => self.truth.container_instances.get(arn).map(|instance| self.truth.describe(instance)),
        }
    }

    /// The container instances that match an expression, or all of them, sorted by ARN. They have
    /// no more than a list needs to distinguish them.
    pub(crate) fn container_instances<'b>(
        &'b self,
        query: Option<&'b ClusterQuery>,
    ) -> impl Iterator<Item = (&'a ContainerInstanceArn, &'a ContainerInstanceStatus)> + 'b {
        let truth = Some(self.truth).filter(|_| self.past.is_none());
        let truth = truth.into_iter().flat_map(move |cluster| {
            let instances = cluster.container_instances.values();
            instances.filter(move |it| query.is_none_or(|query| cluster.matches(it, query)))
        });
        let truth = truth.map(|instance| (&instance.arn, &instance.status));
        let past = self.past.into_iter().flat_map(move |past| {
            let instances = past.container_instances();
            instances.filter(move |it| query.is_none_or(|query| past.matches(it, query)))
        });
        truth.chain(past.map(|instance| (&instance.arn, &instance.status)))
    }

    pub(crate) fn task(&self, arn: &TaskArn) -> Option<&'a Task> {
        match self.past {
            Some(past) => past.task(arn),
            None => self.truth.tasks.get(arn),
        }
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = &'a Task> {
        let truth = Some(self.truth).filter(|_| self.past.is_none());
        let truth = truth.into_iter().flat_map(|cluster| cluster.tasks.values());
        truth.chain(self.past.into_iter().flat_map(PastCluster::tasks))
    }

    /// The tasks of an instance that ECS still shows.
    pub(crate) fn tasks_on(&self, arn: &ContainerInstanceArn) -> Vec<&'a Task> {
        if let Some(past) = self.past {
            return past.tasks_on(arn).collect();
        }
        let Some(instance) = self.truth.container_instances.get(arn) else { return Vec::new() };
        let arns = instance.tasks.iter().chain(&instance.stopped_tasks);
        arns.filter_map(|arn| self.truth.tasks.get(arn)).collect()
    }
}
