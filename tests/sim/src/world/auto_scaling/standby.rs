//! Standby: an instance that its group neither counts nor replaces. Its tasks stay.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::instance::{GroupInstance, LifecycleState};
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `EnterStandby` with `ShouldDecrementDesiredCapacity`: the group launches no replacement.
    pub fn enter_standby(&mut self, group: &str, instance: &Ec2InstanceId) -> Result<(), ApiError> {
        self.must_be(group, instance, LifecycleState::InService)?;
        let found = self.group_mut(group)?;
        let units = found.instances.get(instance).map_or(0, GroupInstance::units);
        let desired = found.desired_capacity.checked_sub(units);
        let Some(desired) = desired.filter(|desired| *desired >= found.settings.min_size) else {
            // AWS's words are unknown.
            let said = "Entering standby without replacement will violate group's min size constraint.";
            return Err(ApiError::validation(said));
        };
        self.record_desired_capacity(group, desired);
        self.change_standby(group, instance, true);
        Ok(())
    }

    /// `ExitStandby`: the desired capacity goes up by what the instance is of it. AWS runs the
    /// launch hooks again (user guide, "as-enter-exit-standby"); the world does not.
    pub fn exit_standby(&mut self, group: &str, instance: &Ec2InstanceId) -> Result<(), ApiError> {
        self.must_be(group, instance, LifecycleState::Standby)?;
        let found = self.group_mut(group)?;
        let units = found.instances.get(instance).map_or(0, GroupInstance::units);
        let desired = found.desired_capacity.saturating_add(units);
        if desired > found.settings.max_size {
            // AWS's words are unknown.
            let said = "Exiting standby will violate group's max size constraint.";
            return Err(ApiError::validation(said));
        }
        self.record_desired_capacity(group, desired);
        self.change_standby(group, instance, false);
        Ok(())
    }

    fn must_be(&self, group: &str, id: &Ec2InstanceId, state: LifecycleState) -> Result<(), ApiError> {
        let found = self.group(group)?.instances.get(id).map(|instance| instance.state);
        if found == Some(state) {
            return Ok(());
        }
        Err(ApiError::validation(format!("The instance {id} is not in {}.", state.as_str())))
    }

    fn change_standby(&mut self, group: &str, id: &Ec2InstanceId, entered: bool) {
        let state = if entered { LifecycleState::Standby } else { LifecycleState::InService };
        self.set_lifecycle_state(group, id, state);
        self.record(Occurrence::Standby { group: group.to_owned(), instance: id.clone(), entered });
    }
}
