//! The cost of draining a host.

use chrono::{DateTime, Utc};

use super::Fleet;
use super::amounts::Amounts;
use super::hosts::Host;

/// The cost of draining a host: its tasks, their size, the age of its launch template and its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    pub(super) tasks: u64,
    /// The largest share of the largest host that the tasks take together, in millionths.
    pub(super) size: u64,
    /// None, of a launch configuration, is older than any.
    pub(super) launch_template_version: Option<u64>,
    pub(super) registered_at: Option<DateTime<Utc>>,
    pub(super) host: usize,
}

impl Fleet<'_> {
    /// The cost of draining a host.
    pub(super) fn cost(&self, number: usize, host: &Host<'_>) -> Cost {
        let moved = self.moved_from(number);
        let (mut tasks, mut needs) = (0, Amounts::default());
        for (kind, moved) in moved.iter() {
            tasks += moved;
            if let Some(kind) = self.kinds.all.get(kind) {
                needs = needs.plus(&Amounts(kind.needs.0.map(|need| need.saturating_mul(moved))));
            }
        }
        let shares = needs.0.iter().zip(self.largest.0);
        let size = shares.map(|(needed, most)| needed.saturating_mul(1_000_000) / most.max(1)).max();
        Cost {
            tasks,
            size: size.unwrap_or(0),
            launch_template_version: host.of_group.and_then(|it| it.launch_template_version),
            registered_at: host.instance.registered_at,
            host: number,
        }
    }
}
