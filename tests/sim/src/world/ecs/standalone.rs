//! Standalone tasks: no service wants them, and none replaces them.

use std::sync::Arc;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::task::TaskArn;

use super::placement::Candidates;
use super::task_definition::TaskDefinition;
use crate::world::{ApiError, World};

impl World {
    /// `RunTask` of one standalone task; an error where nothing has room.
    pub fn run_task(&mut self, cluster: &str, definition: &TaskDefinition) -> Result<TaskArn, ApiError> {
        let found = self.cluster(cluster)?;
        let placed = Candidates::of(found, definition).place(found, definition);
        let container_instance = placed.map_err(ApiError::invalid_parameter)?;
        Ok(self.start_placed_task(cluster, &container_instance, Arc::new(definition.clone()), None))
    }

    /// `StartTask`: one standalone task on the instance of the caller's choice.
    pub fn start_task(
        &mut self,
        cluster: &str,
        definition: &TaskDefinition,
        on: &Ec2InstanceId,
    ) -> Result<TaskArn, ApiError> {
        let arn = self.container_instance_arn(cluster, on)?;
        let found = self.cluster(cluster)?;
        if let Some(instance) = found.container_instances.get(&arn) {
            found.has_room(instance, definition).map_err(ApiError::invalid_parameter)?;
        }
        Ok(self.start_placed_task(cluster, &arn, Arc::new(definition.clone()), None))
    }
}
