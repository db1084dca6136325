//! The tasks that a service wants and does not run, and since when.
//!
//! A task that a service wants more waits from then on. The task that waited longest is taken to
//! run first. One that is not wanted any more has waited until then: the newest one.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

/// A service's tasks, as far as its present deployment goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Shortage {
    wanted: usize,
    running: usize,
    waiting: VecDeque<DateTime<Utc>>,
}

impl Shortage {
    /// It wants this many tasks. Since when each waited that it wants no more.
    pub(super) fn wants(&mut self, wanted: usize, now: DateTime<Utc>) -> VecDeque<DateTime<Utc>> {
        self.wanted = wanted;
        let short = wanted.saturating_sub(self.running).min(self.waiting.len());
        let withdrawn = self.waiting.split_off(short);
        self.settle(now);
        withdrawn
    }

    /// It begins a deployment: none of its tasks is of that one.
    pub(super) fn deploys(&mut self, now: DateTime<Utc>) {
        self.running = 0;
        self.settle(now);
    }

    /// One of its tasks runs. Since when it was waited for, if it was.
    pub(super) fn runs(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.running += 1;
        let short = self.wanted.saturating_sub(self.running);
        let since = if self.waiting.len() > short { self.waiting.pop_front() } else { None };
        self.settle(now);
        since
    }

    /// One of its tasks that ran does so no more.
    pub(super) fn lost(&mut self, now: DateTime<Utc>) {
        self.running = self.running.saturating_sub(1);
        self.settle(now);
    }

    /// Since when each waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.waiting.iter().copied()
    }

    fn settle(&mut self, now: DateTime<Utc>) {
        let short = self.wanted.saturating_sub(self.running);
        self.waiting.truncate(short);
        self.waiting.resize(short.max(self.waiting.len()), now);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn the_longest_wait_ends_first() {
        let mut web = Shortage::default();
        web.wants(1, at(0));
        web.wants(2, at(10));
        assert_eq!((web.runs(at(20)), web.runs(at(30))), (Some(at(0)), Some(at(10))));
        assert_eq!(web.runs(at(40)), None, "one more than it wants");
    }

    #[test]
    fn what_is_not_wanted_any_more_waits_no_longer() {
        let mut web = Shortage::default();
        web.wants(3, at(0));
        web.wants(4, at(2));
        assert_eq!(web.wants(1, at(5)), [at(0), at(0), at(2)]);
        assert_eq!(web.waiting().count(), 1);
        web.lost(at(6));
        assert_eq!(web.waiting().count(), 1);
    }

    #[test]
    fn a_lost_task_and_a_deployment_are_waited_for_anew() {
        let mut web = Shortage::default();
        web.wants(2, at(0));
        web.runs(at(1));
        web.runs(at(1));
        web.lost(at(5));
        assert_eq!(web.waiting().next(), Some(at(5)));
        web.runs(at(6));
        web.deploys(at(9));
        assert!(web.waiting().eq([at(9); 2]));
    }
}
