//! The failed calls of a drain, each kind on its own: a call that fails is retried later, and the
//! others go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ports::{CallError, CallErrorKind};

/// The first pause before a failed call is retried; it doubles.
const RETRY_PAUSE_MIN: Duration = Duration::from_secs(2);

/// The longest pause before a failed call is retried.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// The longest pause before a refused call is retried: it is an error soon.
const REFUSED_PAUSE_MAX: Duration = Duration::from_secs(16);

/// The kinds of steps that call AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// See [`super::Step::Find`].
    Find,
    /// See [`super::Step::FindActive`].
    FindActive,
    /// See [`super::Step::ProveCluster`].
    ProveCluster,
    /// See [`super::Step::Describe`].
    Describe,
    /// See [`super::Step::SetDraining`].
    SetDraining,
    /// See [`super::Step::List`].
    List,
    /// See [`super::Step::DescribeTasks`].
    DescribeTasks,
    /// See [`super::Step::StopTasks`].
    StopTasks,
    /// See [`super::Step::Complete`].
    Complete,
}

/// Consecutive failures of one kind of call.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// When the first of them was.
    pub since: DateTime<Utc>,
    /// When the last of them was.
    pub last: DateTime<Utc>,
    /// Since when AWS has refused, without any other failure between.
    pub refused_since: Option<DateTime<Utc>>,
    /// How many there were.
    pub tries: u32,
    /// When the call is retried.
    pub retry_at: DateTime<Utc>,
    /// The last one.
    pub error: Arc<CallError>,
}

impl Trouble {
    /// Returns whether AWS has refused the call for this long.
    #[must_use]
    pub fn was_refused_for(&self, time: Duration) -> bool {
        self.refused_since.is_some_and(|since| self.last >= since + time)
    }
}

/// The failures of a drain that go on.
#[derive(Debug, Clone, Default)]
pub struct Troubles(BTreeMap<Kind, Trouble>);

impl Troubles {
    /// The failures of one kind of call.
    #[must_use]
    pub fn with(&self, kind: Kind) -> Option<&Trouble> {
        self.0.get(&kind)
    }

    /// The failures that have lasted longest.
    #[must_use]
    pub fn oldest(&self) -> Option<&Trouble> {
        self.0.values().min_by_key(|trouble| trouble.since)
    }

    /// A call that AWS has refused for this long.
    #[must_use]
    pub fn refused_for(&self, time: Duration) -> Option<&Trouble> {
        self.0.values().find(|trouble| trouble.was_refused_for(time))
    }

    /// When a kind of call may be retried, where that is still to come.
    pub(super) fn retry_at(&self, kind: Kind, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.with(kind).map(|trouble| trouble.retry_at).filter(|at| *at > now)
    }

    /// A call succeeded.
    pub(super) fn succeeded(&mut self, kind: Kind) {
        self.0.remove(&kind);
    }

    /// A call failed.
    pub(super) fn failed(&mut self, kind: Kind, error: Arc<CallError>, now: DateTime<Utc>) {
        let before = self.0.remove(&kind);
        let refused = error.kind == CallErrorKind::Refused;
        let refused_before = before.as_ref().and_then(|trouble| trouble.refused_since);
        let tries = before.as_ref().map_or(1, |trouble| trouble.tries.saturating_add(1));
        let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        let most = if refused { REFUSED_PAUSE_MAX } else { RETRY_PAUSE_MAX };
        let trouble = Trouble {
            since: before.map_or(now, |trouble| trouble.since),
            last: now,
            refused_since: refused.then(|| refused_before.unwrap_or(now)),
            tries,
            retry_at: now + RETRY_PAUSE_MIN.saturating_mul(doubled).min(most),
            error,
        };
        self.0.insert(kind, trouble);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn error(kind: CallErrorKind) -> Arc<CallError> {
        Arc::new(CallError { operation: "ecs:ListTasks", resource: "demo".to_owned(), kind, source: None })
    }

    #[test]
    fn the_pauses_double_up_to_a_minute_and_a_success_forgets_them() {
        let mut troubles = Troubles::default();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            troubles.failed(Kind::List, error(CallErrorKind::Throttled), at(0));
            pauses.push((troubles.retry_at(Kind::List, at(0)).unwrap() - at(0)).num_seconds());
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        troubles.succeeded(Kind::List);
        assert!(troubles.with(Kind::List).is_none());
    }

    #[test]
    fn one_kind_of_call_fails_and_the_others_go_on() {
        let mut troubles = Troubles::default();
        troubles.failed(Kind::SetDraining, error(CallErrorKind::Unavailable), at(0));
        assert_eq!(troubles.retry_at(Kind::SetDraining, at(0)), Some(at(2)));
        assert_eq!(troubles.retry_at(Kind::List, at(0)), None);
        troubles.succeeded(Kind::List);
        assert_eq!(troubles.oldest().unwrap().tries, 1);
    }

    #[test]
    fn a_refusal_is_long_only_by_a_later_one_without_another_failure_between() {
        let mut troubles = Troubles::default();
        let minute = Duration::from_secs(60);
        troubles.failed(Kind::Find, error(CallErrorKind::Refused), at(0));
        troubles.failed(Kind::Find, error(CallErrorKind::Refused), at(59));
        assert!(troubles.refused_for(minute).is_none());
        troubles.failed(Kind::Find, error(CallErrorKind::Refused), at(60));
        assert!(troubles.refused_for(minute).is_some());
        troubles.failed(Kind::Find, error(CallErrorKind::Throttled), at(61));
        troubles.failed(Kind::Find, error(CallErrorKind::Refused), at(62));
        assert!(troubles.refused_for(minute).is_none());
    }
}
