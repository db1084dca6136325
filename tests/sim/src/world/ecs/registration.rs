//! How container instances come, change and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};

use super::REMEMBERED_SECONDS;
use super::container_instance::{ContainerInstance, Reserved};
use super::instance_type::{InstanceType, attributes, registered_resources};
use super::lagging_copy::Change;
use super::service::SchedulingStrategy;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::outbox::Emitted;
use crate::world::{ACCOUNT, ApiError, REGION, World};

impl World {
    /// An EC2 instance's agent registers it.
    pub(crate) fn register_container_instance(
        &mut self,
        cluster: &str,
        ec2_instance_id: &Ec2InstanceId,
        instance_type: &InstanceType,
    ) -> Option<ContainerInstanceArn> {
        self.register_at(self.now, cluster, ec2_instance_id, instance_type)
    }

    fn register_at(
        &mut self,
        registered_at: DateTime<Utc>,
        cluster: &str,
        ec2_instance_id: &Ec2InstanceId,
        instance_type: &InstanceType,
    ) -> Option<ContainerInstanceArn> {
        let end = self.ids.arn_end();
        let arn = ContainerInstanceArn(format!(
            "arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/{cluster}/{end}"
        ));
        let group = self.group_of(ec2_instance_id);
        let zone = group.and_then(|group| group.instances.get(ec2_instance_id)).map(|it| it.zone.as_str());
        let instance = ContainerInstance {
            arn: arn.clone(),
            ec2_instance_id: ec2_instance_id.clone(),
            status: ContainerInstanceStatus::Active,
            agent_connected: true,
            flapped: false,
            host_gone: false,
            attributes: Arc::new(attributes(instance_type, zone.unwrap_or_default())),
            capacity_provider: group.and_then(|group| self.capacity_provider_of(&group.settings.name)),
            awsvpc_task_limit: instance_type.awsvpc_task_limit,
            registered: registered_resources(instance_type),
            tasks: Vec::new(),
            stopped_tasks: BTreeSet::new(),
            reserved: Reserved::default(),
            version: 0,
            registered_at,
            updated_at: self.now,
        };
        self.clusters.get_mut(cluster)?.container_instances.insert(arn.clone(), instance);
        self.record(Occurrence::ContainerInstanceRegistered {
            cluster: cluster.to_owned(),
            container_instance: arn.clone(),
            ec2_instance_id: ec2_instance_id.clone(),
        });
        if instance_type.registering_seconds > 0 {
            self.begin_registering(cluster, &arn, instance_type.registering_seconds);
        }
        self.container_instance_changed(cluster, &arn);
        self.unsettle(cluster, Some(SchedulingStrategy::Daemon));
        self.request_service_scheduler(cluster);
        self.begin_flapping(cluster, &arn);
        Some(arn)
    }

    /// It takes no tasks, and can't be set DRAINING, before its trunk network interface is there
    /// (developer guide, "elastic network interface trunking").
    fn begin_registering(&mut self, cluster: &str, arn: &ContainerInstanceArn, seconds: u32) {
        let Some(instance) = self.container_instance_mut(cluster, arn) else { return };
        let status = ContainerInstanceStatus::Registering;
        instance.status = status.clone();
        self.record(Occurrence::ContainerInstanceStatus { container_instance: arn.clone(), status });
        let registered =
            Transition::Registered { cluster: cluster.to_owned(), container_instance: arn.clone() };
        self.agenda.enter(self.after(seconds), registered);
    }

    pub(crate) fn is_registered(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let instance = self.container_instance_mut(cluster, arn);
        if instance.is_some_and(|instance| instance.status == ContainerInstanceStatus::Registering) {
            self.change_status(cluster, arn, ContainerInstanceStatus::Active);
        }
    }

    /// An agent that lost its state registers its EC2 instance once more. The earlier registration
    /// stays, its agent disconnected and its tasks as ECS last knew them. While the host restarts
    /// with a new root volume no agent runs there: it registers once the host is up.
    pub fn register_anew(
        &mut self,
        cluster: &str,
        id: &Ec2InstanceId,
    ) -> Result<ContainerInstanceArn, ApiError> {
        let present = self.container_instance_arn(cluster, id)?;
        if self.container_instance_mut(cluster, &present).is_some_and(|instance| instance.host_gone) {
            return Err(ApiError::invalid_parameter(format!("no agent runs on {id}")));
        }
        self.set_agent_connected(cluster, id, false)?;
        let known = self.cluster(cluster)?.all_of_ec2_instance(id).map(|instance| instance.registered_at);
        let next = known.max().map_or(self.now, |latest| latest + TimeDelta::milliseconds(1));
        let registered_at = next.max(self.now);
        let known = self.group_of(id).and_then(|group| group.instances.get(id));
        let instance_type = known.map(|instance| instance.instance_type.clone());
        let registered = instance_type
            .and_then(|instance_type| self.register_at(registered_at, cluster, id, &instance_type));
        registered.ok_or_else(|| ApiError::invalid_parameter(format!("{id} is in no group")))
    }

    /// Disconnects or connects an instance's agent. While it is disconnected, ECS places nothing
    /// there and sees no progress of its tasks. Everything that fell due meanwhile happens when the
    /// agent is back.
    pub fn set_agent_connected(
        &mut self,
        cluster: &str,
        id: &Ec2InstanceId,
        connected: bool,
    ) -> Result<(), ApiError> {
        let arn = self.container_instance_arn(cluster, id)?;
        if let Some(instance) = self.container_instance_mut(cluster, &arn) {
            instance.flapped = false;
        }
        self.connect_agent(cluster, &arn, connected);
        Ok(())
    }

    pub(crate) fn connect_agent(&mut self, cluster: &str, arn: &ContainerInstanceArn, connected: bool) {
        let Some(instance) = self.container_instance_mut(cluster, arn) else { return };
        if instance.agent_connected == connected || instance.host_gone {
            return;
        }
        instance.agent_connected = connected;
        self.record(Occurrence::AgentConnected { container_instance: arn.clone(), connected });
        self.container_instance_changed(cluster, arn);
        if connected {
            self.agent_is_back(cluster, arn);
        }
        self.unsettle(cluster, Some(SchedulingStrategy::Daemon));
        self.request_service_scheduler(cluster);
    }

    /// Puts an instance into a status that it would otherwise reach on its own. Examples are
    /// REGISTERING while its trunk network interface comes, and DEREGISTERING while that goes.
    pub fn set_container_instance_status(
        &mut self,
        cluster: &str,
        id: &Ec2InstanceId,
        status: ContainerInstanceStatus,
    ) -> Result<(), ApiError> {
        let arn = self.container_instance_arn(cluster, id)?;
        self.change_status(cluster, &arn, status);
        Ok(())
    }

    pub(crate) fn change_status(
        &mut self,
        cluster: &str,
        arn: &ContainerInstanceArn,
        status: ContainerInstanceStatus,
    ) {
        let Some(instance) = self.container_instance_mut(cluster, arn) else { return };
        if instance.status == status {
            return;
        }
        instance.status = status.clone();
        self.record(Occurrence::ContainerInstanceStatus { container_instance: arn.clone(), status });
        self.container_instance_changed(cluster, arn);
        self.unsettle(cluster, None);
        self.request_service_scheduler(cluster);
    }

    /// The EC2 instance below a container instance is gone. ECS deregisters it on its own only if
    /// its agent was connected. Otherwise the registration stays, a ghost with its tasks.
    pub(crate) fn host_gone(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let Some(instance) = self.container_instance_mut(cluster, arn) else { return };
        let noticed = instance.agent_connected;
        let tasks = instance.tasks.clone();
        instance.agent_connected = false;
        instance.host_gone = true;
        if noticed {
            instance.status = ContainerInstanceStatus::Inactive;
        }
        for task in &tasks {
            self.kill_task(cluster, task, noticed);
        }
        if !noticed {
            return;
        }
        self.record(Occurrence::ContainerInstanceStatus {
            container_instance: arn.clone(),
            status: ContainerInstanceStatus::Inactive,
        });
        self.container_instance_changed(cluster, arn);
        let forget = Transition::ForgetContainerInstance {
            cluster: cluster.to_owned(),
            container_instance: arn.clone(),
        };
        self.agenda.enter(self.after(REMEMBERED_SECONDS), forget);
        self.unsettle(cluster, Some(SchedulingStrategy::Daemon));
        self.request_service_scheduler(cluster);
    }

    pub(crate) fn forget_container_instance(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        if let Some(found) = self.clusters.get_mut(cluster) {
            found.container_instances.remove(arn);
        }
        self.copy_later(cluster, |_| Some(Change::ContainerInstanceForgotten(arn.clone())));
    }

    /// Something about an instance changed: its version goes up, and ECS sends an event.
    pub(crate) fn container_instance_changed(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let now = self.now;
        let Some(instance) = self.container_instance_mut(cluster, arn) else { return };
        instance.version += 1;
        instance.updated_at = now;
        let Some(found) = self.clusters.get(cluster) else { return };
        let Some(instance) = found.container_instances.get(arn) else { return };
        let described = Arc::new(found.describe(instance));
        let id = self.ids.uuid();
        let copied = Arc::clone(&described);
        self.copy_later(cluster, |_| Some(Change::ContainerInstance(copied)));
        self.record(Occurrence::ContainerInstanceChanged(Arc::clone(&described)));
        self.emit(Emitted::ContainerInstanceStateChange { id, container_instance: described });
    }
}
