//! `DescribeTaskDefinition`.

use std::sync::Arc;

use super::Cluster;
use super::service::Service;
use super::task_definition::TaskDefinition;
use crate::world::{ApiError, World};

impl World {
    /// `DescribeTaskDefinition`, by family and revision or ARN. Nothing registers a task definition
    /// here: it is known as long as a service or a task of any cluster is made from it. Of several
    /// that share an ARN, which AWS would not have, the answer is one of a service.
    pub fn describe_task_definition(&self, named: &str) -> Result<Arc<TaskDefinition>, ApiError> {
        let mut known = self.clusters.values().flat_map(Cluster::task_definitions);
        let found = known.find(|definition| {
            definition.arn() == named || format!("{}:{}", definition.family, definition.revision) == named
        });
        let readable = |found: &&Arc<TaskDefinition>| !self.unreadable_definitions.contains(&found.arn());
        let found = found.filter(readable);
        let found =
            found.ok_or_else(|| ApiError::client("ClientException", "Unable to describe task definition."));
        found.map(Arc::clone)
    }

    /// Lets `DescribeTaskDefinition` of one ARN fail from now on, as where it was deleted.
    pub fn make_task_definition_unreadable(&mut self, arn: &str) {
        self.unreadable_definitions.insert(arn.to_owned());
    }

    /// Takes that back.
    pub fn make_task_definition_readable(&mut self, arn: &str) {
        self.unreadable_definitions.remove(arn);
    }
}

impl Cluster {
    fn task_definitions(&self) -> impl Iterator<Item = &Arc<TaskDefinition>> {
        let of_services = self.services.values().flat_map(Service::task_definitions);
        of_services.chain(self.tasks.values().map(|task| &task.definition))
    }
}
