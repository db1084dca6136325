//! `DeleteAutoScalingGroup` with `ForceDelete`.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `DeleteAutoScalingGroup` with `ForceDelete`: terminates all instances at once, past their
    /// hooks, and deletes the group (API reference, "`DeleteAutoScalingGroup`"). AWS takes minutes;
    /// the world takes no time.
    pub fn delete_group_by_force(&mut self, group: &str) -> Result<(), ApiError> {
        let found = self.group_mut(group)?;
        found.desired_capacity = 0;
        found.settings.min_size = 0;
        found.settings.lingering_seconds = 0;
        found.refresh = None;
        let instances: Vec<Ec2InstanceId> = found.instances.keys().cloned().collect();
        for id in &instances {
            self.end_instance(group, id);
        }
        self.groups.remove(group);
        self.record(Occurrence::GroupDeleted { group: group.to_owned() });
        Ok(())
    }
}
