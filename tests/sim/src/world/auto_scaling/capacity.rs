//! How a group comes to have as many instances as it wants.

use super::group::Group;
use super::notice::Place;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `SetDesiredCapacity`: instances are launched, or terminated by the group's termination policy.
    pub fn set_desired_capacity(&mut self, group: &str, desired: u32) -> Result<(), ApiError> {
        let found = self.group(group)?;
        let (min, max) = (found.settings.min_size, found.settings.max_size);
        if !(min..=max).contains(&desired) {
            let said = format!("New SetDesiredCapacity value {desired} is not between {min} and {max}.");
            return Err(ApiError::validation(said));
        }
        self.change_desired_capacity(group, desired);
        Ok(())
    }

    /// How many instances a group wants.
    #[must_use]
    pub fn desired_capacity(&self, group: &str) -> Option<u32> {
        self.groups.get(group).map(|group| group.desired_capacity)
    }

    pub(crate) fn change_desired_capacity(&mut self, group: &str, desired: u32) {
        let Some(found) = self.groups.get_mut(group) else { return };
        found.desired_capacity = desired;
        self.record(Occurrence::DesiredCapacity { group: group.to_owned(), desired_capacity: desired });
        self.balance(group);
    }

    /// Launches what is missing, from the warm pool first. Terminates what is too much, or sends it to the warm pool.
    pub(crate) fn balance(&mut self, name: &str) {
        let Some(group) = self.groups.get(name) else { return };
        let counted = group.counting().count();
        let wanted = group.wanted();
        let to = group.settings.warm_pool.as_ref().map_or(Place::Ec2, |_| Place::WarmPool);
        for _ in counted..wanted {
            self.launch_one(name);
        }
        for _ in wanted..counted {
            let Some(chosen) = self.groups.get(name).and_then(Group::to_terminate) else { return };
            self.take_out_of_service(name, &chosen, to);
        }
    }
}

impl Group {
    /// How many instances it is to have right now.
    fn wanted(&self) -> usize {
        let desired = usize::try_from(self.desired_capacity).unwrap_or(usize::MAX);
        desired.saturating_add(self.surge())
    }
}
