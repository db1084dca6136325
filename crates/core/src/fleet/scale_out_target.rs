//! The desired capacity that a group is raised to.

use super::Fleet;
use super::decision::Missing;

/// A desired capacity to set, in capacity units: always more than the group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapacityTarget {
    /// The group's desired capacity as it was read.
    pub from: u32,
    /// The one to set, within the group's maximum.
    pub to: u32,
}

impl CapacityTarget {
    /// The same for a group as it is read later: never below its desired capacity, nor above its
    /// maximum. None where it has so much already.
    #[must_use]
    pub fn for_group_at(self, desired: u32, maximum: u32) -> Option<Self> {
        let to = self.to.min(maximum);
        (to > desired).then_some(Self { from: desired, to })
    }
}

/// What a group is raised to: the capacity that is there to take tasks or is asked for already, and
/// what is missing beyond that. `asked` was asked for seconds ago, and reads may lag behind it. The
/// number is absolute, so that the same decision by the same snapshot asks for the same.
///
/// A group has 5 units and a desired capacity of 7, and 2 more are missing: 9.
pub(super) fn target(
    fleet: &Fleet<'_>,
    number: usize,
    missing: &Missing,
    asked: Option<u32>,
) -> Option<CapacityTarget> {
    let group = fleet.snapshot.groups.get(number)?;
    let missing = missing.units.filter(|units| *units > 0)?;
    let there = fleet.units.get(number).copied().unwrap_or(0);
    let to = there.max(group.desired.into()).saturating_add(missing).max(asked.unwrap_or(0).into());
    let target = CapacityTarget { from: group.desired, to: u32::try_from(to).unwrap_or(u32::MAX) };
    target.for_group_at(group.desired, group.maximum)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Cluster;
    use super::super::{Headroom, Memory, MissingReason};
    use super::*;

    struct Case {
        /// Instances, desired capacity and maximum.
        group: (usize, u32, u32),
        missing: Option<u64>,
        asked: Option<u32>,
        to: Option<u32>,
    }

    #[test]
    fn the_target_is_what_is_there_or_asked_for_and_what_is_missing() {
        let case = |group, missing, asked, to| Case { group, missing, asked, to };
        for Case { group: (hosts, desired, maximum), missing, asked, to } in [
            case((5, 5, 100), Some(2), None, Some(7)),
            case((5, 5, 100), Some(0), None, None),
            case((5, 5, 100), None, None, None),
            // Hosts that were asked for and are not there yet do not make up for what is missing
            // beyond them.
            case((5, 7, 100), Some(2), None, Some(9)),
            // A group that is about to shrink is raised from what is there.
            case((5, 4, 100), Some(2), None, Some(7)),
            case((5, 5, 6), Some(2), None, Some(6)),
            case((5, 5, 5), Some(2), None, None),
            // More than its maximum already: never lowered.
            case((5, 7, 5), Some(2), None, None),
            // Reads lag behind what was asked for.
            case((5, 5, 100), Some(2), Some(9), Some(9)),
            case((5, 5, 100), Some(2), Some(6), Some(7)),
            case((5, 5, 100), Some(0), Some(9), None),
        ] {
            let mut cluster = Cluster::new().group("web", hosts, 1_000, 1_000);
            let group = cluster.group_mut("web");
            (group.desired, group.maximum) = (desired, maximum);
            let memory = Memory::default();
            let fleet = Fleet::new(&cluster.snapshot, &memory, Headroom::None);
            let missing = Missing { units: missing, reason: MissingReason::HasRoom };
            let target = target(&fleet, 0, &missing, asked);
            assert_eq!(
                target.map(|it| (it.from, it.to)),
                to.map(|to| (desired, to)),
                "{hosts} {desired} {maximum} {missing:?} {asked:?}"
            );
        }
    }
}
