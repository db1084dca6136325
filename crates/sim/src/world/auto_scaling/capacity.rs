//! How a group comes to have as many instances as it wants.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::group::{Group, GroupInstance, LifecycleState};
use crate::world::agenda::Transition;
use crate::world::ecs::container_instance::InstanceType;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `SetDesiredCapacity`: instances are launched, or the oldest are terminated.
    pub fn set_desired_capacity(&mut self, group: &str, desired: u32) -> Result<(), ApiError> {
        let found = self.group_mut(group)?;
        let (min, max) = (found.settings.min_size, found.settings.max_size);
        if !(min..=max).contains(&desired) {
            let said = format!("New SetDesiredCapacity value {desired} is not between {min} and {max}.");
            return Err(ApiError::validation(said));
        }
        found.desired_capacity = desired;
        self.record(Occurrence::DesiredCapacity { group: group.to_owned(), desired_capacity: desired });
        self.balance(group);
        Ok(())
    }

    /// One more instance of the group's type, in service at once.
    pub fn launch_now(&mut self, group: &str) -> Result<Ec2InstanceId, ApiError> {
        let instance_type = self.group(group)?.settings.instance_type.clone();
        self.launch_now_of_type(group, instance_type)
    }

    /// One more instance, of a type of the caller's choice, in service at once.
    pub fn launch_now_of_type(
        &mut self,
        group: &str,
        instance_type: InstanceType,
    ) -> Result<Ec2InstanceId, ApiError> {
        self.group_mut(group)?.desired_capacity += 1;
        let id = self.launch(group, instance_type)?;
        self.enter_service(group, &id);
        Ok(id)
    }

    fn launch(&mut self, group: &str, instance_type: InstanceType) -> Result<Ec2InstanceId, ApiError> {
        let id = self.ids.ec2_instance();
        let instance = GroupInstance { state: LifecycleState::Pending, instance_type, launched_at: self.now };
        self.group_mut(group)?.instances.insert(id.clone(), instance);
        self.record(Occurrence::InstanceLaunching { group: group.to_owned(), instance: id.clone() });
        Ok(id)
    }

    /// A launched instance is up.
    pub(crate) fn enter_service(&mut self, name: &str, id: &Ec2InstanceId) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(instance) = group.instances.get_mut(id) else { return };
        if instance.state != LifecycleState::Pending {
            return;
        }
        instance.state = LifecycleState::InService;
        let instance_type = instance.instance_type.clone();
        let cluster = group.settings.cluster.clone();
        self.record(Occurrence::InstanceInService { group: name.to_owned(), instance: id.clone() });
        if let Some(cluster) = cluster {
            self.register_container_instance(&cluster, id, &instance_type);
        }
    }

    /// Launches what is missing, terminates what is too much: the oldest first.
    pub(crate) fn balance(&mut self, name: &str) {
        while let Some(group) = self.groups.get(name) {
            let counted = group.counted();
            let wanted = usize::try_from(group.desired_capacity).unwrap_or(usize::MAX);
            if counted < wanted {
                let instance_type = group.settings.instance_type.clone();
                let up = self.after(group.settings.launch_seconds);
                let Ok(instance) = self.launch(name, instance_type) else { return };
                self.agenda.enter(up, Transition::InService { group: name.to_owned(), instance });
            } else if let Some(oldest) = group.oldest().filter(|_| counted > wanted) {
                self.begin_termination(name, &oldest);
            } else {
                return;
            }
        }
    }
}

impl Group {
    /// Instances that count towards the desired capacity: one that is being terminated no longer does.
    fn counted(&self) -> usize {
        self.instances.values().filter(|instance| instance.state != LifecycleState::TerminatingWait).count()
    }

    fn oldest(&self) -> Option<Ec2InstanceId> {
        let candidates =
            self.instances.iter().filter(|(_, instance)| instance.state != LifecycleState::TerminatingWait);
        candidates.min_by_key(|(id, instance)| (instance.launched_at, *id)).map(|(id, _)| id.clone())
    }
}
