//! `UpdateContainerInstancesState`.

use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_core::ports::{Answer, Failure, UPDATE_STATE_MAX};
use fleetkeeper_core::task::TaskArn;

use super::container_instance::DescribedContainerInstance;
use super::describe::{at_most, missing};
use super::task::{LastStatus, StopCode};
use crate::world::{ApiError, World};

impl World {
    /// `UpdateContainerInstancesState` to ACTIVE or DRAINING, by ids or ARNs.
    ///
    /// An instance that is registering or deregistering is an error of the whole call ("an error
    /// will be received"). One that is so already stays as it is.
    pub fn update_container_instances_state(
        &mut self,
        cluster: Option<&str>,
        named: &[String],
        status: &str,
    ) -> Result<Answer<DescribedContainerInstance>, ApiError> {
        let name = self.cluster_name(cluster)?;
        at_most(UPDATE_STATE_MAX, named, "instanceIds")?;
        let status = match status {
            "ACTIVE" => ContainerInstanceStatus::Active,
            "DRAINING" => ContainerInstanceStatus::Draining,
            other => return Err(ApiError::invalid_parameter(format!("Invalid status: {other}"))),
        };
        let (found, failures) = self.updatable(&name, named)?;
        for arn in &found {
            self.change_status(&name, arn, status.clone());
            if status == ContainerInstanceStatus::Draining {
                self.stop_pending_service_tasks(&name, arn);
            }
        }
        let cluster = self.cluster(&name)?;
        let items = found.iter().filter_map(|arn| cluster.container_instances.get(arn));
        Ok(Answer { items: items.map(|instance| cluster.describe(instance)).collect(), failures })
    }

    fn updatable(
        &self,
        cluster: &str,
        named: &[String],
    ) -> Result<(Vec<ContainerInstanceArn>, Vec<Failure>), ApiError> {
        let cluster = self.cluster(cluster)?;
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for named in named {
            let arn = ContainerInstanceArn(cluster.full_arn("container-instance", named));
            match cluster.container_instances.get(&arn).map(|instance| &instance.status) {
                Some(ContainerInstanceStatus::Active | ContainerInstanceStatus::Draining) => found.push(arn),
                Some(ContainerInstanceStatus::Inactive) => {
                    failures.push(Failure { reason: "INACTIVE".to_owned(), ..missing(arn.0) });
                }
                Some(status) => {
                    let said = format!("Container instance {arn} is {status} and cannot be updated.");
                    return Err(ApiError::invalid_parameter(said));
                }
                None => failures.push(missing(arn.0)),
            }
        }
        Ok((found, failures))
    }

    /// A REPLICA service's task that has not started yet stops at once where its instance is
    /// drained.
    pub(super) fn stop_pending_service_tasks(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let Some(found) = self.clusters.get(cluster) else { return };
        let Some(instance) = found.container_instances.get(arn) else { return };
        let pending: Vec<TaskArn> = found
            .tasks_on(instance)
            .filter(|task| found.is_replica(task) && task.last_status == LastStatus::Pending)
            .map(|task| task.arn.clone())
            .collect();
        for task in pending {
            self.begin_stopping(cluster, &task, StopCode::ServiceSchedulerInitiated);
        }
    }
}
