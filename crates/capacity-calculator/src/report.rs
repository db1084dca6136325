//! Outcomes as log lines.

use fleetkeeper_core::capacity::{FitsNoHost, Report, Resource, ResourceCapacity};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::fleet::{Held as HeldHost, MissingReason, NotUnderstood, Unplaceable};
use fleetkeeper_core::ports::{CallError, Failure};
use fleetkeeper_core::task::TaskDefinitionArn;
use tracing::{error, info, warn};

use crate::error::CapacityError;
use crate::scaled::Scaled;
use crate::summary::{Covered, GroupFigures, Held, Outcome, Summary};
use crate::trigger::Trigger;

pub(crate) fn container_instance_not_described(cluster: &Cluster, failure: &Failure) {
    error!(
        event = "container_instance_not_described",
        cluster = cluster.name(),
        %failure,
        "ECS cannot describe a container instance"
    );
}

pub(crate) fn service_not_described(cluster: &Cluster, failure: &Failure) {
    warn!(
        event = "service_not_described",
        cluster = cluster.name(),
        %failure,
        "ECS cannot describe a service: its demand is unknown"
    );
}

pub(crate) fn definition_not_described(cluster: &Cluster, definition: &TaskDefinitionArn, error: &CallError) {
    warn!(
        event = "task_definition_not_described",
        cluster = cluster.name(),
        taskDefinition = definition.0,
        error = %ErrorChain(error),
        "ECS cannot describe a task definition: its tasks' needs are unknown"
    );
}

pub(crate) fn group_not_found(cluster: &Cluster, group: &str) {
    warn!(
        event = "group_not_found",
        cluster = cluster.name(),
        group,
        "AUTO_SCALING_GROUPS names a group that does not exist"
    );
}

pub(crate) fn group_scaled_by_ecs(cluster: &Cluster, group: &str, capacity_provider: &str) {
    info!(
        event = "group_scaled_by_ecs",
        cluster = cluster.name(),
        group,
        capacityProvider = capacity_provider,
        "ECS scales the group: no scaling figure is published"
    );
}

pub(crate) fn too_many_tasks(cluster: &Cluster, most: usize) {
    warn!(
        event = "too_many_tasks",
        cluster = cluster.name(),
        most,
        "too many tasks to read: each counts as holding a network interface"
    );
}

pub(crate) fn tasks_not_read(cluster: &Cluster, hosts: usize, error: Option<&CallError>) {
    warn!(
        event = "tasks_not_read",
        cluster = cluster.name(),
        hosts,
        error = error.map(|error| tracing::field::display(ErrorChain(error))),
        "tasks of hosts not read: none of these is removable"
    );
}

pub(crate) fn protection_not_read(cluster: &Cluster, hosts: usize, error: Option<&CallError>) {
    warn!(
        event = "task_protection_not_read",
        cluster = cluster.name(),
        hosts,
        error = error.map(|error| tracing::field::display(ErrorChain(error))),
        "protection of tasks on hosts not read: none of these is removable"
    );
}

pub(crate) fn agents_disconnected(cluster: &Cluster, hosts: usize, first: &str) {
    warn!(
        event = "agents_disconnected",
        cluster = cluster.name(),
        hosts,
        ec2InstanceId = first,
        "agents of ACTIVE hosts are not connected: these take no tasks"
    );
}

/// The worst-case container of a cluster, or of a group, fits on none of the hosts.
pub(crate) fn fits_no_host(cluster: &Cluster, group: Option<&str>, why: &FitsNoHost) {
    warn!(
        event = "worst_case_container_fits_no_host",
        cluster = cluster.name(),
        group,
        reason = %why,
        "the worst-case container fits on no host: its figures are not published"
    );
}

pub(crate) fn failed(error: &CapacityError) {
    error!(
        event = "snapshot_failed",
        error = %ErrorChain(error),
        kind = error.kind(),
        "nothing is published"
    );
}

pub(crate) fn outcome(outcome: &Outcome) {
    match outcome {
        Outcome::Published(summary) => published(summary),
        Outcome::Covered(Covered { cluster, trigger, covered_by_snapshot_of }) => info!(
            event = "event_covered",
            cluster,
            trigger = trigger.kind,
            containerInstance = trigger.container_instance.as_ref().map(tracing::field::display),
            version = trigger.version,
            snapshot = %covered_by_snapshot_of,
            "the last snapshot has this already: nothing is read"
        ),
        Outcome::Held(Held { cluster, trigger, last_snapshot_of, .. }) => info!(
            event = "event_held",
            cluster,
            trigger = trigger.kind,
            containerInstance = trigger.container_instance.as_ref().map(tracing::field::display),
            version = trigger.version,
            snapshot = %last_snapshot_of,
            "the last snapshot is less than 10 s old: nothing is read"
        ),
    }
}

fn published(summary: &Summary) {
    let Summary { cluster, figures, .. } = summary;
    for NotUnderstood { service, what, why } in &figures.not_understood {
        warn!(
            event = "service_not_understood",
            cluster,
            service,
            what,
            why,
            "a service cannot be decided upon: no host with a task of it is removable"
        );
    }
    for Unplaceable { service, task_definition, lacks } in &figures.unplaceable {
        warn!(
            event = "service_unplaceable",
            cluster,
            service,
            taskDefinition = task_definition.0,
            lacks,
            "a task fits on no host of any group"
        );
    }
    for group in &figures.groups {
        of_group(cluster, group);
    }
    of_cluster(summary);
}

fn of_group(cluster: &str, group: &GroupFigures) {
    let decision = &group.decision;
    let (hosts, missing, removable) = (&decision.hosts, &decision.missing, &decision.removable);
    let scaling: Option<&Scaled> = group.scaling.as_ref();
    if let MissingReason::HostsDoNotJoin { instance } = &missing.reason {
        error!(
            event = "hosts_do_not_join",
            cluster,
            group = decision.group,
            ec2InstanceId = instance,
            unjoinedHosts = hosts.unjoined_hosts,
            "hosts have not joined the cluster for ten minutes: no more are asked for"
        );
    }
    info!(
        event = "group_decided",
        cluster,
        group = decision.group,
        missingHosts = missing.units,
        missingReason = in_json(&missing.reason),
        removableHosts = removable.units,
        heldBy = removable.held_by.iter().map(in_words).collect::<Vec<_>>().join("; "),
        heldBack = scaling.and_then(|it| it.held_back.as_ref()).map(tracing::field::display),
        activeHosts = hosts.active_hosts,
        drainingHosts = hosts.draining_hosts,
        disconnectedHosts = hosts.disconnected_hosts,
        unjoinedHosts = hosts.unjoined_hosts,
        containerCapacity = group.book.map(|book| book.container_capacity),
        idleHostCapacity = group.book.map(|book| book.idle_host_capacity),
        placeableContainers = group.book.map(|book| book.placeable_containers),
        "group decided"
    );
}

fn of_cluster(summary: &Summary) {
    let Summary { cluster, trigger, figures, published } = summary;
    let Trigger { kind, container_instance, version, reason, .. } = trigger;
    let report = figures.capacity.as_ref();
    if let Some(types) = report.map(|report| &report.unknown_instance_types).filter(|it| !it.is_empty()) {
        warn!(
            event = "unknown_instance_types",
            cluster,
            instanceTypes = types.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
            "unknown instance types: counting no ENI capacity"
        );
    }
    let bound_by = |of: fn(&Report) -> Option<Resource>| report.and_then(of).map(Resource::name);
    info!(
        event = "snapshot_published",
        cluster,
        trigger = kind,
        containerInstance = container_instance.as_ref().map(tracing::field::display),
        version,
        placementFailure = reason,
        worstCaseContainer = report.map(|report| tracing::field::display(&report.worst_case_container)),
        containerCapacity = report.map(|report| report.container_capacity),
        containerCapacityBoundBy = bound_by(|report| report.container_capacity_bound_by),
        idleHostCapacity = report.map(|report| report.idle_host_capacity),
        idleHostCapacityBoundBy = bound_by(|report| report.idle_host_capacity_bound_by),
        placeableContainers = report.map(|report| report.placeable_containers),
        hosts = report.map(|report| report.hosts),
        resources = report.map(|it| it.resources.iter().map(of_resource).collect::<Vec<_>>().join("; ")),
        waitingTasks = figures.waiting_tasks,
        unplaceable = figures.unplaceable.len(),
        notUnderstood = figures.not_understood.len(),
        groups = figures.groups.len(),
        namespace = published.namespace,
        metrics = published.metrics,
        "snapshot published"
    );
}

/// `{"code":"no-room","service":"web","waitingTasks":3}`
fn in_json(reason: &MissingReason) -> String {
    serde_json::to_string(reason).unwrap_or_default()
}

/// `i-1: a task of web would be unplaced`
fn in_words(held: &HeldHost) -> String {
    let HeldHost { instance, reason } = held;
    instance.as_ref().map_or_else(|| reason.to_string(), |instance| format!("{instance}: {reason}"))
}

fn of_resource(capacity: &ResourceCapacity) -> String {
    let ResourceCapacity { resource, container_capacity, per_host, full_hosts } = capacity;
    format!("{resource}: {container_capacity} fit, {per_host} an empty host, {full_hosts} hosts full")
}
