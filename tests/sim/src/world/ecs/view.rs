//! What serves a read of a cluster: the truth, or a copy that lags.

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;

use super::Cluster;
use super::container_instance::DescribedContainerInstance;
use super::lagging_copy::ClusterCopy;
use super::task::Task;
use crate::world::{ApiError, World};

/// A cluster for a read.
pub(crate) struct ClusterView<'a> {
    truth: &'a Cluster,
    copy: Option<&'a ClusterCopy>,
}

impl World {
    /// What serves a read now.
    pub(crate) fn view(&self, cluster: &str) -> Result<ClusterView<'_>, ApiError> {
        let copy = self.lagging_copy.as_ref().and_then(|copy| copy.serving(cluster));
        Ok(ClusterView { truth: self.cluster(cluster)?, copy })
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
        match self.copy {
            Some(copy) => copy.container_instances.get(arn).map(|described| (**described).clone()),
            None => self.truth.container_instances.get(arn).map(|instance| self.truth.describe(instance)),
        }
    }

    /// All container instances, sorted by ARN, as far as a list tells them apart.
    pub(crate) fn container_instances(
        &self,
    ) -> impl Iterator<Item = (&'a ContainerInstanceArn, &'a Ec2InstanceId, &'a ContainerInstanceStatus)>
    {
        let truth = self.truth.container_instances.values().filter({
            let copied = self.copy.is_some();
            move |_| !copied
        });
        let truth = truth.map(|instance| (&instance.arn, &instance.ec2_instance_id, &instance.status));
        let copied = self.copy.into_iter().flat_map(|copy| copy.container_instances.values());
        truth.chain(copied.map(|instance| (&instance.arn, &instance.ec2_instance_id, &instance.status)))
    }

    pub(crate) fn task(&self, arn: &TaskArn) -> Option<&'a Task> {
        self.copy.map_or(&self.truth.tasks, |copy| &copy.tasks).get(arn)
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = &'a Task> {
        self.copy.map_or(&self.truth.tasks, |copy| &copy.tasks).values()
    }

    /// The tasks of an instance that ECS still tells of.
    pub(crate) fn tasks_on(&self, arn: &ContainerInstanceArn) -> Vec<&'a Task> {
        let tasks = self.copy.map_or(&self.truth.tasks, |copy| &copy.tasks);
        let instance = self.truth.container_instances.get(arn).filter(|_| self.copy.is_none());
        let here = instance.map(|instance| &instance.tasks);
        let others = match self.copy {
            Some(copy) => copy.tasks_on.get(arn),
            None => instance.map(|instance| &instance.stopped_tasks),
        };
        let arns = here.into_iter().flatten().chain(others.into_iter().flatten());
        arns.filter_map(|arn| tasks.get(arn)).collect()
    }
}
