//! Which invocation drains which of a group's instances.
//!
//! Hundreds of functions that each poll an instance of their own would take all the reads that an account has, and one
//! read describes a hundred instances. So where more than [`FEW`] of a group's instances wait, the message with the
//! lowest instance id whose action at this hook is open coordinates all of them, and the others return at once.
//!
//! No delegated drain may be lost. So a message that others may have been delegated to lives on after its own drain, as
//! a republished one, until none of those waits or another message is sure to coordinate.

use std::collections::{BTreeMap, BTreeSet};

use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::LifecycleActionState;

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
    /// The same, while nothing shows who else polls.
    Blind,
    /// It coordinates.
    Coordinator,
    /// This instance's message coordinates.
    Delegated(Ec2InstanceId),
    /// It must ask whether this instance's action at the hook is open.
    Probe(Ec2InstanceId),
    /// It must know whether other hooks may hold instances.
    ReadHooks,
}

/// Whether other instances' actions are open, as far as Auto Scaling has answered. None: a probe without an answer.
pub(super) type Probes = BTreeMap<Ec2InstanceId, Option<LifecycleActionState>>;

/// What is known of a message and its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    /// The instance of the message.
    pub(super) own: &'a Ec2InstanceId,
    /// Whether its drain has ended.
    pub(super) is_over: bool,
    /// Whether it was republished: others may have been delegated to it before.
    pub(super) was_republished: bool,
    /// The instances that wait.
    pub(super) waiting: &'a BTreeSet<Ec2InstanceId>,
    /// The instances that may have been delegated to it.
    pub(super) relying: &'a BTreeSet<Ec2InstanceId>,
    /// Whether no other hook can hold the group's instances. None: its hooks can be read and were not.
    pub(super) only_hook: Option<bool>,
}

impl Standing<'_> {
    /// The placement of the message.
    pub(super) fn placement(&self, probes: &Probes) -> Placement {
        if self.is_over {
            return self.after_its_end(probes);
        }
        if self.was_republished && self.waiting.first() == Some(self.own) {
            return Placement::Coordinator;
        }
        if self.waiting.len() <= FEW || !self.waiting.contains(self.own) {
            return if self.is_relied_on() { Placement::Coordinator } else { Placement::Own };
        }
        let mut lower = self.waiting.range(..self.own).take(PROBES_MAX);
        if let Some(found) = lower.clone().find_map(|id| self.leads_to(id, probes)) {
            return found;
        }
        if self.waiting.range(..self.own).count() > PROBES_MAX {
            return Placement::Own;
        }
        // Of others that cannot be asked for, a message leaves each to its own.
        let unanswered = lower.any(|id| probes.get(id) == Some(&None));
        if unanswered { Placement::Blind } else { Placement::Coordinator }
    }

    /// A message whose own drain has ended drains those that may have been delegated to it. It leaves them to the message
    /// of an instance that began to wait later and below all of them: that one delegates to none.
    fn after_its_end(&self, probes: &Probes) -> Placement {
        if !self.is_relied_on() {
            return Placement::Own;
        }
        let lowest = self.waiting.first().filter(|lowest| self.relying.first() > Some(*lowest));
        let successor = lowest.filter(|_| self.waiting.len() > FEW);
        successor.and_then(|id| self.leads_to(id, probes)).unwrap_or(Placement::Coordinator)
    }

    fn is_relied_on(&self) -> bool {
        self.relying.iter().any(|id| id != self.own && self.waiting.contains(id))
    }

    /// What follows from an instance that may coordinate; nothing where its action is not open.
    fn leads_to(&self, id: &Ec2InstanceId, probes: &Probes) -> Option<Placement> {
        let delegated = || Placement::Delegated(id.clone());
        match (probes.get(id), self.only_hook) {
            (None, _) => Some(Placement::Probe(id.clone())),
            (Some(Some(LifecycleActionState::Active)), _) => Some(delegated()),
            (Some(_), None) => Some(Placement::ReadHooks),
            // An instance that waits, waits at the only hook there is, whatever was answered.
            (Some(_), Some(only_hook)) => only_hook.then(delegated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Option<LifecycleActionState> = Some(LifecycleActionState::Active);
    const GONE: Option<LifecycleActionState> = Some(LifecycleActionState::Gone);

    fn id(number: u64) -> Ec2InstanceId {
        format!("i-{number:017x}").parse().unwrap()
    }

    fn ids(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<Ec2InstanceId> {
        numbers.into_iter().map(id).collect()
    }

    /// A message about `own`, of a group with another hook.
    struct Case {
        own: u64,
        is_over: bool,
        was_republished: bool,
        only_hook: Option<bool>,
        relying: BTreeSet<Ec2InstanceId>,
    }

    fn first(own: u64) -> Case {
        let relying = BTreeSet::new();
        Case { own, is_over: false, was_republished: false, only_hook: Some(false), relying }
    }

    impl Case {
        fn placement(
            &self,
            waiting: impl IntoIterator<Item = u64>,
            probes: &[(u64, Option<LifecycleActionState>)],
        ) -> Placement {
            let (own, waiting) = (id(self.own), ids(waiting));
            let Self { is_over, was_republished, only_hook, ref relying, .. } = *self;
            let standing =
                Standing { own: &own, is_over, was_republished, waiting: &waiting, relying, only_hook };
            standing.placement(&probes.iter().map(|&(number, answer)| (id(number), answer)).collect())
        }
    }

    #[test]
    fn a_few_messages_drain_their_own() {
        for own in [1, 2, 3] {
            assert_eq!(first(own).placement([1, 2, 3], &[]), Placement::Own);
        }
    }

    #[test]
    fn the_lowest_of_many_coordinates_and_the_others_are_delegated_to_it() {
        assert_eq!(first(1).placement(1..=4, &[]), Placement::Coordinator);
        for own in [2, 3, 4] {
            assert_eq!(first(own).placement(1..=4, &[]), Placement::Probe(id(1)));
            assert_eq!(first(own).placement(1..=4, &[(1, OPEN)]), Placement::Delegated(id(1)));
        }
    }

    #[test]
    fn an_instance_that_waits_at_another_hook_only_coordinates_nothing() {
        assert_eq!(first(2).placement(1..=4, &[(1, GONE)]), Placement::Coordinator);
        assert_eq!(first(3).placement(1..=4, &[(1, GONE)]), Placement::Probe(id(2)));
        let others = [(1, GONE), (2, GONE), (3, GONE)];
        assert_eq!(first(4).placement(1..=4, &others), Placement::Coordinator);
    }

    #[test]
    fn an_action_that_is_denied_or_not_answered_is_open_where_no_other_hook_can_hold_its_instance() {
        for answer in [GONE, None] {
            let unread = Case { only_hook: None, ..first(2) };
            assert_eq!(unread.placement(1..=4, &[(1, answer)]), Placement::ReadHooks);
            let only = Case { only_hook: Some(true), ..first(2) };
            assert_eq!(only.placement(1..=4, &[(1, answer)]), Placement::Delegated(id(1)));
        }
    }

    #[test]
    fn a_message_is_delegated_to_no_action_that_may_not_be_open() {
        assert_eq!(first(2).placement(1..=4, &[(1, None)]), Placement::Blind);
        assert_eq!(first(3).placement(1..=4, &[(1, None), (2, OPEN)]), Placement::Delegated(id(2)));
    }

    #[test]
    fn an_instance_that_the_group_does_not_show_is_drained_by_its_own_message() {
        assert_eq!(first(9).placement(1..=4, &[]), Placement::Own);
    }

    #[test]
    fn the_search_for_a_coordinator_ends() {
        let all_elsewhere: Vec<_> = (1..=29).map(|number| (number, GONE)).collect();
        assert_eq!(first(30).placement(1..=30, &all_elsewhere), Placement::Own);
    }

    #[test]
    fn a_message_that_others_may_rely_on_coordinates_even_a_few() {
        let republished = Case { was_republished: true, ..first(1) };
        assert_eq!(republished.placement([1, 2], &[]), Placement::Coordinator);
        assert_eq!(Case { own: 2, ..republished }.placement([1, 2], &[]), Placement::Own);
        let relied_on = Case { relying: ids([3]), ..first(2) };
        assert_eq!(relied_on.placement([1, 2, 3], &[]), Placement::Coordinator);
        assert_eq!(relied_on.placement([1, 2], &[]), Placement::Own);
        // Of many, the lowest coordinates.
        assert_eq!(relied_on.placement(1..=4, &[(1, OPEN)]), Placement::Delegated(id(1)));
    }

    #[test]
    fn after_its_end_a_message_drains_who_relies_on_it() {
        let over = Case { is_over: true, relying: ids([1, 7]), ..first(3) };
        for waiting in [&[1, 2, 4, 5, 6][..], &[7]] {
            assert_eq!(over.placement(waiting.iter().copied(), &[]), Placement::Coordinator, "{waiting:?}");
        }
        for waiting in [&[][..], &[8], &[2, 4, 5, 6]] {
            assert_eq!(over.placement(waiting.iter().copied(), &[]), Placement::Own, "{waiting:?}");
        }
    }

    #[test]
    fn after_its_end_a_message_leaves_the_others_to_a_newcomer_below_all_of_them() {
        let over = Case { is_over: true, relying: ids([2, 3, 5]), ..first(9) };
        assert_eq!(over.placement([1, 2, 5, 6], &[]), Placement::Probe(id(1)));
        assert_eq!(over.placement([1, 2, 5, 6], &[(1, OPEN)]), Placement::Delegated(id(1)));
        assert_eq!(over.placement([1, 2, 5, 6], &[(1, GONE)]), Placement::Coordinator);
        // A few are not coordinated by it; what is not below all may have been delegated to one of those before.
        assert_eq!(over.placement([1, 2, 5], &[(1, OPEN)]), Placement::Coordinator);
        assert_eq!(over.placement([4, 5, 6, 7], &[(4, OPEN)]), Placement::Coordinator);
    }
}
