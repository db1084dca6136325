//! How a group comes to have as many instances as it wants.

use super::group::Group;
use super::instance::{GroupInstance, LifecycleState};
use super::notice::Place;
use super::processes::ScalingProcess;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

impl World {
    /// `SetDesiredCapacity`, in capacity units where instances have weights: instances are
    /// launched, or terminated by the group's termination policy. It ignores the cooldown.
    pub fn set_desired_capacity(&mut self, group: &str, desired: u32) -> Result<(), ApiError> {
        let found = self.group(group)?;
        let (min, max) = (found.settings.min_size, found.settings.max_size);
        let beyond = match desired {
            _ if desired < min => format!("below min value {min}"),
            _ if desired > max => format!("above max value {max}"),
            _ => {
                self.change_desired_capacity(group, desired);
                return Ok(());
            }
        };
        let said = format!("New SetDesiredCapacity value {desired} is {beyond} for the AutoScalingGroup.");
        Err(ApiError::validation(said))
    }

    /// `SetDesiredCapacity` with `HonorCooldown`: AWS refuses it while an activity is in progress
    /// or the cooldown of a simple scaling policy lasts.
    pub fn set_desired_capacity_after_cooldown(&mut self, group: &str, desired: u32) -> Result<(), ApiError> {
        if self.group(group)?.cools_down(self.now) {
            let said = "The group is within its cooldown, or a scaling activity is in progress.";
            return Err(ApiError::client("ScalingActivityInProgress", said));
        }
        self.set_desired_capacity(group, desired)
    }

    /// `UpdateAutoScalingGroup` with other limits: the desired capacity follows them.
    pub fn set_group_sizes(&mut self, group: &str, min: u32, max: u32) -> Result<(), ApiError> {
        if min > max {
            return Err(ApiError::validation("MinSize must not be above MaxSize."));
        }
        let found = self.group_mut(group)?;
        (found.settings.min_size, found.settings.max_size) = (min, max);
        let desired = found.desired_capacity.clamp(min, max);
        self.change_desired_capacity(group, desired);
        Ok(())
    }

    /// How many instances or capacity units a group wants.
    #[must_use]
    pub fn desired_capacity(&self, group: &str) -> Option<u32> {
        self.groups.get(group).map(|group| group.desired_capacity)
    }

    pub(crate) fn change_desired_capacity(&mut self, group: &str, desired: u32) {
        self.record_desired_capacity(group, desired);
        self.balance(group);
    }

    /// Sets the desired capacity, where what follows from it is done otherwise.
    pub(crate) fn record_desired_capacity(&mut self, group: &str, desired: u32) {
        let Some(found) = self.groups.get_mut(group).filter(|it| it.desired_capacity != desired) else {
            return;
        };
        found.desired_capacity = desired;
        self.record(Occurrence::DesiredCapacity { group: group.to_owned(), desired_capacity: desired });
    }

    /// Launches what is missing, from the warm pool first. Terminates what is too much, or sends it
    /// to the warm pool.
    pub(crate) fn balance(&mut self, name: &str) {
        let Some(group) = self.groups.get(name) else { return };
        let mut has = group.units(|instance| instance.state.counts());
        let wanted = group.wanted();
        let launched = wanted.min(group.launch_limit());
        let to = group.settings.warm_pool.as_ref().map_or(Place::Ec2, |_| Place::WarmPool);
        let tolerated = group.largest_weight();
        let suspended = |process| group.suspended.contains(&process);
        let (may_launch, may_terminate) =
            (!suspended(ScalingProcess::Launch), !suspended(ScalingProcess::Terminate));
        while may_launch && has < launched {
            let Some(units) = self.launch_one(name) else { return };
            has += u64::from(units);
        }
        // With weights a launch may bring more than was missing: that much stays.
        while may_terminate && has >= wanted + tolerated {
            let Some(group) = self.groups.get(name) else { return };
            let Some((chosen, units)) = group.to_terminate() else { return };
            // A group does not go below what it wants: what weighs more than is too much stays.
            let Some(left) = has.checked_sub(u64::from(units)).filter(|left| *left >= wanted) else { return };
            self.take_out_of_service(name, &chosen, to);
            has = left;
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
    /// The most units that launches may bring its capacity to. An instance that has yet to pass its
    /// termination hooks counts towards the maximum size. Recorded 2026; this cause is likely, not
    /// proven.
    fn launch_limit(&self) -> u64 {
        if !self.settings.replaces_as_recorded {
            return u64::MAX;
        }
        let takes_room =
            |state| matches!(state, LifecycleState::Terminating | LifecycleState::TerminatingWait);
        let terminating = self.units(|instance| takes_room(instance.state));
        (u64::from(self.settings.max_size) + self.surge()).saturating_sub(terminating)
    }

    /// The units that it should have right now.
    fn wanted(&self) -> u64 {
        u64::from(self.desired_capacity) + self.surge()
    }

    /// The capacity units of some of its instances; one each where they have no weights.
    pub(crate) fn units(&self, which: impl Fn(&GroupInstance) -> bool) -> u64 {
        self.instances.values().filter(|it| which(it)).map(|it| u64::from(it.units())).sum()
    }
}
