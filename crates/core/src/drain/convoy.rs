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
