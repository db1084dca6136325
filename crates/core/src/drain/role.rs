//! Which invocation drains which of a group's instances.
//!
//! Hundreds of functions that each poll an instance of their own would take all the reads of an
//! account. One read describes a hundred instances. So where more than [`FEW`] of a group's
//! instances wait, one message coordinates all of them. It is the one with the lowest instance id
//! whose action at this hook is open. The others return at once.
//!
//! A coordinator goes on after its own drain, until none of those waits or another message
//! coordinates. Where its invocation is lost after that, the sweep finds them.

use std::collections::{BTreeMap, BTreeSet};

use crate::container_instance::Ec2InstanceId;
use crate::lifecycle::LifecycleActionState;

/// Where no more than this many instances wait, each message drains its own.
pub(super) const FEW: usize = 3;

/// Instances of lower ids are asked for at most this many actions. Where all of them wait at other
/// hooks only, the message drains its own.
const PROBES_MAX: usize = 10;

/// An invocation's role among those of its group.
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

/// The consequence of a reading of the group.
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

/// The states of other instances' actions, as far as Auto Scaling has answered. None: a probe
/// without an answer.
pub(super) type Probes = BTreeMap<Ec2InstanceId, Option<LifecycleActionState>>;

/// The drain of a message's own instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnDrain {
    /// It goes on.
    Open,
    /// Its action was over before this invocation worked on it.
    Over,
    /// This invocation worked on it, and its action has ended, by whomever: a coordinator may have
    /// completed it.
    Ended,
}

/// A message and its group, as far as the invocation has read them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    /// The instance of the message.
    pub(super) own: &'a Ec2InstanceId,
    /// Its drain.
    pub(super) own_drain: OwnDrain,
    /// True if other drains may have been delegated to it, here or in the invocation before.
    pub(super) coordinates: bool,
    /// The instances that wait.
    pub(super) waiting: &'a BTreeSet<Ec2InstanceId>,
    /// True if more than a few waited at once, perhaps, since the group was read before: drains may
    /// have been delegated.
    pub(super) were_many: bool,
    /// True if the lowest of them began to wait while this invocation coordinated, below all that
    /// waited then.
    pub(super) lowest_is_new: bool,
    /// True if no other hook can hold the group's instances. None: its hooks can be read and were
    /// not.
    pub(super) only_hook: Option<bool>,
}

impl Standing<'_> {
    /// The placement of the message.
    pub(super) fn placement(&self, probes: &Probes) -> Placement {
        if self.own_drain != OwnDrain::Open {
            return self.after_its_end(probes);
        }
        if self.waiting.len() <= FEW || !self.waiting.contains(self.own) {
            let delegated_to = self.were_many && self.waiting.first() == Some(self.own);
            return if self.coordinates || delegated_to { Placement::Coordinator } else { Placement::Own };
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

    /// After its own drain, a message drains those that may have been delegated to it: what a
    /// coordinator drained, and what was many with it as the lowest whose action was open. It
    /// leaves them to a lower message, or to one that began to wait later, below all others: that
    /// one delegates to none.
    fn after_its_end(&self, probes: &Probes) -> Placement {
        let Some(lowest) = self.waiting.first() else { return Placement::Own };
        let is_lower = lowest < self.own;
        // Others may have ended with it.
        let were_many = self.waiting.len() >= FEW || self.were_many;
        if !self.coordinates {
            let by_another = is_lower && self.only_hook == Some(true);
            if self.own_drain != OwnDrain::Ended || !were_many || by_another {
                return Placement::Own;
            }
            let mut lower = self.waiting.range(..self.own);
            let found = lower.by_ref().take(PROBES_MAX).find_map(|id| self.leads_to(id, probes));
            return match found {
                Some(Placement::Delegated(_)) => Placement::Own,
                Some(to_ask) => to_ask,
                None if lower.next().is_some() => Placement::Own,
                None => Placement::Coordinator,
            };
        }
        let is_coordinated = self.waiting.len() > FEW && (is_lower || self.lowest_is_new);
        let successor = is_coordinated.then(|| self.leads_to(lowest, probes)).flatten();
        successor.unwrap_or(Placement::Coordinator)
    }

    /// The consequence of an instance that may coordinate; none where its action is not open.
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
    #[derive(Clone, Copy)]
    struct Case {
        own: u64,
        own_drain: OwnDrain,
        coordinates: bool,
        were_many: bool,
        lowest_is_new: bool,
        only_hook: Option<bool>,
    }

    fn first(own: u64) -> Case {
        Case {
            own,
            own_drain: OwnDrain::Open,
            coordinates: false,
            were_many: false,
            lowest_is_new: false,
            only_hook: Some(false),
        }
    }

    fn after_its_end(own: u64, own_drain: OwnDrain, coordinates: bool) -> Case {
        Case { own_drain, coordinates, ..first(own) }
    }

    impl Case {
        fn placement(
            &self,
            waiting: impl IntoIterator<Item = u64>,
            probes: &[(u64, Option<LifecycleActionState>)],
        ) -> Placement {
            let (own, waiting) = (id(self.own), ids(waiting));
            let Self { own_drain, coordinates, were_many, lowest_is_new, only_hook, .. } = *self;
            let waiting = &waiting;
            let standing =
                Standing { own: &own, own_drain, coordinates, waiting, were_many, lowest_is_new, only_hook };
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
    fn the_lowest_of_a_few_coordinates_where_many_may_have_waited_since_it_read_the_group() {
        for (own, placement) in [(1, Placement::Coordinator), (2, Placement::Own)] {
            let were_many = Case { were_many: true, ..first(own) };
            assert_eq!(were_many.placement([1, 2, 3], &[]), placement);
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
    fn a_republished_coordinator_goes_on_with_a_few_and_leaves_many_to_the_lowest() {
        let republished = Case { coordinates: true, ..first(2) };
        assert_eq!(republished.placement([1, 2, 3], &[]), Placement::Coordinator);
        assert_eq!(republished.placement(2..=9, &[]), Placement::Coordinator);
        assert_eq!(republished.placement(1..=4, &[(1, OPEN)]), Placement::Delegated(id(1)));
    }

    #[test]
    fn after_its_end_a_coordinator_goes_on_while_any_waits() {
        let over = after_its_end(3, OwnDrain::Over, true);
        for waiting in [&[4, 5, 6, 7][..], &[1, 7]] {
            assert_eq!(over.placement(waiting.iter().copied(), &[]), Placement::Coordinator, "{waiting:?}");
        }
        assert_eq!(over.placement([], &[]), Placement::Own);
    }

    #[test]
    fn after_its_end_a_coordinator_leaves_many_to_a_lower_message_or_to_a_new_lowest() {
        let over = after_its_end(3, OwnDrain::Ended, true);
        assert_eq!(over.placement([1, 4, 5, 6], &[]), Placement::Probe(id(1)));
        assert_eq!(over.placement([1, 4, 5, 6], &[(1, OPEN)]), Placement::Delegated(id(1)));
        assert_eq!(over.placement([1, 4, 5, 6], &[(1, GONE)]), Placement::Coordinator);
        let new = Case { lowest_is_new: true, ..over };
        assert_eq!(new.placement(4..=7, &[(4, OPEN)]), Placement::Delegated(id(4)));
        assert_eq!(new.placement(4..=6, &[(4, OPEN)]), Placement::Coordinator, "a few drain their own");
    }

    #[test]
    fn after_its_end_the_lowest_of_many_drains_what_may_have_been_delegated_to_it() {
        let over = after_its_end(3, OwnDrain::Ended, false);
        assert_eq!(over.placement([4, 5, 6], &[]), Placement::Coordinator);
        assert_eq!(over.placement([4, 5], &[]), Placement::Own);
        assert_eq!(over.placement([1, 4, 5, 6], &[(1, OPEN)]), Placement::Own, "they are delegated to it");
        let only = Case { only_hook: Some(true), ..over };
        assert_eq!(only.placement([1, 4, 5, 6], &[]), Placement::Own, "that is known without a probe");
        assert_eq!(over.placement([1, 4, 5, 6], &[]), Placement::Probe(id(1)));
        for answer in [GONE, None] {
            // It may wait at another hook.
            assert_eq!(over.placement([1, 4, 5, 6], &[(1, answer)]), Placement::Coordinator);
        }
        let elsewhere: Vec<_> = (1..=10).map(|number| (number, GONE)).collect();
        let above = after_its_end(20, OwnDrain::Ended, false);
        assert_eq!(above.placement(1..=11, &elsewhere), Placement::Own, "nobody delegates past ten");
        let with_another = Case { were_many: true, ..over };
        assert_eq!(with_another.placement([4, 5], &[]), Placement::Coordinator, "another ended with it");
        assert_eq!(with_another.placement([1, 4], &[(1, OPEN)]), Placement::Own);
        let late = after_its_end(3, OwnDrain::Over, false);
        assert_eq!(late.placement([4, 5, 6], &[]), Placement::Own, "another invocation completed it");
    }
}
