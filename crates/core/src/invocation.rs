//! One invocation of a function, as far as its time goes.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// An invocation's time when its real deadline is not known: long enough for a poll or two from a
/// shell.
pub const UNKNOWN_DEADLINE: Duration = Duration::from_secs(60);

/// An invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invocation {
    /// When it began.
    pub begins: DateTime<Utc>,
    /// When Lambda ends it.
    pub ends: DateTime<Utc>,
    /// True if Lambda gave the end. Otherwise it is assumed to be [`UNKNOWN_DEADLINE`] away.
    pub deadline_known: bool,
}

impl Invocation {
    /// An invocation that begins `now`, by the deadline in milliseconds since the epoch that
    /// Lambda's runtime API gave. One that lies before the invocation's start can't be real
    /// (`cargo lambda watch` sends such): it is taken as unknown.
    #[must_use]
    pub fn new(deadline_ms: u64, now: DateTime<Utc>) -> Self {
        let deadline = i64::try_from(deadline_ms).ok().and_then(DateTime::from_timestamp_millis);
        match deadline.filter(|deadline| *deadline > now) {
            Some(ends) => Self { begins: now, ends, deadline_known: true },
            None => Self { begins: now, ends: now + UNKNOWN_DEADLINE, deadline_known: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_ahead_is_the_end() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let invocation = Invocation::new(1_800_000_900_000, now);
        assert_eq!(invocation.ends - now, chrono::TimeDelta::seconds(900));
        assert!(invocation.deadline_known);
    }

    #[test]
    fn a_deadline_in_the_past_or_out_of_range_is_unknown() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for deadline_ms in [0, 600_000, 1_800_000_000_000, u64::MAX] {
            let invocation = Invocation::new(deadline_ms, now);
            assert_eq!(invocation.ends, now + UNKNOWN_DEADLINE);
            assert!(!invocation.deadline_known);
        }
    }
}
