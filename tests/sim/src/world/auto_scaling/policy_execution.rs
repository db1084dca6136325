//! What a step scaling policy makes of a breach: warm-up, what is on its way already, and the
//! group's limits.

use chrono::{DateTime, TimeDelta, Utc};

use super::group::Group;
use super::instance::{GroupInstance, LifecycleState};
use super::processes::ScalingProcess;
use super::scaling_policy::{AdjustmentType, StepScalingPolicy};
use crate::world::World;
use crate::world::history::Occurrence;

impl World {
    /// An alarm executes a policy: the data points that it looked at are so far beyond the
    /// threshold. Without any there is no distance to find a step by.
    pub(crate) fn execute_policy(&mut self, name: &str, policy: &str, alarm: &str, breaches: &[f64]) {
        let now = self.now;
        self.execute_simple_policy(name, policy, alarm);
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(policy) = group.policies.get(policy).cloned() else { return };
        if group.suspended.contains(&ScalingProcess::AlarmNotification) {
            return;
        }
        let Some(breach) = policy.metric_aggregation.of(breaches) else { return };
        let from = group.desired_capacity;
        let Some(to) = group.desired_by(&policy, breach, now).filter(|to| *to != from) else { return };
        group.scaling_out_with_warmup = Some(policy.estimated_instance_warmup_seconds);
        self.record(Occurrence::PolicyExecuted {
            group: name.to_owned(),
            policy: policy.name,
            alarm: alarm.to_owned(),
            from,
            to,
        });
        self.change_desired_capacity(name, to);
        if let Some(group) = self.groups.get_mut(name) {
            group.scaling_out_with_warmup = None;
        }
    }
}

impl Group {
    /// The desired capacity that a policy wants; none, if it has no say now.
    fn desired_by(&self, policy: &StepScalingPolicy, breach: f64, now: DateTime<Utc>) -> Option<u32> {
        let adjustment = policy.adjustment(breach)?;
        let desired = i64::from(self.desired_capacity);
        let out = match policy.adjustment_type {
            AdjustmentType::ExactCapacity => adjustment > desired,
            _ => adjustment > 0,
        };
        let (min, max) = (i64::from(self.settings.min_size), i64::from(self.settings.max_size));
        let wanted = if out {
            // What warms up is no capacity yet: it counts as what the step asks for.
            let warming = count(self, |instance| warms_up(instance, policy, now));
            policy.target((desired - warming).max(0), adjustment).max(desired).min(max.max(desired))
        } else {
            if self.instances.values().any(|instance| scale_out_warms_up(instance, now)) {
                return None;
            }
            // A leaving instance still is capacity, so that a step does not take the next one
            // meanwhile.
            let leaving = count(self, |instance| instance.state.is_leaving());
            policy.target(desired + leaving, adjustment).min(desired).max(min.min(desired))
        };
        u32::try_from(wanted).ok()
    }
}

fn count(group: &Group, which: impl Fn(&GroupInstance) -> bool) -> i64 {
    i64::try_from(group.units(which)).unwrap_or(i64::MAX)
}

/// Returns whether a launched instance, whatever it was launched for, has no share in the metric
/// yet.
fn warms_up(instance: &GroupInstance, policy: &StepScalingPolicy, now: DateTime<Utc>) -> bool {
    warms_up_for(instance, policy.estimated_instance_warmup_seconds, now)
}

/// Returns whether an instance that a policy added warms up: meanwhile no step scaling policy
/// removes any.
fn scale_out_warms_up(instance: &GroupInstance, now: DateTime<Utc>) -> bool {
    instance.scale_out_warmup_seconds.is_some_and(|seconds| warms_up_for(instance, seconds, now))
}

/// The warm-up begins when the instance comes in service.
fn warms_up_for(instance: &GroupInstance, seconds: u32, now: DateTime<Utc>) -> bool {
    match instance.state {
        LifecycleState::Pending | LifecycleState::PendingWait => true,
        LifecycleState::InService => {
            instance.in_service_at.is_some_and(|since| since + TimeDelta::seconds(i64::from(seconds)) > now)
        }
        _ => false,
    }
}
