//! `DescribeTaskDefinition`.

use std::sync::Arc;

use super::Cluster;
use super::task_definition::TaskDefinition;
use crate::world::{ApiError, World};

impl World {
    /// `DescribeTaskDefinition`, by family and revision or ARN. Nothing registers a task definition here: it is known as
    /// long as a service or a task of any cluster is made from it. Of several that share an ARN, which AWS would not
    /// have, the answer is one of a service.
    pub fn describe_task_definition(&self, named: &str) -> Result<Arc<TaskDefinition>, ApiError> {
        let mut known = self.clusters.values().flat_map(Cluster::task_definitions);
        let found = known.find(|definition| {
            definition.arn() == named || format!("{}:{}", definition.family, definition.revision) == named
        });
        let found =
            found.ok_or_else(|| ApiError::client("ClientException", "Unable to describe task definition."));
        found.map(Arc::clone)
    }
}

impl Cluster {
    fn task_definitions(&self) -> impl Iterator<Item = &Arc<TaskDefinition>> {
        let of_services = self.services.values().map(|service| &service.task_definition);
        of_services.chain(self.tasks.values().map(|task| &task.definition))
    }
}
