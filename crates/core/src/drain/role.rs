//! Which invocation drains which of a group's instances.
//!
//! Hundreds of functions that each poll an instance of their own would take all the reads that an account has, and one
//! read describes a hundred instances. So where more than [`FEW`] of a group's instances wait, the message with the
//! lowest instance id whose action at this hook is open coordinates all of them, and the others return at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::container_instance::Ec2InstanceId;

/// Where no more than this many instances wait, each message drains its own.
pub(super) const FEW: usize = 3;

/// Instances of lower ids are asked for at most this many actions. Where all of them wait at other hooks only, the
/// message drains its own.
const PROBES_MAX: usize = 10;

/// What an invocation is among those of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The group was not read yet.
    Undecided,
    /// It drains the instance of its message.
    Own,
    /// It drains every instance that waits.
    Coordinator,
    /// It looks after drains that may have been lost.
    Standby,
}

/// What follows from a reading of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placement {
    /// The message drains its own instance.
    Own,
    /// It coordinates.
    Coordinator,
    /// This instance's message coordinates.
    Delegated(Ec2InstanceId),
    /// It has to be known whether this instance's action at the hook is open.
    Probe(Ec2InstanceId),
}

/// The placement of the message about `own`, while these instances wait. `probed` is what is known of the actions of
/// instances with lower ids: whether each is open.
#[must_use]
pub(super) fn placement(
    own: &Ec2InstanceId,
    waiting: &BTreeSet<Ec2InstanceId>,
    probed: &BTreeMap<Ec2InstanceId, bool>,
) -> Placement {
    if waiting.len() <= FEW || !waiting.contains(own) {
        return Placement::Own;
    }
    for lower in waiting.range(..own).take(PROBES_MAX) {
        match probed.get(lower) {
            None => return Placement::Probe(lower.clone()),
            Some(true) => return Placement::Delegated(lower.clone()),
            Some(false) => {}
        }
    }
    if waiting.range(..own).count() > PROBES_MAX { Placement::Own } else { Placement::Coordinator }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Ec2InstanceId {
        format!("i-{number:017x}").parse().unwrap()
    }

    fn ids(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<Ec2InstanceId> {
        numbers.into_iter().map(id).collect()
    }

    fn probed(open: &[(u64, bool)]) -> BTreeMap<Ec2InstanceId, bool> {
        open.iter().map(|&(number, open)| (id(number), open)).collect()
    }

    #[test]
    fn a_few_messages_drain_their_own() {
        for own in [1, 2, 3] {
            assert_eq!(placement(&id(own), &ids([1, 2, 3]), &probed(&[])), Placement::Own);
        }
    }

    #[test]
    fn the_lowest_of_many_coordinates_and_the_others_are_delegated_to_it() {
        let waiting = ids([1, 2, 3, 4]);
        assert_eq!(placement(&id(1), &waiting, &probed(&[])), Placement::Coordinator);
        for own in [2, 3, 4] {
            assert_eq!(placement(&id(own), &waiting, &probed(&[])), Placement::Probe(id(1)));
            assert_eq!(placement(&id(own), &waiting, &probed(&[(1, true)])), Placement::Delegated(id(1)));
        }
    }

    #[test]
    fn an_instance_that_waits_at_another_hook_only_coordinates_nothing() {
        let waiting = ids([1, 2, 3, 4]);
        assert_eq!(placement(&id(2), &waiting, &probed(&[(1, false)])), Placement::Coordinator);
        assert_eq!(placement(&id(3), &waiting, &probed(&[(1, false)])), Placement::Probe(id(2)));
        let others = probed(&[(1, false), (2, false), (3, false)]);
        assert_eq!(placement(&id(4), &waiting, &others), Placement::Coordinator);
    }

    #[test]
    fn an_instance_that_the_group_does_not_show_is_drained_by_its_own_message() {
        assert_eq!(placement(&id(9), &ids([1, 2, 3, 4]), &probed(&[])), Placement::Own);
    }

    #[test]
    fn the_search_for_a_coordinator_ends() {
        let waiting = ids(1..=30);
        let all_elsewhere: Vec<_> = (1..=29).map(|number| (number, false)).collect();
        assert_eq!(placement(&id(30), &waiting, &probed(&all_elsewhere)), Placement::Own);
    }
}
