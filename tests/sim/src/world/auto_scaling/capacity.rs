//! How a group comes to have as many instances as it wants.

use super::group::Group;
use super::instance::LifecycleState;
use super::notice::Place;
use crate::world::agenda::Transition;
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
        let launched = wanted.min(group.launch_limit());
        let to = group.settings.warm_pool.as_ref().map_or(Place::Ec2, |_| Place::WarmPool);
        for _ in counted..launched {
            self.launch_one(name);
        }
        for _ in wanted..counted {
            let Some(chosen) = self.groups.get(name).and_then(Group::to_terminate) else { return };
            self.take_out_of_service(name, &chosen, to);
        }
    }
}

impl World {
    /// Launches replacements after a termination: at once or, where the group replaces as recorded,
    /// one second later.
    pub(crate) fn replace_missing(&mut self, group: &str) {
        if self.groups.get(group).is_some_and(|found| found.settings.replaces_as_recorded) {
            self.agenda.enter(self.after(1), Transition::Balance { group: group.to_owned() });
        } else {
            self.balance(group);
        }
    }

    /// An instance is past its termination hooks. A group at its maximum size may replace it now.
    pub(crate) fn hook_ended(&mut self, group: &str) {
        if self.groups.get(group).is_some_and(|found| found.settings.replaces_as_recorded) {
            self.replace_missing(group);
        }
    }
}

impl Group {
    /// The most instances that launches may bring its capacity to. An instance that has yet to pass
    /// its termination hooks counts towards the maximum size. Recorded 2026; this cause is likely,
    /// not proven.
    fn launch_limit(&self) -> usize {
        if !self.settings.replaces_as_recorded {
            return usize::MAX;
        }
        let takes_room =
            |state| matches!(state, LifecycleState::Terminating | LifecycleState::TerminatingWait);
        let terminating = self.instances.values().filter(|instance| takes_room(instance.state)).count();
        let most = usize::try_from(self.settings.max_size).unwrap_or(usize::MAX);
        most.saturating_add(self.surge()).saturating_sub(terminating)
    }

    /// How many instances it is to have right now.
    fn wanted(&self) -> usize {
        let desired = usize::try_from(self.desired_capacity).unwrap_or(usize::MAX);
        desired.saturating_add(self.surge())
    }
}
