//! Standalone tasks: no service wants them, and none replaces them.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::task::TaskArn;

use super::candidates::Candidates;
use super::placement::Placing;
use super::task_definition::TaskDefinition;
use super::task_lifecycle::Wanted;
use crate::world::{ApiError, World};

impl World {
    /// `RunTask` of one standalone task; an error where nothing has room.
    pub fn run_task(&mut self, cluster: &str, definition: &TaskDefinition) -> Result<TaskArn, ApiError> {
        definition.check()?;
        let found = self.clusters.get(cluster).ok_or_else(ApiError::cluster_not_found)?;
        let (placing, choice) = (Placing::standalone(definition), &mut self.placement);
        let mut candidates = Candidates::of(found, &placing, choice);
        let placed = candidates.place(found, &placing, &mut choice.chance);
        let container_instance = placed.map_err(ApiError::invalid_parameter)?;
        Ok(self.start_placed_task(cluster, &container_instance, Wanted::standalone(definition)))
    }

    /// `StartTask`: one standalone task on the instance of the caller's choice.
    pub fn start_task(
        &mut self,
        cluster: &str,
        definition: &TaskDefinition,
        on: &Ec2InstanceId,
    ) -> Result<TaskArn, ApiError> {
        definition.check()?;
        let arn = self.container_instance_arn(cluster, on)?;
        let found = self.cluster(cluster)?;
        if let Some(instance) = found.container_instances.get(&arn) {
            found
                .has_room(instance, &Placing::standalone(definition))
                .map_err(ApiError::invalid_parameter)?;
        }
        Ok(self.start_placed_task(cluster, &arn, Wanted::standalone(definition)))
    }
}
