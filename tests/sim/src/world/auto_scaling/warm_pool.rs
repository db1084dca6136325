//! The warm pool: where a scale-in sends instances to wait, stopped, for the next launch
//! (`ReuseOnScaleIn`).
//!
//! The pool is filled by scale-ins alone: the world launches nothing into it.

use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;

use super::group::Group;
use super::instance::LifecycleState;
use super::notice::Place;
use crate::world::World;
use crate::world::ecs::container_instance::InstanceType;
use crate::world::ecs::task::{LastStatus, StopCode};
use crate::world::history::Occurrence;

/// A warm pool that takes back what a scale-in takes out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmPool {
    /// From the start of a stopped instance to its agent's return.
    pub start_seconds: u32,
    /// True if an agent that is back has lost its state and registers anew.
    pub registers_anew: bool,
    /// True if an instance enters the pool after ABANDON as after CONTINUE. AWS does not say; a
    /// public record of its behavior (radkawar/stackd, 2026) says so.
    pub keeps_abandoned: bool,
}

impl WarmPool {
    /// A pool whose instances take half a minute to start. The agent finds its state on the
    /// instance's disk and connects as the same container instance. An instance that was DRAINING
    /// still is: DRAINING stays until somebody sets it back or the instance is deregistered.
    #[must_use]
    pub fn new() -> Self {
        Self { start_seconds: 30, registers_anew: false, keeps_abandoned: false }
    }

    /// With agents that have lost their state when they are back, and register a container instance
    /// of their own. The earlier registration stays in the cluster without an agent.
    #[must_use]
    pub fn registering_anew(mut self) -> Self {
        self.registers_anew = true;
        self
    }

    /// That an instance enters after ABANDON, too.
    #[must_use]
    pub fn keeping_abandoned(mut self) -> Self {
        self.keeps_abandoned = true;
        self
    }

    /// Whose instances take so long to start.
    #[must_use]
    pub fn starting_in(mut self, seconds: u32) -> Self {
        self.start_seconds = seconds;
        self
    }
}

impl Default for WarmPool {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// The EC2 instance is stopped: its agent is gone, and so is whatever still ran on it.
    pub(crate) fn enter_warm_pool(&mut self, group: &str, id: &Ec2InstanceId) {
        self.set_lifecycle_state(group, id, LifecycleState::WarmedStopped);
        self.record(Occurrence::InstanceInWarmPool { group: group.to_owned(), instance: id.clone() });
        let cluster = self.groups.get(group).and_then(|found| found.settings.cluster.clone());
        if let Some(cluster) = cluster {
            for arn in self.container_instances_of(&cluster, id) {
                self.host_stopped(&cluster, &arn);
            }
        }
        self.go_on_with_refresh(group);
    }

    /// Starts the instance that has been in the pool the longest; how long that takes.
    pub(crate) fn start_warm_instance(&mut self, name: &str) -> Option<(Ec2InstanceId, u32)> {
        let now = self.now;
        let group = self.groups.get_mut(name)?;
        let seconds = group.settings.warm_pool.as_ref()?.start_seconds;
        let id = group.longest_in_pool()?;
        let warmup = group.scaling_out_with_warmup;
        let instance = group.instances.get_mut(&id)?;
        instance.state = LifecycleState::Pending;
        instance.launched_at = now;
        instance.origin = Place::WarmPool;
        instance.in_service_at = None;
        instance.scale_out_warmup_seconds = warmup;
        self.record(Occurrence::InstanceLaunching { group: name.to_owned(), instance: id.clone() });
        self.begin_launch_activity(name, &id, true);
        Some((id, seconds))
    }

    /// The agent of an instance from the pool is back.
    pub(crate) fn rejoin_cluster(
        &mut self,
        group: &str,
        cluster: &str,
        id: &Ec2InstanceId,
        instance_type: &InstanceType,
    ) {
        let anew = self.groups.get(group).and_then(|found| found.settings.warm_pool.as_ref());
        let anew = anew.is_some_and(|pool| pool.registers_anew);
        let known = self.container_instance_arn(cluster, id).ok().filter(|_| !anew);
        let Some(arn) = known else {
            self.register_container_instance(cluster, id, instance_type);
            return;
        };
        let Some(instance) = self.container_instance_mut(cluster, &arn) else { return };
        instance.host_gone = false;
        // It reports what ECS did not notice when the host was stopped.
        for task in self.tasks_lost_with(cluster, &arn) {
            self.begin_stopping(cluster, &task, StopCode::EssentialContainerExited);
        }
        // It is there: its ARN is.
        let _ = self.set_agent_connected(cluster, id, true);
    }

    pub(crate) fn container_instances_of(
        &self,
        cluster: &str,
        id: &Ec2InstanceId,
    ) -> Vec<ContainerInstanceArn> {
        let known = self.clusters.get(cluster).map(|found| found.all_of_ec2_instance(id));
        known.into_iter().flatten().map(|instance| instance.arn.clone()).collect()
    }

    fn host_stopped(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let Some(instance) = self.container_instance_mut(cluster, arn) else { return };
        let noticed = std::mem::replace(&mut instance.agent_connected, false);
        instance.host_gone = true;
        for task in &instance.tasks.clone() {
            self.kill_task(cluster, task, noticed);
        }
        if noticed {
            self.record(Occurrence::AgentConnected { container_instance: arn.clone(), connected: false });
            self.container_instance_changed(cluster, arn);
            self.request_service_scheduler(cluster);
        }
    }

    fn tasks_lost_with(&self, cluster: &str, arn: &ContainerInstanceArn) -> Vec<TaskArn> {
        let Some(cluster) = self.clusters.get(cluster) else { return Vec::new() };
        let Some(instance) = cluster.container_instances.get(arn) else { return Vec::new() };
        let tasks = cluster.tasks_on(instance);
        let lost = tasks.filter(|task| task.host_gone && task.last_status != LastStatus::Stopped);
        lost.map(|task| task.arn.clone()).collect()
    }
}

impl Group {
    fn longest_in_pool(&self) -> Option<Ec2InstanceId> {
        let pool = self.instances.iter();
        pool.filter(|(_, instance)| instance.state == LifecycleState::WarmedStopped)
            .min_by_key(|(id, instance)| (instance.launched_at, *id))
            .map(|(id, _)| id.clone())
    }
}
