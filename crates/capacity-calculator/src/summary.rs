//! The answer to whoever invoked the function.

use chrono::{DateTime, Utc};
use fleetkeeper_core::capacity::Report;
use fleetkeeper_core::fleet::{GroupDecision, NotUnderstood, Unplaceable};
use serde::Serialize;

use crate::scaled::Scaled;
use crate::trigger::Trigger;

/// The outcome of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
// The others are the rare cases.
#[allow(clippy::large_enum_variant)]
pub enum Outcome {
    /// A snapshot of the cluster was read, and its metrics published.
    Published(Summary),
    /// The last snapshot has what the event reports: nothing was read, or published.
    Covered(Covered),
    /// The last snapshot is seconds old: nothing was read, or published. The next schedule reads.
    Held(Held),
}

impl Outcome {
    /// The published snapshot, if there is one.
    #[must_use]
    pub fn published(self) -> Option<Summary> {
        match self {
            Self::Published(summary) => Some(summary),
            Self::Covered(_) | Self::Held(_) => None,
        }
    }
}

/// The figures of a snapshot and their publication, short enough to read in a shell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The cluster's name.
    pub cluster: String,
    /// The event that invoked the function.
    pub trigger: Trigger,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// The publication.
    pub published: Published,
}

/// The figures of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The cluster's figures of the book. None without a worst-case container, which needs a
    /// service or a variable. None if the worst-case container fits on no host.
    #[serde(flatten)]
    pub capacity: Option<Report>,
    /// Tasks that services want and that neither run nor start.
    pub waiting_tasks: u64,
    /// Tasks that fit on no host of any group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unplaceable: Vec<Unplaceable>,
    /// Services whose tasks cannot be decided upon.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<NotUnderstood>,
    /// The groups, in the order of preference.
    pub groups: Vec<GroupFigures>,
}

/// The figures of one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupFigures {
    /// The decision, with the reasons.
    #[serde(flatten)]
    pub decision: GroupDecision,
    /// Its hosts' figures of the book, where there are several groups.
    #[serde(flatten)]
    pub book: Option<BookFigures>,
    /// Its changes by direct scaling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaled>,
}

/// The book's figures of one group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BookFigures {
    /// Container capacity.
    pub container_capacity: u64,
    /// Idle host capacity.
    pub idle_host_capacity: f64,
    /// Placeable containers.
    pub placeable_containers: u64,
}

impl From<&Report> for BookFigures {
    fn from(report: &Report) -> Self {
        Self {
            container_capacity: report.container_capacity,
            idle_host_capacity: report.idle_host_capacity,
            placeable_containers: report.placeable_containers,
        }
    }
}

/// A publication of metrics.
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

/// An event that the last snapshot covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Covered {
    /// The cluster's name.
    pub cluster: String,
    /// The event that invoked the function.
    pub trigger: Trigger,
    /// When the snapshot began that has it.
    pub covered_by_snapshot_of: DateTime<Utc>,
}

/// An event that came too soon after the last snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The cluster's name.
    pub cluster: String,
    /// The event that invoked the function.
    pub trigger: Trigger,
    /// Why.
    pub reason: HeldReason,
    /// When the last snapshot began.
    pub last_snapshot_of: DateTime<Utc>,
}

/// Why an event is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldReason {
    /// An event buys at most one snapshot in 10 s.
    LastSnapshotTooRecent,
}
