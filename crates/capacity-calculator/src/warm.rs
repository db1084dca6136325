//! Data of a cluster that is kept from one snapshot to the next, while the function is warm.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::fleet::{Memory, ScalingMemory};

use crate::capacity_providers::KnownCapacityProviders;
use crate::services::KnownDefinitions;
use crate::tasks::KnownTasks;

/// What is kept of each cluster, by its name: an event gives an ARN where a variable may give a
/// name.
#[derive(Debug, Default)]
pub(crate) struct Clusters(RefCell<BTreeMap<String, Rc<Warm>>>);

/// The kept data of one cluster.
#[derive(Debug, Default)]
pub(crate) struct Warm {
    pub(crate) memory: RefCell<Memory>,
    /// Kept with direct scaling only.
    pub(crate) scaling: RefCell<ScalingMemory>,
    pub(crate) definitions: KnownDefinitions,
    pub(crate) capacity_providers: KnownCapacityProviders,
    pub(crate) tasks: KnownTasks,
    reported: RefCell<BTreeSet<(&'static str, String)>>,
}

impl Clusters {
    pub(crate) fn of(&self, cluster: &Cluster) -> Rc<Warm> {
        Rc::clone(self.0.borrow_mut().entry(cluster.name().to_owned()).or_default())
    }
}

impl Warm {
    /// Returns whether an event of a group is reported for the first time: what stays as it is does
    /// not fill the log.
    pub(crate) fn is_first(&self, event: &'static str, group: &str) -> bool {
        self.reported.borrow_mut().insert((event, group.to_owned()))
    }
}
