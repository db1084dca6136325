//! Which instance a scale-in takes.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::group::Group;
use super::instance::GroupInstance;
use crate::world::{ApiError, World};

/// Which instance a scale-in takes. AWS first keeps the Availability Zones balanced, whatever the
/// policy: the instance comes from one of the zones that have the most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminationPolicy {
    /// The oldest launch configuration. The world keeps none, so this is the oldest instance.
    Default,
    /// The oldest instance.
    OldestInstance,
    /// The newest instance.
    NewestInstance,
    /// The first of these that the group has, whatever its zone, as a custom termination policy may
    /// name it. If it has none of them, as by default.
    InOrder(Vec<Ec2InstanceId>),
}

impl World {
    /// Gives a group another termination policy.
    pub fn set_termination_policy(&mut self, group: &str, policy: TerminationPolicy) -> Result<(), ApiError> {
        self.group_mut(group)?.settings.termination_policy = policy;
        Ok(())
    }
}

impl Group {
    /// The instance that a scale-in takes, and its capacity units; none where all are protected.
    pub(crate) fn to_terminate(&self) -> Option<(Ec2InstanceId, u32)> {
        let policy = &self.settings.termination_policy;
        let with_units = |(id, instance): (&Ec2InstanceId, &GroupInstance)| (id.clone(), instance.units());
        if let TerminationPolicy::InOrder(order) = policy {
            let mut known = order.iter().filter_map(|id| self.instances.get_key_value(id));
            if let Some(first) = known.find(|(_, it)| it.state.counts() && !it.protected_from_scale_in) {
                return Some(with_units(first));
            }
        }
        let fullest = self.fullest_zones();
        // With a single zone there is nothing to compare.
        let candidates = self.unprotected().filter(|(_, instance)| {
            fullest.as_ref().is_none_or(|zones| zones.contains(instance.zone.as_str()))
        });
        let age = |(id, instance): &(&Ec2InstanceId, &GroupInstance)| (instance.launched_at, (*id).clone());
        let chosen = match policy {
            TerminationPolicy::NewestInstance => candidates.max_by_key(age),
            _ => candidates.min_by_key(age),
        };
        chosen.map(with_units)
    }

    /// The zone for the next launch: the one that has the fewest instances, the first of several.
    pub(crate) fn emptiest_zone(&self) -> String {
        let zones = self.settings.zones.iter();
        match self.settings.zones.as_slice() {
            [] => String::new(),
            [only] => only.clone(),
            _ => {
                let counts = self.by_zone();
                let has = |zone: &&String| counts.get(zone.as_str()).copied().unwrap_or_default();
                zones.min_by_key(has).cloned().unwrap_or_default()
            }
        }
    }

    /// Of the zones with an unprotected instance those with the most instances; none where there is
    /// but one zone.
    fn fullest_zones(&self) -> Option<BTreeSet<&str>> {
        if self.settings.zones.len() < 2 {
            return None;
        }
        let counts = self.by_zone();
        let open: BTreeSet<&str> = self.unprotected().map(|(_, it)| it.zone.as_str()).collect();
        let count = |zone: &str| counts.get(zone).copied().unwrap_or_default();
        let most = open.iter().map(|zone| count(zone)).max()?;
        Some(open.into_iter().filter(|zone| count(zone) == most).collect())
    }

    fn unprotected(&self) -> impl Iterator<Item = (&Ec2InstanceId, &GroupInstance)> {
        self.counting().filter(|(_, instance)| !instance.protected_from_scale_in)
    }

    /// How many instances of the capacity are in each zone that has any.
    pub(super) fn by_zone(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (_, instance) in self.counting() {
            *counts.entry(instance.zone.as_str()).or_default() += 1;
        }
        counts
    }

    /// The instances that count towards the desired capacity.
    pub(crate) fn counting(&self) -> impl Iterator<Item = (&Ec2InstanceId, &GroupInstance)> {
        self.instances.iter().filter(|(_, instance)| instance.state.counts())
    }
}
