//! Invocations: a driver's work, and how it ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::world::Operation;

/// An invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InvocationId(pub u64);

/// An execution environment: a process that runs one invocation at a time, and keeps what it has
/// between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvironmentId(pub u64);

/// An event in a function's queue. Each of its attempts, and each copy of it, has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId(pub u64);

/// An invocation that is due.
#[derive(Debug, Clone)]
pub struct Start {
    /// Which.
    pub invocation: InvocationId,
    /// Of which function.
    pub function: Arc<str>,
    /// In which environment: one that is new is a cold start.
    pub environment: EnvironmentId,
    /// Its input.
    pub payload: Arc<Value>,
    /// How long the environment takes before the handler begins.
    pub init: Duration,
    /// The handler's time from then on.
    pub timeout: Duration,
    /// Where it dies.
    pub death: Option<Death>,
}

/// Where an invocation dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// At the nth of its waits.
    AtAwait(u32),
    /// At the nth of its waits for a call that can't be taken back.
    InTheAct(u32),
    /// At its first wait there, whatever else it waits for.
    During(AwaitPoint),
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum InvocationEnd {
    /// With an answer.
    Returned(Arc<Value>),
    /// With an error.
    Failed(Arc<str>),
    /// By its timeout.
    TimedOut,
    /// Its process died.
    Killed(AwaitPoint),
}

/// The call that an invocation was waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwaitPoint {
    /// A call that has not reached AWS.
    Request(Operation),
    /// The answer to a call that has.
    Answer(Operation),
    /// Time to pass.
    Time,
}

impl AwaitPoint {
    /// Returns whether it is that of a call that cannot be undone.
    pub(crate) const fn is_final(self) -> bool {
        match self {
            Self::Request(operation) | Self::Answer(operation) => operation.is_final(),
            Self::Time => false,
        }
    }
}

/// Why an event was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// Its last attempt failed.
    RetriesExhausted,
    /// It waited too long for an environment.
    EventAgeExceeded,
    /// Its chain of invocations was too long.
    RecursiveLoop,
}

/// An event that was given up, with its content.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Of which function.
    pub function: Arc<str>,
    /// Its content.
    pub payload: Arc<Value>,
    /// Why.
    pub why: GivenUp,
    /// When.
    pub at: DateTime<Utc>,
}

impl fmt::Display for AwaitPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(operation) => write!(f, "on its way to {operation}"),
            Self::Answer(operation) => write!(f, "awaiting the answer of {operation}"),
            Self::Time => f.write_str("waiting"),
        }
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RetriesExhausted => "retries exhausted",
            Self::EventAgeExceeded => "event age exceeded",
            Self::RecursiveLoop => "recursive loop",
        })
    }
}
