//! What came of an event, as the function's answer.

use serde::{Serialize, Serializer};
use std::fmt::Display;

use fleetkeeper_core::drain::{CompleteReason, Diagnosis, Ignored};

/// The answer to an event: one entry a record.
#[derive(Debug, Serialize)]
pub struct Response {
    /// The records' outcomes, in their order.
    pub records: Vec<RecordOutcome>,
}

/// What came of a record.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum RecordOutcome {
    /// It was not for us.
    Ignored {
        /// Why.
        #[serde(serialize_with = "in_words")]
        ignored: Ignored,
    },
    /// An instance was looked after.
    Drain(Box<DrainSummary>),
    /// EC2 takes an instance back, or may.
    Interruption(InterruptionSummary),
}

/// What came of an interruption.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterruptionSummary {
    /// The instance.
    pub ec2_instance_id: String,
    /// The cluster that was asked for it.
    pub cluster: String,
    /// What is to come for it.
    pub interruption: String,
    /// `set-draining`, `draining-already`, `not-in-cluster` or `dry-run`.
    pub outcome: &'static str,
}

/// What came of a drain in this invocation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainSummary {
    /// The instance.
    pub ec2_instance_id: String,
    /// Its cluster.
    pub cluster: String,
    /// The delivery that this invocation worked on.
    pub attempt: u32,
    /// Whole seconds since the lifecycle action began.
    pub seconds_since_notice: u64,
    /// What it waits for, service by service, where that was looked into and it still waits or its time was up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Diagnosis>,
    /// The other instances of the group that were carried along, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<Others>,
    /// The end.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Instances that were carried along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Others {
    /// How many still wait.
    pub waiting: usize,
    /// How many have ended.
    pub ended: usize,
}

/// How a drain ended in this invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The hook was completed.
    Completed {
        /// Why the instance may go.
        #[serde(serialize_with = "in_words")]
        reason: CompleteReason,
    },
    /// The action was no longer there: completed by somebody else, timed out, or its instance is gone.
    ActionGone,
    /// The drain outlived its hook, which has ended by its own timeout.
    HookTimedOut,
    /// More instances of the group wait than there are carriers: the drain is left to those.
    LeftTo {
        /// The instance whose message carries first.
        carrier: String,
        /// How many wait in all.
        waiting: usize,
    },
    /// What the carriers had left undone was looked after.
    Swept,
    /// Nothing was changed.
    DryRun {
        /// What would have been done.
        would: String,
    },
    /// The invocation's time was up, and the message was republished.
    #[serde(rename_all = "camelCase")]
    HandedOn {
        /// The delivery that goes on.
        next_attempt: u32,
        /// What was waited for.
        waiting_for: String,
    },
}

fn in_words<S: Serializer>(what: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(what)
}
