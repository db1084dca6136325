//! The lifecycle action that waits for a drain: whether it is open, and its heartbeats.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::reason::CompleteReason;
use crate::lifecycle::LifecycleActionState;

/// A failed heartbeat is retried after this long.
const HEARTBEAT_RETRY: Duration = Duration::from_secs(10);

/// An action that is said to be gone is asked for again after this long, and each time this much
/// later.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The longest pause before it is asked for again.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(60);

/// The longest pause before a hook is completed again of which a heartbeat says that it is open,
/// and a completion that it is not.
const COMPLETE_AGAIN_MAX: Duration = Duration::from_secs(20);

/// The state of the action, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The notice is old, there was none, or the group seems not to hold the instance any more: a
    /// heartbeat shows.
    Unknown,
    /// It has just begun, or a heartbeat found it.
    Open,
    /// Auto Scaling answered that there is no such action. The group must agree: that answer has
    /// come for actions that were open.
    SaidGone { times: u32, at: DateTime<Utc> },
    /// It is over.
    Over,
    /// This drain has completed it.
    Completed(CompleteReason),
}

/// The state of the action, as its group shows it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    /// True if the group holds the instance, or may although it does not show that.
    pub holds: bool,
    /// After this many denials the action is over although the group holds the instance: something
    /// else may.
    pub believed: Option<u32>,
    /// True if a heartbeat must show whether the action is open.
    pub doubtful: bool,
    /// True if the instance's termination has superseded the action: the message of that drains it.
    pub superseded: bool,
}

/// An action.
#[derive(Debug, Clone)]
pub(super) struct WaitingAction {
    state: State,
    last_heartbeat: Option<DateTime<Utc>>,
    tried: Option<DateTime<Utc>>,
    reported: bool,
    /// True where the group shows that the instance's termination has superseded it.
    superseded: bool,
    /// When the first heartbeat after the last one that was recorded failed.
    failing_since: Option<DateTime<Utc>>,
    /// A completion whose answer was lost.
    uncertain: Option<CompleteReason>,
    /// How many completions found no action, and when the last one did.
    denied: Option<(u32, DateTime<Utc>)>,
}

impl WaitingAction {
    /// An action that began just now: its start counts as a heartbeat.
    pub(super) fn fresh(began: DateTime<Utc>) -> Self {
        Self { state: State::Open, last_heartbeat: Some(began), ..Self::unknown() }
    }

    /// An action of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self {
            state: State::Unknown,
            last_heartbeat: None,
            tried: None,
            reported: false,
            superseded: false,
            failing_since: None,
            uncertain: None,
            denied: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Returns whether the action was ever known to be open.
    pub(super) fn was_open(&self) -> bool {
        self.last_heartbeat.is_some()
    }

    /// When a heartbeat failed since Auto Scaling last said that the action is gone.
    pub(super) fn asked_in_vain_at(&self) -> Option<DateTime<Utc>> {
        let said = self.said_gone_at()?;
        self.tried.filter(|tried| *tried > said)
    }

    /// Returns whether Auto Scaling was asked for the action since then, with or without an answer.
    pub(super) fn was_asked_since(&self, time: DateTime<Utc>) -> bool {
        self.tried.is_some_and(|tried| tried >= time)
    }

    /// When the hook may have run out: heartbeats failed since the last one that was recorded.
    pub(super) fn may_have_run_out(&self, timeout: Duration) -> Option<DateTime<Utc>> {
        self.last_heartbeat.filter(|_| self.failing_since.is_some()).map(|last| last + timeout)
    }

    /// Why this drain completed it, if it did.
    pub(super) fn completed(&self) -> Option<CompleteReason> {
        if let State::Completed(reason) = self.state { Some(reason) } else { None }
    }

    /// A completion that was sent and not answered.
    pub(super) fn uncertain(&self) -> Option<CompleteReason> {
        self.uncertain
    }

    /// When Auto Scaling last said that it is gone, where nothing else is known since.
    pub(super) fn said_gone_at(&self) -> Option<DateTime<Utc>> {
        if let State::SaidGone { at, .. } = self.state { Some(at) } else { None }
    }

    /// Until when no completion is sent: one that found no action is retried later each time.
    pub(super) fn completion_waits_until(&self) -> Option<DateTime<Utc>> {
        self.denied.map(|(times, at)| at + (ASK_AGAIN * times).min(COMPLETE_AGAIN_MAX))
    }

    /// When the next heartbeat is due.
    pub(super) fn heartbeat_due_at(&self, interval: Duration, now: DateTime<Utc>) -> DateTime<Utc> {
        let retry = |tried: DateTime<Utc>| tried + HEARTBEAT_RETRY.min(interval / 2);
        if let State::SaidGone { times, at } = self.state {
            let due = at + (ASK_AGAIN * times).min(ASK_AGAIN_MAX);
            return self.asked_in_vain_at().map_or(due, |tried| due.max(retry(tried)));
        }
        let due =
            self.last_heartbeat.filter(|_| self.state != State::Unknown).map_or(now, |last| last + interval);
        self.tried.map_or(due, |tried| due.max(retry(tried)))
    }

    /// A heartbeat that was sent at `began` was answered, or not.
    pub(super) fn heartbeat(
        &mut self,
        answer: Option<LifecycleActionState>,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        self.tried = Some(now);
        match answer {
            None => self.failing_since = self.failing_since.or(Some(began)),
            Some(LifecycleActionState::Active) => {
                self.failing_since = None;
                self.state = State::Open;
                self.last_heartbeat = Some(began);
                self.reported = false;
            }
            Some(LifecycleActionState::Gone) => self.said_gone(now),
        }
    }

    /// Returns whether heartbeats have failed for more than half of the hook's timeout, as far as
    /// this invocation knows: true once.
    pub(super) fn heartbeats_fail(&mut self, timeout: Duration, now: DateTime<Utc>) -> bool {
        let may_be_open = matches!(self.state, State::Open | State::Unknown);
        let since = self.failing_since.map(|failing| self.last_heartbeat.unwrap_or(failing));
        let fail = may_be_open && !self.reported && since.is_some_and(|since| now >= since + timeout / 2);
        self.reported |= fail;
        fail
    }

    /// A completion was answered.
    pub(super) fn completion(
        &mut self,
        reason: CompleteReason,
        answer: LifecycleActionState,
        now: DateTime<Utc>,
    ) {
        match answer {
            LifecycleActionState::Active => self.state = State::Completed(reason),
            LifecycleActionState::Gone => {
                self.denied = Some((self.denied.map_or(1, |(times, _)| times.saturating_add(1)), now));
                self.said_gone(now);
            }
        }
    }

    /// A completion failed, and may have taken effect.
    pub(super) fn completion_is_uncertain(&mut self, reason: CompleteReason) {
        self.uncertain = Some(reason);
    }

    fn said_gone(&mut self, now: DateTime<Utc>) {
        let times = if let State::SaidGone { times, .. } = self.state { times } else { 0 };
        self.state = State::SaidGone { times: times.saturating_add(1), at: now };
    }

    /// Takes in the group, read at `now`. An action that was said to be gone is over where the
    /// group does not hold the instance any more. Where another hook explains the hold, it is over
    /// after `believed` answers.
    ///
    /// If a completion was sent and not answered, the answer was lost and the action was ours.
    pub(super) fn group_shows(&mut self, shown: Shown, now: DateTime<Utc>) {
        self.superseded = shown.superseded;
        match self.state {
            State::SaidGone { times, at } => {
                let believed = shown.believed.is_some_and(|answers| times >= answers);
                if now >= at && (!shown.holds || believed) {
                    self.state = self.uncertain.map_or(State::Over, State::Completed);
                }
            }
            State::Open if shown.doubtful => {
                self.state = State::Unknown;
                self.tried = None;
            }
            _ => {}
        }
    }

    pub(super) fn is_superseded(&self) -> bool {
        self.superseded
    }

    /// Its group is gone.
    pub(super) fn group_is_gone(&mut self) {
        if self.completed().is_none() {
            self.state = State::Over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(300);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn shown(holds: bool, believed: Option<u32>) -> Shown {
        Shown { holds, believed, ..Shown::default() }
    }

    #[test]
    fn a_fresh_action_is_open_and_its_start_counts_as_a_heartbeat() {
        let action = WaitingAction::fresh(at(0));
        assert!(action.is_open());
        assert_eq!(action.heartbeat_due_at(INTERVAL, at(10)), at(300));
    }

    #[test]
    fn an_unknown_action_is_asked_for_at_once() {
        let action = WaitingAction::unknown();
        assert!(!action.is_open());
        assert_eq!(action.heartbeat_due_at(INTERVAL, at(7)), at(7));
    }

    #[test]
    fn a_failed_heartbeat_is_retried_soon_and_reported_once_at_half_of_the_timeout() {
        let timeout = Duration::from_secs(900);
        let mut action = WaitingAction::fresh(at(0));
        action.heartbeat(None, at(300), at(300));
        assert_eq!(action.heartbeat_due_at(INTERVAL, at(300)), at(310));
        assert!(!action.heartbeats_fail(timeout, at(449)));
        assert!(action.heartbeats_fail(timeout, at(450)));
        assert!(!action.heartbeats_fail(timeout, at(460)));
        action.heartbeat(Some(LifecycleActionState::Active), at(460), at(461));
        assert_eq!(action.heartbeat_due_at(INTERVAL, at(461)), at(760));
    }

    #[test]
    fn a_failed_heartbeat_of_an_action_that_is_said_to_be_gone_is_retried_as_late_as_any_other() {
        let mut action = WaitingAction::fresh(at(0));
        action.completion(CompleteReason::Drained, LifecycleActionState::Gone, at(100));
        assert_eq!(action.heartbeat_due_at(INTERVAL, at(100)), at(102));
        for tried in [102, 112, 122] {
            action.heartbeat(None, at(tried), at(tried));
            assert_eq!(action.heartbeat_due_at(INTERVAL, at(tried)), at(tried + 10));
        }
        action.heartbeat(Some(LifecycleActionState::Gone), at(132), at(132));
        assert_eq!(action.heartbeat_due_at(INTERVAL, at(132)), at(136));
    }

    #[test]
    fn a_completion_that_finds_no_action_is_sent_later_each_time() {
        let mut action = WaitingAction::fresh(at(0));
        assert_eq!(action.completion_waits_until(), None);
        for (denied, until) in [(10, 12), (12, 16), (16, 22), (22, 30)] {
            action.completion(CompleteReason::Drained, LifecycleActionState::Gone, at(denied));
            action.heartbeat(Some(LifecycleActionState::Active), at(denied + 1), at(denied + 1));
            assert_eq!(action.completion_waits_until(), Some(at(until)));
        }
        for _ in 0..100 {
            action.completion(CompleteReason::Drained, LifecycleActionState::Gone, at(100));
        }
        assert_eq!(action.completion_waits_until(), Some(at(120)));
    }

    #[test]
    fn where_no_heartbeat_was_ever_answered_half_of_the_timeout_counts_from_the_first() {
        let timeout = Duration::from_secs(900);
        let mut action = WaitingAction::unknown();
        assert!(!action.heartbeats_fail(timeout, at(900)), "none was sent");
        action.heartbeat(None, at(900), at(910));
        assert!(!action.heartbeats_fail(timeout, at(1349)));
        assert!(action.heartbeats_fail(timeout, at(1350)));
    }

    #[test]
    fn an_action_that_is_said_to_be_gone_is_over_only_where_the_group_agrees() {
        let mut action = WaitingAction::fresh(at(0));
        action.heartbeat(Some(LifecycleActionState::Gone), at(10), at(10));
        action.group_shows(shown(false, None), at(9));
        assert!(!action.is_over(), "the group was read before");
        action.group_shows(shown(true, None), at(11));
        assert!(!action.is_over() && !action.is_open());
        action.heartbeat(Some(LifecycleActionState::Active), at(12), at(12));
        assert!(action.is_open());
        action.heartbeat(Some(LifecycleActionState::Gone), at(20), at(20));
        action.group_shows(shown(false, None), at(20));
        assert!(action.is_over());
    }

    #[test]
    fn where_another_hook_may_hold_the_instance_three_answers_are_believed() {
        let mut action = WaitingAction::fresh(at(0));
        for time in [10, 20, 30] {
            assert!(!action.is_over());
            action.heartbeat(Some(LifecycleActionState::Gone), at(time), at(time));
            action.group_shows(shown(true, Some(3)), at(time));
        }
        assert!(action.is_over());
    }

    #[test]
    fn a_completion_whose_answer_was_lost_was_ours_once_the_group_agrees() {
        let mut action = WaitingAction::fresh(at(0));
        action.completion_is_uncertain(CompleteReason::Drained);
        action.completion(CompleteReason::Drained, LifecycleActionState::Gone, at(10));
        action.group_shows(shown(true, None), at(10));
        assert_eq!(action.completed(), None, "the answer has come for actions that were open");
        action.group_shows(shown(false, None), at(11));
        assert_eq!(action.completed(), Some(CompleteReason::Drained));
        action.group_is_gone();
        assert_eq!(action.completed(), Some(CompleteReason::Drained));
    }
}
