//! A function's queue of events.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Running;
use super::function::RecursiveLoop;
use super::invocation::{DeadLetter, EnvironmentId, EventId, GivenUp, InvocationEnd, InvocationId, Start};
use crate::world::World;
use crate::world::agenda::Transition;
use crate::world::history::Occurrence;

/// An event that waits for an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) function: Arc<str>,
    pub(crate) event: EventId,
    pub(crate) payload: Arc<Value>,
    /// How many invocations its chain has had.
    pub(crate) hops: u32,
    /// Which attempt is next, from 1.
    pub(crate) attempt: u32,
    /// How often it found no environment.
    pub(crate) throttles: u32,
    pub(crate) queued_at: DateTime<Utc>,
}

/// A chain of invocations is cut here.
const RECURSION_HOPS_MAX: u32 = 16;

/// From the end of an attempt that failed to the next one: 1 minute, then 2.
const RETRY_SECONDS: u32 = 60;

/// An environment's start: the init phase of a small native function.
const COLD_START: Duration = Duration::from_millis(60);

impl World {
    /// An event's time for an attempt has come.
    pub(crate) fn event_arrives(&mut self, pending: Pending) {
        let Some(function) = self.lambda.functions.get(&pending.function) else { return };
        let configuration = &function.configuration;
        let at_capacity = configuration.reserved_concurrency.is_some_and(|most| function.running >= most);
        let age = TimeDelta::seconds(i64::from(configuration.maximum_event_age_seconds));
        if configuration.recursive_loop == RecursiveLoop::Terminate && pending.hops >= RECURSION_HOPS_MAX {
            self.give_up(pending, GivenUp::RecursiveLoop);
        } else if self.now > pending.queued_at + age {
            self.give_up(pending, GivenUp::EventAgeExceeded);
        } else if at_capacity {
            self.wait_for_an_environment(pending);
        } else {
            self.start_invocation(pending);
        }
    }

    /// "Retries with backoff from 1 second to 5 minutes."
    fn wait_for_an_environment(&mut self, mut pending: Pending) {
        let seconds = 1_u32.checked_shl(pending.throttles).map_or(300, |seconds| seconds.min(300));
        pending.throttles += 1;
        self.record(Occurrence::InvocationThrottled {
            function: Arc::clone(&pending.function),
            event: pending.event,
        });
        self.agenda.enter(self.after(seconds), Transition::EventArrives(Box::new(pending)));
    }

    fn start_invocation(&mut self, pending: Pending) {
        let death = self.draw_death();
        let invocation = InvocationId(self.lambda.next_id());
        let idle =
            self.lambda.functions.get_mut(&pending.function).and_then(|function| function.idle.pop_back());
        let cold = idle.is_none();
        let environment = idle.unwrap_or_else(|| EnvironmentId(self.lambda.next_id()));
        let Some(function) = self.lambda.functions.get_mut(&pending.function) else { return };
        function.running += 1;
        let timeout = Duration::from_secs(function.configuration.timeout_seconds.into());
        self.lambda.starts.push(Start {
            invocation,
            function: Arc::clone(&pending.function),
            environment,
            payload: Arc::clone(&pending.payload),
            init: if cold { COLD_START } else { Duration::ZERO },
            timeout,
            death,
        });
        self.record(Occurrence::InvocationStarted {
            invocation,
            function: Arc::clone(&pending.function),
            environment,
            cold,
            event: pending.event,
            attempt: pending.attempt,
            hops: pending.hops,
            payload: Arc::clone(&pending.payload),
        });
        self.lambda.busy.insert(environment, invocation);
        self.lambda.running.insert(invocation, Running { environment, pending });
    }

    /// An invocation is over: whoever runs it says how.
    pub fn end_invocation(&mut self, invocation: InvocationId, end: InvocationEnd) {
        let Some(Running { environment, pending }) = self.lambda.running.remove(&invocation) else { return };
        self.lambda.busy.remove(&environment);
        let survives = matches!(end, InvocationEnd::Returned(_) | InvocationEnd::Failed(_));
        let succeeded = matches!(end, InvocationEnd::Returned(_));
        self.record(Occurrence::InvocationEnded { invocation, end });
        self.release(&pending.function, survives.then_some(environment));
        if !succeeded {
            self.retry(pending);
        } else if self.draws_second_run() {
            let again = Transition::EventArrives(Box::new(pending));
            self.agenda.enter(self.after(1), again);
        }
    }

    fn release(&mut self, function: &Arc<str>, environment: Option<EnvironmentId>) {
        let recycled = self.draws_recycling();
        let Some(found) = self.lambda.functions.get_mut(function) else { return };
        found.running = found.running.saturating_sub(1);
        if let Some(environment) = environment.filter(|_| !recycled) {
            found.idle.push_back(environment);
        }
    }

    fn retry(&mut self, mut pending: Pending) {
        let retries = self.lambda.functions.get(&pending.function);
        let retries = retries.map_or(0, |function| function.configuration.maximum_retry_attempts);
        if pending.attempt > retries {
            self.give_up(pending, GivenUp::RetriesExhausted);
            return;
        }
        let seconds = RETRY_SECONDS.saturating_mul(pending.attempt);
        pending.attempt += 1;
        self.agenda.enter(self.after(seconds), Transition::EventArrives(Box::new(pending)));
    }

    fn give_up(&mut self, pending: Pending, why: GivenUp) {
        let Pending { function, event, payload, .. } = pending;
        self.record(Occurrence::EventGivenUp { function: Arc::clone(&function), event, why });
        self.lambda.dead_letters.push(DeadLetter { function, payload, why, at: self.now });
    }
}
