//! What each Auto Scaling group of a cluster is missing and can lose, from what tasks really need.
//!
//! | module | purpose |
//! | --- | --- |
//! | `snapshot` | the cluster and its groups as they were read |
//! | `memory` | what is kept of the groups from one snapshot to the next |
//! | `headroom` | the room that is kept free beyond the waiting tasks |
//! | `decision` | what is decided, with the reasons |

mod decision;
mod headroom;
mod memory;
mod snapshot;

use std::collections::BTreeSet;

pub use decision::{
    Decision, GroupDecision, GroupHosts, Held, HeldReason, Missing, MissingReason, NotUnderstood, Removable,
    Unplaceable,
};
pub use headroom::{Headroom, NotAHeadroom};
pub use memory::{Memory, UNJOINED_MAX};
pub use snapshot::{Members, PlacedTask, Snapshot, not_understood};

use crate::capacity::Demanded;
use crate::container_instance::ContainerInstanceArn;

/// A cluster and its groups, ready to be decided upon.
#[derive(Debug)]
pub struct Fleet {}

impl Fleet {
    /// Works out which tasks may be placed on which hosts.
    #[must_use]
    pub fn new(_snapshot: &Snapshot, _memory: &Memory, _headroom: Headroom) -> Self {
        Self {}
    }

    /// The container instances whose tasks must be read before [`decide`](Self::decide) can tell all that it could. Those
    /// that the snapshot has already are not among them.
    #[must_use]
    pub fn tasks_needed(&self) -> BTreeSet<ContainerInstanceArn> {
        BTreeSet::new()
    }

    /// Decides what each group is missing and can lose.
    #[must_use]
    pub fn decide(&self) -> Decision {
        Decision::default()
    }

    /// What the services may start that may be placed on hosts of a group, or on any host: what the book's figures are
    /// about.
    #[must_use]
    pub fn demanded(&self, _group: Option<&str>) -> Vec<Demanded> {
        Vec::new()
    }
}
