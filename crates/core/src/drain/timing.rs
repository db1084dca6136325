//! The times of a drain: heartbeats, its deadline, and the end of its hook.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::deadline::PLAN_AHEAD;
use crate::lifecycle::LifecycleHook;

/// The longest drain that can be asked for, by a variable or a notice: no hook lasts longer than 48 hours.
pub const DRAIN_TIMEOUT_SECONDS_MAX: u64 = 172_800;

/// The least heartbeat timeout that Auto Scaling takes (API reference, `PutLifecycleHook`).
pub const HEARTBEAT_TIMEOUT_MIN: Duration = Duration::from_secs(30);

/// The longest that any action lasts: 48 hours.
const HOOK_LONGEST: Duration = Duration::from_secs(DRAIN_TIMEOUT_SECONDS_MAX);

/// A drain's end comes this long before its hook's global timeout, so that it is the drainer's own.
const HOOK_RESERVE: Duration = Duration::from_secs(30);

/// A heartbeat is due when a third of the timeout has passed: two may fail before the hook runs out.
const HEARTBEATS_PER_TIMEOUT: u32 = 3;

/// What bounds a drain in time. A hook that could not be read is taken for the strictest where a heartbeat is due and
/// for the most lenient where its end is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainTiming {
    /// When the lifecycle action began.
    pub began: DateTime<Utc>,
    /// The longest drain wanted.
    pub drain_timeout: Duration,
    /// The hook, once it has been read.
    pub hook: Option<LifecycleHook>,
    /// Until when tasks that were stopped late may take.
    pub stops_until: Option<DateTime<Utc>>,
}

impl DrainTiming {
    /// The longest that the drain may take: never past the hook's global timeout, and before that by as much as lets our
    /// own end come first.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let hook = self.hook.map_or(Duration::MAX, |hook| hook.global_timeout.saturating_sub(HOOK_RESERVE));
        self.drain_timeout.min(hook)
    }

    /// The drain's deadline.
    #[must_use]
    pub fn deadline(&self) -> DateTime<Utc> {
        self.began + self.longest()
    }

    /// From when on it is looked at what there is to stop.
    #[must_use]
    pub fn stops_from(&self) -> DateTime<Utc> {
        self.deadline() - PLAN_AHEAD.min(self.longest() / 2)
    }

    /// When the drain ends, whatever is left: at its deadline, or where tasks were stopped late, once they have had their
    /// time.
    #[must_use]
    pub fn end(&self) -> DateTime<Utc> {
        let deadline = self.deadline();
        self.stops_until.map_or(deadline, |until| deadline.max(until)).min(self.hook_must_end_by())
    }

    /// When the action has to be completed, or its hook's global timeout ends it.
    #[must_use]
    pub fn hook_must_end_by(&self) -> DateTime<Utc> {
        self.began + self.hook_lasts().saturating_sub(HOOK_RESERVE)
    }

    /// How long after a heartbeat the next one is due.
    #[must_use]
    pub fn heartbeat_interval(&self) -> Duration {
        Self::heartbeat_interval_of(self.hook)
    }

    /// The same at a hook.
    #[must_use]
    pub fn heartbeat_interval_of(hook: Option<LifecycleHook>) -> Duration {
        let timeout = hook.map_or(HEARTBEAT_TIMEOUT_MIN, |hook| hook.heartbeat_timeout);
        timeout.max(HEARTBEAT_TIMEOUT_MIN) / HEARTBEATS_PER_TIMEOUT
    }

    /// Whether to record a heartbeat. `last` is the last one known, the action's own start included. Past the deadline
    /// none is: the hook's own timeout is left to end the action.
    #[must_use]
    pub fn heartbeat_due(&self, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        now < self.end() && last.is_none_or(|last| now >= last + self.heartbeat_interval())
    }

    /// When to see to the heartbeat next: an interval after the last one that was tried, so that one that fails is not
    /// tried again without a pause; `now` where that has passed meanwhile.
    #[must_use]
    pub fn next_heartbeat(&self, last_tried: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
        let due = last_tried.map(|last| last + self.heartbeat_interval());
        // Past the deadline there is none, whatever is overdue.
        due.filter(|_| now < self.end()).unwrap_or(now + self.heartbeat_interval()).max(now)
    }

    /// When to look next, after a pause at most. The drain's end is not slept through; and past it no heartbeat keeps the
    /// action open, so that it must be looked at before the hook runs out, however long the pause.
    #[must_use]
    pub fn next_look(&self, now: DateTime<Utc>, pause: Duration) -> DateTime<Utc> {
        let end = self.end();
        (now + pause).min(if now < end { end } else { now + self.heartbeat_interval() })
    }

    /// When the action has ended for certain, by its hook's global timeout. Before that an invocation that did not know
    /// when it began, or stopped its tasks late, may have recorded a heartbeat at any time.
    #[must_use]
    pub fn hook_has_ended_by(&self) -> DateTime<Utc> {
        self.began + self.hook_lasts()
    }

    fn hook_lasts(&self) -> Duration {
        self.hook.map_or(HOOK_LONGEST, |hook| hook.global_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn timing(drain: u64, hook: Option<(u64, u64)>) -> DrainTiming {
        DrainTiming {
            began: at(0),
            drain_timeout: Duration::from_secs(drain),
            hook: hook.map(|(heartbeat, global)| LifecycleHook {
                heartbeat_timeout: Duration::from_secs(heartbeat),
                global_timeout: Duration::from_secs(global),
                drain_timeout: None,
            }),
            stops_until: None,
        }
    }

    #[test]
    fn a_heartbeat_is_due_after_a_third_of_the_timeout_and_at_once_where_none_is_known() {
        let timing = timing(3600, Some((900, 90_000)));
        assert!(!timing.heartbeat_due(Some(at(0)), at(299)));
        assert!(timing.heartbeat_due(Some(at(0)), at(300)));
        assert!(!timing.heartbeat_due(Some(at(300)), at(599)));
        assert!(timing.heartbeat_due(None, at(1)));
    }

    #[test]
    fn the_next_heartbeat_is_an_interval_after_the_last_that_was_tried() {
        let timing = timing(3600, Some((900, 90_000)));
        assert_eq!(timing.next_heartbeat(Some(at(0)), at(299)), at(300));
        assert_eq!(timing.next_heartbeat(Some(at(300)), at(300)), at(600));
        assert_eq!(timing.next_heartbeat(None, at(7)), at(307));
    }

    #[test]
    fn one_that_fell_due_meanwhile_is_next_but_none_is_past_the_deadline() {
        let timing = timing(3600, Some((900, 90_000)));
        assert_eq!(timing.next_heartbeat(Some(at(0)), at(301)), at(301));
        assert_eq!(timing.next_heartbeat(Some(at(0)), at(3600)), at(3900));
    }

    #[test]
    fn the_end_is_not_slept_through_and_past_it_the_next_look_comes_before_the_hook_runs_out() {
        let timing = timing(600, Some((36, 3600)));
        for (now, pause, look) in [(0, 55, 55), (590, 5, 595), (590, 55, 600), (600, 5, 605), (600, 55, 612)]
        {
            assert_eq!(timing.next_look(at(now), Duration::from_secs(pause)), at(look), "{now} {pause}");
        }
    }

    #[test]
    fn a_timeout_that_auto_scaling_does_not_take_is_taken_for_the_shortest_there_is() {
        assert_eq!(timing(3600, Some((0, 0))).heartbeat_interval(), Duration::from_secs(10));
    }

    #[test]
    fn a_hook_that_could_not_be_read_is_taken_for_the_shortest_there_is() {
        assert!(!timing(3600, None).heartbeat_due(Some(at(0)), at(9)));
        assert!(timing(3600, None).heartbeat_due(Some(at(0)), at(10)));
    }

    #[test]
    fn no_heartbeat_past_the_deadline() {
        let timing = timing(600, Some((300, 30_000)));
        assert!(timing.heartbeat_due(None, at(599)));
        assert!(!timing.heartbeat_due(None, at(600)));
        assert_eq!(timing.hook_has_ended_by(), at(30_000));
    }

    #[test]
    fn the_global_timeout_bounds_both_ends() {
        let timing = timing(3600, Some((30, 3000)));
        assert_eq!(timing.deadline(), at(2970));
        assert_eq!(timing.hook_has_ended_by(), at(3000));
    }

    #[test]
    fn an_unread_hook_may_last_as_long_as_any() {
        assert_eq!(timing(600, None).hook_has_ended_by(), at(172_800));
    }

    #[test]
    fn the_longest_is_the_lesser_of_what_is_wanted_and_what_the_hook_lets_end_first() {
        for (drain, hook, longest) in [
            (600, None, 600),
            (600, Some((300, 30_000)), 600),
            (3600, Some((30, 3000)), 2970),
            (172_800, Some((7200, 172_800)), 172_770),
            (600, Some((0, 0)), 0),
        ] {
            assert_eq!(timing(drain, hook).longest(), Duration::from_secs(longest), "{drain} {hook:?}");
        }
    }

    #[test]
    fn tasks_that_were_stopped_late_put_off_the_end_and_not_the_deadline() {
        for (stops_until, end) in [(None, 600), (Some(599), 600), (Some(700), 700)] {
            let timing = DrainTiming { stops_until: stops_until.map(at), ..timing(600, Some((300, 30_000))) };
            assert_eq!((timing.deadline(), timing.end()), (at(600), at(end)), "{stops_until:?}");
        }
    }

    #[test]
    fn however_late_tasks_were_stopped_the_end_comes_before_the_hooks() {
        let late = |hook| DrainTiming { stops_until: Some(at(1_000_000)), ..timing(600, hook) };
        assert_eq!(late(Some((30, 3000))).end(), at(2970));
        assert_eq!(late(None).end(), at(172_770));
    }

    #[test]
    fn the_hook_is_kept_alive_until_the_end_that_was_put_off() {
        let timing = DrainTiming { stops_until: Some(at(700)), ..timing(600, Some((300, 30_000))) };
        assert!(timing.heartbeat_due(Some(at(300)), at(699)));
        assert!(!timing.heartbeat_due(Some(at(300)), at(700)));
        assert_eq!(timing.next_heartbeat(Some(at(590)), at(650)), at(690));
    }
}
