//! The invocation's time: what a step has of it, the pauses, and the heartbeats that fall due meanwhile.

use std::time::Duration;

use fleetkeeper_core::drain::{Role, SETTLE, mates_left};
use fleetkeeper_core::ports::{Clock, NotificationTopic};
use fleetkeeper_core::time_left::between;

use super::{Convoy, unended};
use crate::error::RecordError;
use crate::ports::{AutoScalingCalls, EcsCalls};

/// What a step's calls may take, where the hook's heartbeats leave them more.
const STEP_MOST: Duration = Duration::from_secs(60);

/// The longest between two looks of a sweep.
const SWEEP_POLL: Duration = Duration::from_secs(10);

impl<Ecs, AutoScaling, Sns, C> Convoy<'_, Ecs, AutoScaling, Sns, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    C: Clock,
{
    /// Reads the hook, where that has not been done, and keeps the actions alive.
    pub(super) async fn keep_alive(&mut self) {
        // Whatever a step's calls have left of its time.
        self.actions.until = self.hand_on_at;
        let of =
            self.drains.values().next().map_or_else(|| self.action_of(None), |drain| drain.action.clone());
        self.actions.read_hook(&of).await;
        if let Some(hook) = self.actions.hook.filter(|_| self.role == Role::Sweeper) {
            self.drain_timeout = hook.drain_timeout.unwrap_or(self.config.drain_timeout);
        }
        for drain in self.drains.values_mut() {
            drain.timing.hook = self.actions.hook;
            if self.role == Role::Sweeper {
                drain.timing.drain_timeout = self.drain_timeout;
            }
        }
        let policy = self.config.on_drain_timeout;
        self.actions.keep_alive(policy, unended(&mut self.drains)).await;
    }

    /// A call that does not answer must not outlast the hook.
    pub(super) fn grant_a_step(&mut self) {
        let interval = self.unended().map(|drain| drain.timing.heartbeat_interval()).min();
        // Many drains' reads take their time: they have half of the hook's timeout, of which a third may have passed.
        let interval = if self.drains.len() == 1 { interval } else { interval.map(|it| it * 3 / 2) };
        let patience = interval.unwrap_or(STEP_MOST).min(STEP_MOST);
        let until = self.hand_on_at.min(self.clock.now() + patience);
        self.instances.until = until;
        self.actions.until = until;
    }

    /// Waits, until the time to hand on at most, and keeps the hooks alive meanwhile: between two polls or two tries one
    /// may run out.
    pub(super) async fn rest(&mut self, pause: Duration) {
        let now = self.clock.now();
        let looks = self.unended().map(|drain| drain.timing.next_look(now, pause)).min();
        let mut until = self.hand_on_at.min(looks.unwrap_or(now + pause));
        if mates_left(self.group.most_waiting) {
            // What has begun to wait counts on this one: its hook may be shorter than the pause.
            until = self.group.read_at.map_or(until, |at| until.min(at.max(now)));
        }
        loop {
            let now = self.clock.now();
            let next = self.unended().map(|drain| drain.timing.next_heartbeat(drain.last_tried, now)).min();
            let wake = next.map_or(until, |next| until.min(next));
            self.clock.sleep(between(now, wake)).await;
            if self.clock.now() >= until {
                return;
            }
            self.keep_alive().await;
            if self.is_done() {
                return;
            }
        }
    }

    /// Each invocation has to see the instance empty for long enough by itself: with too little time for that before
    /// the margin, drains would be republished for ever and never end.
    pub(super) fn refuse_too_short_an_invocation(&self) -> Result<(), RecordError> {
        if self.invocation.begins + SETTLE + self.config.poll_interval < self.hand_on_at {
            return Ok(());
        }
        let error = RecordError::TooShort {
            seconds: between(self.invocation.begins, self.invocation.ends).as_secs(),
            settle: SETTLE.as_secs(),
            margin: self.config.deadline_margin.as_secs(),
            poll: self.config.poll_interval.as_secs(),
        };
        self.tell_failure(&error.to_string());
        Err(error)
    }

    pub(super) fn time_is_up(&self) -> bool {
        self.clock.now() >= self.hand_on_at
    }

    /// A sweep is too short for polls that are far apart.
    pub(super) fn poll_interval(&self) -> Duration {
        let poll = self.config.poll_interval;
        if self.role == Role::Sweeper { poll.min(SWEEP_POLL) } else { poll }
    }
}
