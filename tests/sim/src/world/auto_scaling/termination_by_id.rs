//! `TerminateInstanceInAutoScalingGroup`, as its callers know it: by the instance's id alone.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::activity::ScalingActivity;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// AWS's answer to terminating an instance that is on its way out already. No page documents it, so
/// worlds draw it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TerminatedAgain {
    /// It decrements the desired capacity again: another instance follows.
    #[default]
    Decremented,
    /// It answers, and changes nothing.
    Ignored,
    /// It refuses.
    Refused,
}

impl World {
    /// `TerminateInstanceInAutoScalingGroup` with one `InstanceId`. Cooldown and scale-in
    /// protection do not hold it off, and neither does a suspended `Terminate` process. The group
    /// balances its zones afterwards, where it is set to.
    pub fn terminate_instance_by_id(
        &mut self,
        instance: &Ec2InstanceId,
        decrement: bool,
    ) -> Result<ScalingActivity, ApiError> {
        let not_found =
            || format!("Instance Id not found - No managed instance found for instance ID: {instance}");
        let Some(group) = self.group_of(instance) else { return Err(ApiError::validation(not_found())) };
        let name = group.settings.name.clone();
        let of_pool = group.instances.get(instance).is_some_and(|it| it.state.is_of_warm_pool());
        if of_pool {
            // "This operation cannot be called on instances in a warm pool" (API reference).
            let said = format!("The instance {instance} is in a warm pool.");
            return Err(ApiError::validation(said));
        }
        let of_group = name.clone();
        self.record(Occurrence::TerminationRequested { group: of_group, instance: instance.clone() });
        self.terminate_instance(&name, instance, decrement)?;
        self.rebalance_zones_later(&name);
        self.activity_of(&name, instance).ok_or_else(|| ApiError::validation(not_found()))
    }
}
