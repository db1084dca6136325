//! A function's memory of a group between two sweeps. It is lost with the function's environment.
//! Then the next sweep starts over, later and never earlier.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::evidence::Seen;
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::LifecycleHook;

/// An instance that has waited for less than this is left to its own message.
pub(super) const SWEPT_AFTER: Duration = Duration::from_secs(120);

/// The longest pause between two polls of drains that are under way.
const STANDBY_INTERVAL_MAX: Duration = Duration::from_secs(450);

/// A function's memory of a group's drains.
#[derive(Debug, Clone, Default)]
pub struct Standby {
    /// Since when each has waited, and in which lifecycle state: another one is another wait.
    first_seen: BTreeMap<Ec2InstanceId, (DateTime<Utc>, String)>,
    /// Those whose start the group's activities have shown.
    timed: BTreeSet<Ec2InstanceId>,
    set_draining: BTreeSet<Ec2InstanceId>,
    seen: BTreeMap<Ec2InstanceId, Seen>,
    hooks: Option<Vec<LifecycleHook>>,
    next: Option<DateTime<Utc>>,
}

impl Standby {
    /// Returns whether a sweep has something to do now.
    #[must_use]
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// The instances that wait now, with their lifecycle states.
    pub(super) fn see_waiting(&mut self, waiting: &BTreeMap<Ec2InstanceId, String>, now: DateTime<Utc>) {
        self.first_seen.retain(|id, (_, state)| waiting.get(id) == Some(state));
        self.timed.retain(|id| self.first_seen.contains_key(id));
        self.set_draining.retain(|id| waiting.contains_key(id));
        self.seen.retain(|id, _| waiting.contains_key(id));
        for (id, state) in waiting {
            self.first_seen.entry(id.clone()).or_insert_with(|| (now, state.clone()));
        }
    }

    /// Adds what a drain of the group learned, which may have begun before the last sweep.
    pub fn learn(&mut self, other: Self) {
        for (id, (seen, state)) in other.first_seen {
            let known = self.first_seen.entry(id.clone()).or_insert_with(|| (seen, state.clone()));
            if known.1 == state {
                known.0 = known.0.min(seen);
                self.timed.extend(other.timed.contains(&id).then_some(id));
            }
        }
        for (id, _) in other.seen.into_iter().filter(|(_, seen)| seen.in_cluster) {
            self.seen.entry(id).or_default().in_cluster = true;
        }
        self.hooks = self.hooks.take().or(other.hooks);
    }

    /// Since when an instance has been seen to wait.
    #[must_use]
    pub fn first_seen(&self, id: &Ec2InstanceId) -> Option<DateTime<Utc>> {
        self.first_seen.get(id).map(|(seen, _)| *seen)
    }

    /// An instance's wait began then, as the group's activities show.
    pub(super) fn began(&mut self, id: &Ec2InstanceId, at: DateTime<Utc>) {
        if let Some((seen, _)) = self.first_seen.get_mut(id) {
            *seen = at;
            self.timed.insert(id.clone());
        }
    }

    /// Returns whether the group's activities have shown since when an instance waits.
    pub(super) fn was_timed(&self, id: &Ec2InstanceId) -> bool {
        self.timed.contains(id)
    }

    /// The instances that have waited for long enough.
    #[must_use]
    pub fn ripe(&self, now: DateTime<Utc>) -> Vec<(Ec2InstanceId, DateTime<Utc>)> {
        let ripe = self.first_seen.iter().filter(|(_, (seen, _))| now >= *seen + SWEPT_AFTER);
        ripe.map(|(id, (seen, _))| (id.clone(), *seen)).collect()
    }

    /// An instance that nobody had set DRAINING: nobody else drains it.
    pub fn has_set_draining(&mut self, id: &Ec2InstanceId) {
        self.set_draining.insert(id.clone());
    }

    /// Returns whether a sweep has set it DRAINING.
    #[must_use]
    pub fn drains(&self, id: &Ec2InstanceId) -> bool {
        self.set_draining.contains(id)
    }

    /// The knowledge of an instance. Its absence lasts longer than one sweep before it is believed.
    pub(super) fn seen(&self, id: &Ec2InstanceId) -> Seen {
        self.seen.get(id).copied().unwrap_or_default()
    }

    /// Keeps an invocation's knowledge of an instance.
    pub(super) fn see(&mut self, id: &Ec2InstanceId, seen: Seen) {
        self.seen.insert(id.clone(), seen);
    }

    /// The group's hooks, where they were read before.
    #[must_use]
    pub fn hooks(&self) -> Option<&[LifecycleHook]> {
        self.hooks.as_deref()
    }

    /// The group's hooks.
    pub fn see_hooks(&mut self, hooks: &[LifecycleHook]) {
        self.hooks = Some(hooks.to_vec());
    }

    /// When the next sweep has something to do: with the next one, or where every drain is under
    /// way, in half of the hook's heartbeat timeout, before anything runs out.
    pub fn plan(&mut self, all_under_way: bool, heartbeat_timeout: Duration, now: DateTime<Utc>) {
        let all_under_way =
            all_under_way && self.first_seen.values().all(|(seen, _)| now >= *seen + SWEPT_AFTER);
        let pause = (heartbeat_timeout / 2).min(STANDBY_INTERVAL_MAX);
        self.next = (all_under_way && !self.first_seen.is_empty()).then(|| now + pause);
        if self.next.is_none() {
            // The hooks may change while nothing waits.
            self.hooks = self.hooks.take().filter(|_| !self.first_seen.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn ids(numbers: &[u64]) -> BTreeMap<Ec2InstanceId, String> {
        let id = |number: &u64| format!("i-{number:017x}").parse().unwrap();
        numbers.iter().map(|number| (id(number), "Terminating:Wait".to_owned())).collect()
    }

    #[test]
    fn an_instance_is_left_to_its_message_for_two_minutes() {
        let mut standby = Standby::default();
        standby.see_waiting(&ids(&[1]), at(0));
        standby.see_waiting(&ids(&[1, 2]), at(60));
        assert_eq!(standby.ripe(at(119)), []);
        let ripe: Vec<_> = standby.ripe(at(120)).into_iter().map(|(_, seen)| seen).collect();
        assert_eq!(ripe, [at(0)]);
    }

    #[test]
    fn an_instance_that_waits_no_more_is_forgotten() {
        let mut standby = Standby::default();
        standby.see_waiting(&ids(&[1]), at(0));
        standby.see_waiting(&ids(&[]), at(60));
        standby.see_waiting(&ids(&[1]), at(120));
        assert_eq!(standby.ripe(at(121)), []);
    }

    #[test]
    fn another_lifecycle_state_is_another_wait() {
        let mut standby = Standby::default();
        let replaced = |(id, _)| (id, "ReplacingRootVolume:Wait".to_owned());
        standby.see_waiting(&ids(&[1]).into_iter().map(replaced).collect(), at(0));
        standby.see_waiting(&ids(&[1]), at(60));
        assert_eq!(standby.ripe(at(179)), []);
        assert_eq!(standby.ripe(at(180)).len(), 1);
    }

    #[test]
    fn drains_under_way_are_polled_twice_a_heartbeat_timeout() {
        let mut standby = Standby::default();
        standby.see_waiting(&ids(&[1]), at(0));
        for (timeout, due) in [(60, 150), (900, 570), (7200, 570)] {
            standby.plan(true, Duration::from_secs(timeout), at(120));
            assert!(!standby.is_due(at(due - 1)), "{timeout}");
            assert!(standby.is_due(at(due)), "{timeout}");
        }
        standby.plan(false, Duration::from_secs(900), at(120));
        assert!(standby.is_due(at(121)));
    }

    #[test]
    fn a_young_drain_keeps_the_next_sweep_due() {
        let mut standby = Standby::default();
        standby.see_waiting(&ids(&[1]), at(0));
        standby.see_waiting(&ids(&[1, 2]), at(120));
        standby.plan(true, Duration::from_secs(900), at(120));
        assert!(standby.is_due(at(121)));
    }
}
