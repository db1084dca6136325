//! The service scheduler's back-off: how long a service waits after its tasks found no room.
//!
//! It holds for services without a capacity provider. They try for about 50 s (measured 2019:
//! `reproio/ecs_deploy#53`), then at growing intervals of 5 to 27 minutes (developer guide,
//! "service-throttle-logic"). A host that registers does not end the wait
//! (aws/amazon-ecs-agent#2309). A new deployment does.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::service::{SchedulingStrategy, Service};
use super::task_definition::TaskDefinition;
use crate::world::{ApiError, World};

/// The first attempts, at these intervals, take about 50 s.
const QUICK: TimeDelta = TimeDelta::seconds(25);

/// How many attempts follow each other quickly.
const QUICK_ATTEMPTS: i32 = 3;

/// By how much each later wait is longer than the one before.
const STEP: TimeDelta = TimeDelta::minutes(5);

/// The longest wait.
const LONGEST: TimeDelta = TimeDelta::minutes(27);

/// A service whose tasks find no room.
#[derive(Debug, Clone)]
pub(crate) struct BackOff {
    attempts: i32,
    next: DateTime<Utc>,
    /// What it tries to start: another deployment waits for nothing.
    definition: Arc<TaskDefinition>,
}

impl BackOff {
    fn after(attempts: i32, now: DateTime<Utc>, definition: &Arc<TaskDefinition>) -> Self {
        let wait = match attempts - QUICK_ATTEMPTS {
            quick if quick < 0 => QUICK,
            slow => (STEP * (slow + 1)).min(LONGEST),
        };
        Self { attempts, next: now + wait, definition: Arc::clone(definition) }
    }
}

impl Service {
    /// Returns whether its scheduler waits before it tries to place tasks.
    pub(crate) fn backs_off(&self, now: DateTime<Utc>) -> bool {
        let waits =
            self.back_off.as_ref().filter(|wait| Arc::ptr_eq(&wait.definition, &self.task_definition));
        waits.is_some_and(|wait| now < wait.next)
    }

    /// Records an attempt to place tasks, and returns when the next one is due.
    fn note_attempt(&mut self, failed: bool, placed_some: bool, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let exempt = self.scheduling_strategy == SchedulingStrategy::Daemon
            || !self.capacity_provider_strategy.is_empty();
        if !failed || exempt {
            self.back_off = None;
            return None;
        }
        let same = |wait: &&BackOff| Arc::ptr_eq(&wait.definition, &self.task_definition);
        let before = self.back_off.as_ref().filter(same).filter(|_| !placed_some);
        let attempts = before.map_or(0, |wait| wait.attempts).saturating_add(1);
        let wait = BackOff::after(attempts, now, &self.task_definition);
        let next = wait.next;
        self.back_off = Some(wait);
        Some(next)
    }
}

impl World {
    /// Lets a cluster's service scheduler back off. Without this, it places tasks as soon as there
    /// is room.
    pub fn back_off_placements(&mut self, cluster: &str) -> Result<(), ApiError> {
        self.cluster_mut(cluster)?.backs_off = true;
        Ok(())
    }

    /// A service's scheduler tried to place tasks, or found none to place.
    pub(crate) fn note_attempt(&mut self, cluster: &str, service: &str, failed: bool, placed_some: bool) {
        let now = self.now;
        let Some(found) = self.clusters.get_mut(cluster).filter(|found| found.backs_off) else { return };
        let Some(known) = found.services.get_mut(service) else { return };
        if let Some(next) = known.note_attempt(failed, placed_some, now) {
            self.request_service_scheduler_at(cluster, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_grow_from_seconds_to_27_minutes() {
        let now = "2026-11-28T10:00:00Z".parse().unwrap();
        let definition = Arc::new(TaskDefinition::new("web", 256, 512));
        let wait = |attempts| (BackOff::after(attempts, now, &definition).next - now).num_seconds();
        assert_eq!((1..=9).map(wait).collect::<Vec<_>>(), [25, 25, 300, 600, 900, 1200, 1500, 1620, 1620]);
    }
}
