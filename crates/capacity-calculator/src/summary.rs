//! The answer to whoever invoked the function.

use chrono::{DateTime, Utc};
use fleetkeeper_core::capacity::{IdleReport, Report, Unfittable};
use serde::Serialize;

use crate::trigger::Trigger;

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
// The other one is the rare case.
#[allow(clippy::large_enum_variant)]
pub enum Outcome {
    /// The cluster was looked at, and its capacity published.
    Published(Summary),
    /// A look at the cluster had what the event tells of: nothing was read, or published.
    Covered(Covered),
}

impl Outcome {
    /// What was published, where something was.
    #[must_use]
    pub fn published(self) -> Option<Summary> {
        match self {
            Self::Published(summary) => Some(summary),
            Self::Covered(_) => None,
        }
    }
}

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
    pub figures: Figures,
    /// What services may start that fits on no host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfittable: Vec<Unfittable>,
    /// What was put where.
    pub published: Published,
}

impl Summary {
    /// The figures, where there is a worst case.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match &self.figures {
            Figures::Capacity(report) => Some(report),
            Figures::Idle(_) => None,
        }
    }
}

/// The figures, with a worst case or without.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of a worst case.
    Capacity(Report),
    /// There is none: no service, and nothing given.
    Idle(IdleReport),
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

/// An event that needed no look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Covered {
    /// The cluster's name.
    pub cluster: String,
    /// What woke the function.
    pub trigger: Trigger,
    /// When the look began that has it.
    pub covered_by_snapshot_of: DateTime<Utc>,
}
