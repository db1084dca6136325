//! Direct scaling's memory of a cluster's groups from one decision to the next, while the function
//! is warm.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::scale_out_target::CapacityTarget;
use super::snapshot::Snapshot;
use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::AutoScalingGroup;

/// No host of a group is removed within this time of a scale-out: demand that has just been met may
/// come again, and a launch costs more than the host.
pub const AFTER_SCALE_OUT: TimeDelta = TimeDelta::minutes(10);

/// Hosts that were removable before a longer break in the decisions are observed anew. The schedule
/// decides each minute.
const BREAK_MAX: TimeDelta = TimeDelta::minutes(3);

/// Reads of a group lag behind a desired capacity that was set by less than this.
const GROUP_READS_LAG_MAX: TimeDelta = TimeDelta::seconds(60);

/// The memory of a cluster's groups.
#[derive(Debug, Clone, Default)]
pub struct ScalingMemory {
    groups: BTreeMap<String, OfGroup>,
}

#[derive(Debug, Clone)]
struct OfGroup {
    desired: u32,
    /// When each instance was read last.
    instances: BTreeMap<Ec2InstanceId, DateTime<Utc>>,
    /// When the group grew last: at a cold start nobody knows, and it is the start.
    scaled_out_at: DateTime<Utc>,
    asked: Option<Asked>,
    removable_since: BTreeMap<Ec2InstanceId, DateTime<Utc>>,
    decided_at: DateTime<Utc>,
}

/// A desired capacity that was asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    target: CapacityTarget,
    at: DateTime<Utc>,
}

impl ScalingMemory {
    /// Keeps the groups of a snapshot: whether each has grown, by whomever. Its desired capacity
    /// was raised, or an instance is new.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        let now = snapshot.began;
        for group in &snapshot.groups {
            let kept = self.groups.entry(group.name.clone()).or_insert_with(|| OfGroup {
                desired: group.desired,
                instances: BTreeMap::new(),
                scaled_out_at: now,
                asked: None,
                removable_since: BTreeMap::new(),
                decided_at: now,
            });
            let mut has_grown = group.desired > kept.desired;
            for instance in &group.instances {
                has_grown |= kept.instances.insert(instance.ec2_instance_id.clone(), now).is_none();
            }
            if has_grown {
                kept.scaled_out_at = now.max(kept.scaled_out_at);
            }
            // One that is gone from one read and back in the next was not launched in between.
            kept.instances.retain(|_, read_at| now - *read_at < GROUP_READS_LAG_MAX * 3);
            kept.desired = group.desired;
        }
        self.groups.retain(|name, _| snapshot.groups.iter().any(|group| group.name == *name));
    }

    /// Keeps which hosts of a group a decision found removable, in the order of its plan. A host
    /// that it did not is forgotten.
    pub fn observe_removable(&mut self, group: &str, removable: &[Ec2InstanceId], now: DateTime<Utc>) {
        let Some(kept) = self.groups.get_mut(group) else { return };
        let known = if now - kept.decided_at <= BREAK_MAX {
            std::mem::take(&mut kept.removable_since)
        } else {
            BTreeMap::new()
        };
        let since = |id: &Ec2InstanceId| known.get(id).copied().unwrap_or(now);
        kept.removable_since = removable.iter().map(|id| (id.clone(), since(id))).collect();
        kept.decided_at = now;
    }

    /// Keeps that a desired capacity was set, or may have been. The same one again may be asked for
    /// by this memory alone, and does not make it last longer.
    pub fn asked_for(&mut self, group: &str, target: CapacityTarget, now: DateTime<Utc>) {
        let same =
            |before: &Asked| before.target.to == target.to && now - before.at < GROUP_READS_LAG_MAX * 2;
        if let Some(kept) = self.groups.get_mut(group) {
            kept.asked = kept.asked.filter(same).or(Some(Asked { target, at: now }));
            kept.scaled_out_at = now.max(kept.scaled_out_at);
        }
    }

    /// A desired capacity that was set so short a time ago that reads may not have it. Where it is
    /// read as less than before, somebody has lowered it since.
    pub(super) fn asked(&self, group: &AutoScalingGroup, now: DateTime<Utc>) -> Option<u32> {
        let Asked { target, at } = self.groups.get(&group.name)?.asked?;
        (now - at < GROUP_READS_LAG_MAX && group.desired >= target.from).then_some(target.to)
    }

    /// Since when a host has been removable in every decision. None where the last decision is too
    /// long ago.
    pub(super) fn removable_since(
        &self,
        group: &str,
        id: &Ec2InstanceId,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let kept = self.groups.get(group).filter(|kept| now - kept.decided_at <= BREAK_MAX)?;
        kept.removable_since.get(id).copied()
    }

    /// When hosts of a group may be removed again after its last scale-out; none where they may.
    pub(super) fn scaled_out_until(&self, group: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = self.groups.get(group).map_or(now, |kept| kept.scaled_out_at) + AFTER_SCALE_OUT;
        (until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Cluster;
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        "2026-11-28T12:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
    }

    fn id(number: u64) -> Ec2InstanceId {
        format!("i-{number:017x}").parse().unwrap()
    }

    fn snapshot(minutes: i64, hosts: usize, desired: u32) -> Snapshot {
        let mut cluster = Cluster::new().group("web", hosts, 1_000, 1_000);
        cluster.group_mut("web").desired = desired;
        cluster.snapshot.began = at(minutes);
        cluster.snapshot
    }

    /// From a desired capacity of 3.
    fn to(capacity: u32) -> CapacityTarget {
        CapacityTarget { from: 3, to: capacity }
    }

    fn group(desired: u32) -> AutoScalingGroup {
        snapshot(0, 3, desired).groups.remove(0)
    }

    /// The minute until which a group counts as just scaled out, after these snapshots: minute,
    /// hosts, desired.
    fn until(snapshots: &[(i64, usize, u32)]) -> DateTime<Utc> {
        let mut memory = ScalingMemory::default();
        for (minute, hosts, desired) in snapshots {
            memory.observe(&snapshot(*minute, *hosts, *desired));
        }
        memory.scaled_out_until("web", at(0)).unwrap()
    }

    #[test]
    fn a_group_grows_by_its_desired_capacity_or_by_an_instance_and_is_unknown_at_a_cold_start() {
        for (snapshots, minute) in [
            (vec![(0, 3, 3)], 10),
            (vec![(0, 3, 3), (1, 3, 3)], 10),
            (vec![(0, 3, 3), (2, 3, 4), (3, 3, 4)], 12),
            (vec![(0, 3, 3), (2, 4, 3)], 12),
            (vec![(0, 3, 3), (2, 2, 2)], 10),
            // One read that does not have the last instance yet, and the next one.
            (vec![(0, 3, 3), (2, 2, 3), (3, 3, 3)], 10),
        ] {
            assert_eq!(until(&snapshots), at(minute), "{snapshots:?}");
        }
    }

    #[test]
    fn our_own_scale_out_counts_before_it_is_read() {
        let mut memory = ScalingMemory::default();
        memory.observe(&snapshot(0, 3, 3));
        memory.asked_for("web", to(5), at(30));
        assert_eq!(memory.scaled_out_until("web", at(30)), Some(at(40)));
        assert_eq!(memory.scaled_out_until("web", at(40)), None);
        let asked = |desired, minute| memory.asked(&group(desired), at(minute));
        assert_eq!((asked(3, 30), asked(3, 31)), (Some(5), None));
        assert_eq!(asked(2, 30), None, "somebody has lowered it since");
    }

    /// Each minute a call fails that may have taken effect, and meanwhile fewer hosts are missing.
    #[test]
    fn what_was_asked_for_in_vain_is_forgotten_though_it_is_asked_for_again() {
        let mut memory = ScalingMemory::default();
        memory.observe(&snapshot(0, 3, 3));
        let second = TimeDelta::seconds(1);
        memory.asked_for("web", to(5), at(0));
        assert_eq!(memory.asked(&group(3), at(1) - second), Some(5));
        memory.asked_for("web", to(5), at(1));
        assert_eq!(memory.asked(&group(3), at(2) - second), None);
        memory.asked_for("web", to(4), at(2));
        assert_eq!(memory.asked(&group(3), at(2) + second), Some(4));
    }

    #[test]
    fn a_group_that_was_never_seen_has_just_scaled_out() {
        assert_eq!(ScalingMemory::default().scaled_out_until("web", at(0)), Some(at(10)));
    }

    #[test]
    fn a_host_is_removable_since_the_first_of_decisions_without_a_break() {
        let mut memory = ScalingMemory::default();
        memory.observe(&snapshot(0, 3, 3));
        let since =
            |memory: &ScalingMemory, number, minute| memory.removable_since("web", &id(number), at(minute));
        memory.observe_removable("web", &[id(0), id(1)], at(0));
        memory.observe_removable("web", &[id(1)], at(1));
        memory.observe_removable("web", &[id(0), id(1)], at(2));
        assert_eq!((since(&memory, 0, 3), since(&memory, 1, 3)), (Some(at(2)), Some(at(0))));
        assert_eq!(since(&memory, 2, 3), None);
        // The calculator took no snapshot for more than three minutes.
        assert_eq!((since(&memory, 1, 5), since(&memory, 1, 6)), (Some(at(0)), None));
        memory.observe_removable("web", &[id(1)], at(6));
        assert_eq!(since(&memory, 1, 6), Some(at(6)));
    }
}
