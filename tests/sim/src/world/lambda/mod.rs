//! Lambda, as it runs functions that are invoked asynchronously (AWS Lambda developer guide, "Error
//! handling for asynchronous invocations", "Recursive loop detection").
//!
//! | module | purpose |
//! | --- | --- |
//! | [`function`] | a function's configuration |
//! | `queue` | events on their way to it: at least once, retried, given up |
//! | [`invocation`] | a driver's work, and how it ends |
//!
//! The world decides when an invocation starts, in which environment and whether it dies; whoever
//! drives the world runs the handler ([`crate::driver`]).

pub mod function;
pub mod invocation;
mod queue;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use function::LambdaFunction;
use invocation::{DeadLetter, EnvironmentId, EventId, InvocationId, Start};

pub(crate) use queue::Pending;

use super::World;

/// All functions, and what they are doing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lambda {
    functions: BTreeMap<Arc<str>, Function>,
    running: BTreeMap<InvocationId, Running>,
    /// The invocation that each busy environment is running.
    busy: BTreeMap<EnvironmentId, InvocationId>,
    starts: Vec<Start>,
    dead_letters: Vec<DeadLetter>,
    made: u64,
}

#[derive(Debug, Clone)]
struct Function {
    configuration: LambdaFunction,
    /// Environments that wait for their next invocation, the one used last at the end.
    idle: VecDeque<EnvironmentId>,
    running: u32,
}

#[derive(Debug, Clone)]
struct Running {
    environment: EnvironmentId,
    pending: Pending,
}

impl Lambda {
    fn next_id(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

impl World {
    /// Creates a function. Event sources name it: [`World::subscribe`], [`World::put_rule`],
    /// [`World::put_schedule`].
    pub fn create_function(&mut self, configuration: LambdaFunction) {
        let name: Arc<str> = configuration.name.as_str().into();
        let function = Function { configuration, idle: VecDeque::new(), running: 0 };
        self.lambda.functions.insert(name, function);
    }

    /// Takes the invocations that are due.
    pub fn take_starts(&mut self) -> Vec<Start> {
        std::mem::take(&mut self.lambda.starts)
    }

    /// Returns whether an invocation is due.
    #[must_use]
    pub fn has_starts(&self) -> bool {
        !self.lambda.starts.is_empty()
    }

    /// Events that were given up, oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> &[DeadLetter] {
        &self.lambda.dead_letters
    }

    /// From now on things are done by what an environment is running, or by the world itself.
    pub(crate) fn set_caller(&mut self, environment: Option<EnvironmentId>) {
        self.caller = environment.and_then(|environment| self.lambda.busy.get(&environment).copied());
    }

    /// How long the chain of invocations is that a message of an invocation goes on with.
    pub(crate) fn hops_after(&self, invocation: Option<InvocationId>) -> u32 {
        let running = invocation.and_then(|invocation| self.lambda.running.get(&invocation));
        running.map_or(0, |running| running.pending.hops + 1)
    }

    /// An event for a function, now.
    pub(crate) fn new_event(&mut self, function: &Arc<str>, payload: Arc<Value>, hops: u32) -> Pending {
        let event = EventId(self.lambda.next_id());
        let queued_at: DateTime<Utc> = self.now;
        Pending { function: Arc::clone(function), event, payload, hops, attempt: 1, throttles: 0, queued_at }
    }
}
