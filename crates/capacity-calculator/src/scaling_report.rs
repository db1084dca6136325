//! Direct scaling as log lines.

use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::fleet::{CapacityTarget, HeldBack, Removal};
use fleetkeeper_core::ports::{CallError, CallErrorKind};
use tracing::{error, info, warn};

use crate::scaled::NotDoneReason;

pub(crate) fn group_left_alone(cluster: &Cluster, group: &str, why: &HeldBack) {
    info!(
        event = "group_left_alone",
        cluster = cluster.name(),
        group,
        reason = %why,
        "the group is not scaled"
    );
}

pub(crate) fn refreshes_not_read(cluster: &Cluster, group: &str, error: &CallError) {
    warn!(
        event = "refreshes_not_read",
        cluster = cluster.name(),
        group,
        error = %ErrorChain(error),
        "cannot read instance refreshes: the group is not scaled"
    );
}

/// A desired capacity that was set or, in a dry run, would have been.
pub(crate) fn desired_capacity_set(cluster: &Cluster, group: &str, target: CapacityTarget, dry_run: bool) {
    let CapacityTarget { from, to } = target;
    let cluster = cluster.name();
    if dry_run {
        let would = "set-desired-capacity";
        info!(event = "scaling_dry_run", cluster, group, would, from, to, "dry run: nothing was changed");
    } else {
        info!(event = "desired_capacity_set", cluster, group, from, to, "desired capacity set");
    }
}

pub(crate) fn desired_capacity_not_set(
    cluster: &Cluster,
    group: &str,
    target: CapacityTarget,
    error: &CallError,
) {
    error!(
        event = "desired_capacity_not_set",
        cluster = cluster.name(),
        group,
        from = target.from,
        to = target.to,
        error = %ErrorChain(error),
        "desired capacity not set"
    );
}

/// A host that was terminated or, in a dry run, would have been.
pub(crate) fn host_removed(cluster: &Cluster, group: &str, removal: &Removal, dry_run: bool) {
    let Removal { instance, tasks, removable_since } = removal;
    let cluster = cluster.name();
    if dry_run {
        info!(
            event = "scaling_dry_run",
            cluster,
            group,
            would = "remove-host",
            ec2InstanceId = instance.as_str(),
            tasks,
            removableSince = %removable_since,
            "dry run: nothing was changed"
        );
    } else {
        info!(
            event = "host_removed",
            cluster,
            group,
            ec2InstanceId = instance.as_str(),
            tasks,
            removableSince = %removable_since,
            "host removed: its tasks move elsewhere"
        );
    }
}

pub(crate) fn host_not_removed(cluster: &Cluster, group: &str, removal: &Removal, error: &CallError) {
    let (cluster, instance, chain) = (cluster.name(), removal.instance.as_str(), ErrorChain(error));
    if error.kind == CallErrorKind::Refused {
        warn!(
            event = "removal_refused",
            cluster,
            group,
            ec2InstanceId = instance,
            error = %chain,
            "AWS refused to remove a host"
        );
    } else {
        error!(
            event = "host_not_removed",
            cluster,
            group,
            ec2InstanceId = instance,
            error = %chain,
            mayBeRemoved = error.may_have_taken_effect(),
            "host not removed"
        );
    }
}

/// A snapshot that is not current enough to act on.
pub(crate) fn scaling_put_off(cluster: &Cluster, group: &str, why: &NotDoneReason) {
    info!(
        event = "scaling_put_off",
        cluster = cluster.name(),
        group,
        reason = %why,
        "changed since the snapshot: the next one decides anew"
    );
}
