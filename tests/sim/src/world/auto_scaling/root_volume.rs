//! Replacing an instance's root volume, as an instance refresh with `ReplaceRootVolume` does.
//!
//! The termination hooks hold the instance back, then it restarts, then the launch hooks hold it
//! back (user guide, "instance-refresh-eventbridge-events"). It stays in the group's capacity all
//! the while.

use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};

use super::hook::LifecycleTransition;
use super::instance::LifecycleState;
use super::notice::Place;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// From the end of the last termination hook until the instance has restarted. AWS gives no number.
const REPLACEMENT_SECONDS: u32 = 60;

impl World {
    /// Replaces the root volume of an instance in service. The instance is
    /// `ReplacingRootVolume:Wait` at the termination hooks, then it restarts, and its agent
    /// registers it anew.
    pub fn replace_root_volume(&mut self, group: &str, instance: &Ec2InstanceId) -> Result<(), ApiError> {
        let state = self.group(group)?.instances.get(instance).map(|instance| instance.state);
        if state != Some(LifecycleState::InService) {
            return Err(ApiError::validation(format!("The instance {instance} is not in InService.")));
        }
        self.record_root_volume(group, instance, true);
        let hooks = self.hooks_on(group, LifecycleTransition::InstanceTerminating);
        if hooks.is_empty() {
            self.exchange_root_volume(group, instance);
        } else {
            let way = (Place::AutoScalingGroup, Place::AutoScalingGroup);
            self.hold(group, instance, &hooks, LifecycleState::ReplacingRootVolumeWait, way);
        }
        Ok(())
    }

    /// Restarts an instance that is past its termination hooks. Its tasks are killed.
    ///
    /// The effect of ABANDON is unknown; the world treats it as CONTINUE.
    pub(crate) fn exchange_root_volume(&mut self, group: &str, id: &Ec2InstanceId) {
        let Some(found) = self.groups.get_mut(group) else { return };
        let Some(instance) = found.instances.get_mut(id) else { return };
        instance.state = LifecycleState::ReplacingRootVolumeProceed;
        instance.origin = Place::AutoScalingGroup;
        if let Some(cluster) = found.settings.cluster.clone() {
            for arn in self.container_instances_of(&cluster, id) {
                self.lose_root_volume(&cluster, &arn);
            }
        }
        let up = Transition::InService { group: group.to_owned(), instance: id.clone() };
        self.agenda.enter(self.after(REPLACEMENT_SECONDS), up);
    }

    /// The agent loses its state with the volume. ECS keeps the registration and its tasks as it
    /// last knew them. (Unknown: whether ECS stops those tasks once the agent has registered anew.)
    fn lose_root_volume(&mut self, cluster: &str, arn: &ContainerInstanceArn) {
        let Some(instance) = self.container_instance_mut(cluster, arn) else { return };
        let connected = std::mem::replace(&mut instance.agent_connected, false);
        instance.host_gone = true;
        for task in &instance.tasks.clone() {
            self.kill_task(cluster, task, false);
        }
        if connected {
            self.record(Occurrence::AgentConnected { container_instance: arn.clone(), connected: false });
            self.container_instance_changed(cluster, arn);
            self.request_service_scheduler(cluster);
        }
    }

    pub(crate) fn record_root_volume(&mut self, group: &str, id: &Ec2InstanceId, in_progress: bool) {
        let (group, instance) = (group.to_owned(), id.clone());
        self.record(Occurrence::RootVolumeReplacement { group, instance, in_progress });
    }
}
