//! Scale-in protection: instances that no scale-in and no instance refresh takes.
//!
//! `TerminateInstanceInAutoScalingGroup` takes them all the same (user guide,
//! "ec2-auto-scaling-instance-protection").

use fleetkeeper_core::container_instance::Ec2InstanceId;

use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// `SetInstanceProtection` takes as many ids.
const INSTANCES_MAX: usize = 50;

impl World {
    /// `SetInstanceProtection`, which is of all these instances or of none.
    pub fn set_instance_protection(
        &mut self,
        group: &str,
        instances: &[Ec2InstanceId],
        protected: bool,
    ) -> Result<(), ApiError> {
        let found = self.group_mut(group)?;
        if instances.len() > INSTANCES_MAX {
            return Err(ApiError::validation("InstanceIds can have at most 50 items."));
        }
        if let Some(unknown) = instances.iter().find(|id| !found.instances.contains_key(*id)) {
            return Err(ApiError::validation(format!("The instance {unknown} is not part of the group.")));
        }
        for id in instances {
            if let Some(instance) = found.instances.get_mut(id) {
                instance.protected_from_scale_in = protected;
            }
        }
        let (group_name, instances) = (group.to_owned(), instances.to_vec());
        self.record(Occurrence::ScaleInProtection { group: group_name, instances, protected });
        self.balance(group);
        Ok(())
    }
}
