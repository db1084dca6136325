//! The answer to whoever invoked the function.

use chrono::{DateTime, Utc};
use fleetkeeper_core::capacity::Report;
use serde::Serialize;

use crate::trigger::Trigger;

/// What was worked out and published, short enough to read in a shell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The cluster's name.
    pub cluster: String,
    /// What woke the function.
    pub trigger: Trigger,
    /// The figures, and what binds them.
    #[serde(flatten)]
    pub report: Report,
    /// What was put where.
    pub published: Published,
}

/// What was put where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The namespace.
    pub namespace: String,
    /// How many metrics.
    pub metrics: usize,
    /// Their timestamp.
    pub at: DateTime<Utc>,
}
