//! Ghosts: registrations that an agent left behind when it registered its EC2 instance anew.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;

use super::container_instance::{ContainerInstance, Reserved};
use super::task::LastStatus;
use super::task_definition::TaskDefinition;
use super::task_lifecycle::Wanted;
use crate::world::history::Occurrence;
use crate::world::{ACCOUNT, ApiError, REGION, World};

impl World {
    /// Adds a ghost of an EC2 instance: an older ACTIVE registration whose agent is disconnected.
    /// ECS last knew one task on it as RUNNING. No container of that task is left on the host.
    ///
    /// ECS does not deregister an instance whose agent is disconnected (API reference,
    /// "`DeregisterContainerInstance`").
    pub fn leave_ghost(
        &mut self,
        cluster: &str,
        id: &Ec2InstanceId,
    ) -> Result<(ContainerInstanceArn, TaskArn), ApiError> {
        let present = self.container_instance_arn(cluster, id)?;
        let end = self.ids.arn_end();
        let arn = ContainerInstanceArn(format!(
            "arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/{cluster}/{end}"
        ));
        let found = self.cluster_mut(cluster)?;
        let oldest = found.all_of_ec2_instance(id).map(|instance| instance.registered_at).min();
        let Some(present) = found.container_instances.get(&present) else {
            return Err(ApiError::invalid_parameter(format!("{id} is not in cluster {cluster}")));
        };
        let registered_at = oldest.unwrap_or(present.registered_at) - TimeDelta::days(1);
        let ghost = ContainerInstance {
            arn: arn.clone(),
            status: ContainerInstanceStatus::Active,
            agent_connected: false,
            flapped: false,
            host_gone: true,
            tasks: Vec::new(),
            stopped_tasks: BTreeSet::new(),
            reserved: Reserved::default(),
            version: 0,
            registered_at,
            updated_at: registered_at,
            ..present.clone()
        };
        found.container_instances.insert(arn.clone(), ghost);
        self.record(Occurrence::GhostLeft {
            cluster: cluster.to_owned(),
            container_instance: arn.clone(),
            ec2_instance_id: id.clone(),
            registered_at,
        });
        let ghost = Wanted::standalone(&TaskDefinition::new("ghost", 64, 64));
        let task = self.start_placed_task(cluster, &arn, ghost);
        if let Some(task) = self.task_mut(cluster, &task) {
            task.last_status = LastStatus::Running;
            task.created_at = registered_at;
            task.started_at = Some(registered_at);
            task.host_gone = true;
        }
        self.task_changed(cluster, &task);
        self.container_instance_changed(cluster, &arn);
        Ok((arn, task))
    }
}
