//! What is said in the log: one line a decision, with what binds it.

use fleetkeeper_core::capacity::{HeldBack, IdleReport, Report, Resource, ResourceCapacity, Unfittable};
use tracing::{info, warn};

use crate::summary::{Covered, Figures, Outcome, Summary};

pub(crate) fn outcome(outcome: &Outcome) {
    match outcome {
        Outcome::Published(summary) => published(summary),
        Outcome::Covered(Covered { cluster, trigger, covered_by_snapshot_of }) => info!(
            cluster,
            trigger = trigger.kind,
            containerInstance = trigger.container_instance.as_ref().map(tracing::field::display),
            version = trigger.version,
            snapshot = %covered_by_snapshot_of,
            "the last snapshot has this already: nothing is read"
        ),
    }
}

fn published(summary: &Summary) {
    let cluster = &summary.cluster;
    for Unfittable { service, task_definition, fails_in } in &summary.unfittable {
        warn!(
            cluster,
            service,
            taskDefinition = task_definition.0,
            lacking = names(fails_in),
            "a task definition fits on no host, however empty: it is left out of the worst case"
        );
    }
    match &summary.figures {
        Figures::Capacity(report) => capacity(summary, report),
        Figures::Idle(report) => idle(summary, report),
    }
}

fn capacity(summary: &Summary, report: &Report) {
    let Summary { cluster, trigger, published, .. } = summary;
    if report.hosts.active == 0 {
        warn!(cluster, "no container instance is ACTIVE and connected: there is no room at all");
    }
    if !report.unknown_instance_types.is_empty() {
        let types = report.unknown_instance_types.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        warn!(
            cluster,
            instanceTypes = types,
            "nobody knows how many network interfaces these have: no room is counted on them"
        );
    }
    info!(
        cluster,
        trigger = trigger.kind,
        containerInstance = trigger.container_instance.as_ref().map(tracing::field::display),
        version = trigger.version,
        noPlaceFor = trigger.reason,
        worstCase = %report.worst_case,
        containerCapacity = report.container_capacity,
        containerCapacityBoundBy = report.container_capacity_bound_by.map(Resource::name),
        idleHostCapacity = report.idle_host_capacity,
        idleHostCapacityBoundBy = report.idle_host_capacity_bound_by.map(Resource::name),
        placeableContainers = report.placeable_containers,
        removableHosts = report.scale_in.removable_hosts,
        heldBackBy = report.scale_in.held_back.as_ref().map(held_back),
        missingHosts = report.missing_hosts,
        desiredTasks = report.wanted.desired_tasks,
        missingTasks = report.wanted.missing_tasks,
        activeHosts = report.hosts.active,
        drainingHosts = report.hosts.draining,
        disconnectedHosts = report.hosts.disconnected,
        otherHosts = report.hosts.other,
        resources = report.resources.iter().map(in_words).collect::<Vec<_>>().join("; "),
        unfittable = summary.unfittable.len(),
        namespace = published.namespace,
        metrics = published.metrics,
        "capacity is published"
    );
}

fn idle(summary: &Summary, report: &IdleReport) {
    let Summary { cluster, trigger, published, .. } = summary;
    warn!(
        cluster,
        trigger = trigger.kind,
        services = report.wanted.services,
        unfittable = summary.unfittable.len(),
        idleHosts = report.idle_hosts,
        activeHosts = report.hosts.active,
        drainingHosts = report.hosts.draining,
        disconnectedHosts = report.hosts.disconnected,
        otherHosts = report.hosts.other,
        namespace = published.namespace,
        metrics = published.metrics,
        "no ACTIVE REPLICA service on EC2 has a task that fits on a host, and no variable says how large a container is: \
         no capacity is published, only idle hosts"
    );
}

fn names(resources: &[Resource]) -> String {
    resources.iter().map(|resource| resource.name()).collect::<Vec<_>>().join(" ")
}

/// `one host more, and 2 slots would be missing: i-1: 3 tasks need 2 slots elsewhere, 1 free slot goes with it; ...`
fn held_back(held_back: &HeldBack) -> String {
    let by: Vec<_> = held_back.by.iter().map(ToString::to_string).collect();
    format!("one host more, and {} slots would be missing: {}", held_back.slots_missing, by.join("; "))
}

fn in_words(capacity: &ResourceCapacity) -> String {
    let ResourceCapacity { resource, container_capacity, per_host, full_hosts } = capacity;
    format!("{resource}: {container_capacity} fit, {per_host} an empty host, {full_hosts} hosts full")
}
