//! The result of an event, as the function's answer.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use fleetkeeper_core::drain::{CompleteReason, Diagnosis, Ignored};
use serde::{Serialize, Serializer};

/// The answer to an event: one entry a record.
#[derive(Debug, Serialize)]
pub struct Response {
    /// The records' outcomes, in their order.
    pub records: Vec<RecordOutcome>,
}

/// The result of a record.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum RecordOutcome {
    /// It asks for nothing.
    Ignored {
        /// Why.
        #[serde(serialize_with = "in_words")]
        ignored: Ignored,
    },
    /// It asks for a drain, or for a sweep of a group's drains.
    Drain(Box<DrainSummary>),
    /// EC2 interrupts an instance, or may.
    Interruption(InterruptionSummary),
}

/// The result of an interruption.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterruptionSummary {
    /// The instance.
    pub ec2_instance_id: String,
    /// The cluster in which it was sought.
    pub cluster: String,
    /// EC2's announcement.
    pub interruption: String,
    /// `set-draining`, `draining-already`, `still-registering`, `not-in-cluster` or `dry-run`.
    pub outcome: &'static str,
}

/// The result of a drain in this invocation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainSummary {
    /// The instance; of a sweep, the group.
    pub ec2_instance_id: String,
    /// Its cluster.
    pub cluster: String,
    /// The delivery that this invocation worked on, counted from 1.
    pub attempt: u32,
    /// Whole seconds since the lifecycle action began.
    pub seconds_since_notice: u64,
    /// Why the drain waits, where it does and was diagnosed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// The other instances of the group that this invocation drained, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<Others>,
    /// The end.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A diagnosis and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// When it was made.
    pub as_of: DateTime<Utc>,
    /// The diagnosis.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
}

/// Other instances of the group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Others {
    /// How many still wait.
    pub waiting: usize,
    /// How many have ended.
    pub ended: usize,
}

/// How a drain ended in this invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The hook was completed.
    Completed {
        /// Why.
        #[serde(serialize_with = "in_words")]
        reason: CompleteReason,
    },
    /// The lifecycle action was over: completed by somebody else, or its instance or group is gone.
    ActionGone,
    /// The lifecycle action was over before the instance's tasks had stopped.
    CutShort {
        /// How many tasks had not stopped.
        unfinished: usize,
    },
    /// Many instances of the group wait, and another one's message coordinates their drains.
    Delegated {
        /// That instance.
        coordinator: String,
        /// How many wait.
        waiting: usize,
    },
    /// A sweep did its work.
    Swept,
    /// Nothing was changed.
    DryRun {
        /// The action that dry run kept from happening.
        would: String,
    },
    /// The invocation timeout was near, and the message was republished.
    Republished {
        /// The next delivery.
        next_attempt: u32,
        /// The reason that the drain waits.
        waiting_for: String,
    },
}

fn in_words<S: Serializer>(what: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(what)
}
