//! Who carries the drains of a group, where several of its instances are terminated at once.
//!
//! Hundreds of functions that each look at their own instance would take all the reads that an account has. But one read
//! tells of a hundred instances, and Auto Scaling tells which ones wait. So a few invocations carry all of a group's
//! drains at a hook, and the others end at once:
//!
//! - The messages of the [`CARRIERS`] waiting instances with the lowest ids carry everything that waits, and go on with
//!   that when their own instances are gone. A carrier ends only where nothing waits any more.
//! - So as long as anything waits, there is a carrier: a message is left to those of lower ids only, and the lowest is
//!   left to none. Nothing is kept but what AWS keeps by itself.
//! - The first of them acts at once; the others stand by, and act on what has been left undone for a while.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::container_instance::Ec2InstanceId;

/// How many messages carry all that waits: should one be lost, with its retries, others are left; and where only few
/// functions may run at once, one of them is soon among those that do.
pub const CARRIERS: usize = 3;

/// A group is asked for those that wait this often.
pub const GROUP_INTERVAL: Duration = Duration::from_secs(30);

/// A sweep lasts no longer than this, so that sweeps made every minute do not pile up.
pub const SWEEP_LASTS: Duration = Duration::from_secs(50);

/// For each carrier before it, one leaves the others' drains alone for this long after there was something to do.
const STAND_BY: Duration = Duration::from_secs(15);

/// What an invocation is among those of a group's drains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It carries all, as the first, second, ... of the carriers, counted from 0.
    Carrier(usize),
    /// Others carry its drain; this instance's message is one of them.
    Follower(Ec2InstanceId),
    /// It looks after what the carriers have left undone.
    Sweeper,
}

/// The role of the message about `own` while these instances wait (its own may be among them or not).
#[must_use]
pub fn role(own: &Ec2InstanceId, waiting: &BTreeSet<Ec2InstanceId>) -> Role {
    let before = waiting.range(..own).take(CARRIERS).count();
    match waiting.first() {
        Some(first) if before == CARRIERS => Role::Follower(first.clone()),
        _ => Role::Carrier(before),
    }
}

impl Role {
    /// How long what is to be done about another's instance is left to others, with so many waiting in all. Where there
    /// are no more than there are carriers, each has its own.
    #[must_use]
    pub fn patience(&self, waiting: usize) -> Duration {
        match self {
            Self::Carrier(0) if waiting > CARRIERS => Duration::ZERO,
            Self::Carrier(rank) => STAND_BY * u32::try_from(*rank).unwrap_or(u32::MAX).clamp(1, 3),
            Self::Follower(_) | Self::Sweeper => STAND_BY * 2,
        }
    }
}

/// Whether messages may have been left to a carrier that saw so many wait: it has to make sure, once it is done, that
/// nothing began to wait meanwhile. Where fewer waited, a message that counted on it counts on others, too, that have
/// begun since.
#[must_use]
pub fn mates_left(waiting: usize) -> bool {
    waiting >= CARRIERS
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn id(number: u64) -> Ec2InstanceId {
        format!("i-{number:017x}").parse().unwrap()
    }

    fn ids(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<Ec2InstanceId> {
        numbers.into_iter().map(id).collect()
    }

    #[test]
    fn those_with_the_lowest_ids_carry_and_the_others_follow_the_first() {
        let waiting = ids([2, 4, 6, 8, 10]);
        let roles = [2, 4, 6, 8, 10].map(|own| role(&id(own), &waiting));
        let follower = Role::Follower(id(2));
        assert_eq!(roles, [Role::Carrier(0), Role::Carrier(1), Role::Carrier(2), follower.clone(), follower]);
    }

    #[test]
    fn one_that_does_not_wait_has_the_role_that_it_would_have() {
        let waiting = ids([2, 4, 6, 8]);
        let roles = [1, 3, 5, 7, 9].map(|own| role(&id(own), &waiting));
        let follower = Role::Follower(id(2));
        assert_eq!(roles, [Role::Carrier(0), Role::Carrier(1), Role::Carrier(2), follower.clone(), follower]);
        assert_eq!(role(&id(1), &ids([])), Role::Carrier(0));
    }

    #[test]
    fn as_many_as_there_are_carriers_are_left_to_none() {
        for own in [2, 4, 6] {
            assert!(matches!(role(&id(own), &ids([2, 4, 6])), Role::Carrier(_)), "{own}");
        }
    }

    #[test]
    fn the_first_acts_at_once_and_each_after_it_a_while_later() {
        let seconds = |role: Role, waiting| role.patience(waiting).as_secs();
        assert_eq!([0, 1, 2, 3].map(|rank| seconds(Role::Carrier(rank), 4)), [0, 15, 30, 45]);
        assert_eq!(seconds(Role::Sweeper, 4), 30);
    }

    #[test]
    fn where_there_are_no_more_than_carriers_each_leaves_the_others_to_themselves() {
        for waiting in 0..=CARRIERS {
            let seconds = [0, 1, 2].map(|rank| Role::Carrier(rank).patience(waiting).as_secs());
            assert_eq!(seconds, [15, 15, 30], "{waiting}");
        }
    }

    #[test]
    fn messages_may_be_left_where_as_many_wait_as_there_are_carriers() {
        assert_eq!([0, 2, 3, 4].map(mates_left), [false, false, true, true]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn whichever_go_and_in_whatever_order_the_lowest_that_waits_carries(
            numbers in btree_set(0_u64..1000, 1..30),
            order in vec(any::<prop::sample::Index>(), 30),
        ) {
            let mut waiting = ids(numbers);
            for goes in order {
                let Some(lowest) = waiting.first().cloned() else { break };
                prop_assert_eq!(role(&lowest, &waiting), Role::Carrier(0));
                let followers = waiting.iter().filter(|own| matches!(role(own, &waiting), Role::Follower(_)));
                prop_assert_eq!(followers.count(), waiting.len().saturating_sub(CARRIERS));
                let gone = waiting.iter().nth(goes.index(waiting.len())).cloned();
                waiting.remove(&gone.unwrap());
            }
        }

        /// A message that is left counts on those that go on: nobody who goes makes another of them a follower.
        #[test]
        fn who_carries_goes_on_carrying_whoever_goes(
            numbers in btree_set(0_u64..1000, 1..30),
            goes in any::<prop::sample::Index>(),
        ) {
            let before = ids(numbers);
            let mut after = before.clone();
            let gone = before.iter().nth(goes.index(before.len())).cloned().unwrap();
            after.remove(&gone);
            for own in before.iter().filter(|own| matches!(role(own, &before), Role::Carrier(_))) {
                prop_assert!(matches!(role(own, &after), Role::Carrier(_)), "{own}");
            }
        }
    }
}
