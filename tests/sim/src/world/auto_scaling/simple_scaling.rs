//! Simple scaling policies: one adjustment, and then a cooldown for the whole group.
//!
//! While a scaling activity of the group is in progress, or its cooldown lasts, no alarm moves it.
//! The cooldown begins when the last instance has finished launching or terminating, so a
//! termination hook postpones it (user guide, "ec2-auto-scaling-scaling-cooldowns").

use chrono::{DateTime, TimeDelta, Utc};

use super::group::Group;
use super::instance::LifecycleState;
use super::processes::ScalingProcess;
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// A policy of type `SimpleScaling` that changes the capacity by a number of instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleScalingPolicy {
    /// Its name.
    pub name: String,
    /// How many instances it adds; below zero, how many it removes.
    pub adjustment: i32,
    /// Seconds without another action after its activities have ended.
    pub cooldown_seconds: u32,
}

impl SimpleScalingPolicy {
    /// A policy with the default cooldown of 300 s.
    #[must_use]
    pub fn new(name: &str, adjustment: i32) -> Self {
        Self { name: name.to_owned(), adjustment, cooldown_seconds: 300 }
    }

    /// With a cooldown of its own.
    #[must_use]
    pub fn cooldown(mut self, seconds: u32) -> Self {
        self.cooldown_seconds = seconds;
        self
    }
}

impl World {
    /// `PutScalingPolicy`, of type `SimpleScaling`.
    pub fn put_simple_scaling_policy(
        &mut self,
        group: &str,
        policy: SimpleScalingPolicy,
    ) -> Result<(), ApiError> {
        self.group_mut(group)?.simple_policies.insert(policy.name.clone(), policy);
        Ok(())
    }

    /// An alarm executes a simple policy, if the group has one of this name.
    pub(super) fn execute_simple_policy(&mut self, name: &str, policy: &str, alarm: &str) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(policy) = group.simple_policies.get(policy).cloned() else { return };
        if group.suspended.contains(&ScalingProcess::AlarmNotification) || group.cools_down(now) {
            return;
        }
        let from = group.desired_capacity;
        let (min, max) = (group.settings.min_size, group.settings.max_size);
        let to = from.saturating_add_signed(policy.adjustment).clamp(min.min(from), max.max(from));
        if to == from {
            return;
        }
        group.cooldown_seconds = Some(policy.cooldown_seconds);
        let (group, policy, alarm) = (name.to_owned(), policy.name, alarm.to_owned());
        self.record(Occurrence::PolicyExecuted { group, policy, alarm, from, to });
        self.change_desired_capacity(name, to);
    }
}

impl Group {
    /// Returns whether an activity is in progress, or the cooldown after the last one lasts.
    pub(super) fn cools_down(&self, now: DateTime<Utc>) -> bool {
        let Some(seconds) = self.cooldown_seconds else { return false };
        let under_way = |state: LifecycleState| {
            state.is_leaving() || matches!(state, LifecycleState::Pending | LifecycleState::PendingWait)
        };
        let ends = self.activities.last_end().map(|end| end + TimeDelta::seconds(i64::from(seconds)));
        self.instances.values().any(|instance| under_way(instance.state))
            || ends.is_some_and(|ends| now < ends)
    }
}
