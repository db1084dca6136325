//! Events of what an environment of the calculator has already published: nothing is read for them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::ecs::container_instance::DescribedContainerInstance;
use fleetkeeper_sim::world::history::Occurrence;
use fleetkeeper_sim::world::lambda::invocation::{EnvironmentId, InvocationEnd, InvocationId};
use serde_json::Value;

use super::{WithinTheBucket, is_read};
use crate::rules::invocations::{cluster_of, clusters};
use crate::rules::{Breach, Rule, read_lag};
use crate::set_up::cluster_name;
use crate::stage::{CALCULATOR, Played};

/// A snapshot that begins this long after a placement failed contains the cause.
const SETTLED_AFTER: TimeDelta = TimeDelta::seconds(5);

/// A snapshot, as far as it must have seen the cluster.
struct Snapshot<'a> {
    cluster: &'a str,
    /// Its reads are as old as this at most.
    seen_from: DateTime<Utc>,
    /// When its invocation began.
    began: DateTime<Utc>,
    /// When it was published.
    put: DateTime<Utc>,
}

struct Invocation<'a> {
    environment: EnvironmentId,
    /// Of what its event is.
    cluster: &'a str,
    started: DateTime<Utc>,
    /// When it put what it saw.
    put: Option<DateTime<Utc>>,
    covered: bool,
}

/// The versions that an instance has had, oldest first, until it was gone.
#[derive(Default)]
struct Versions {
    from: Vec<(DateTime<Utc>, i64)>,
    gone: Option<DateTime<Utc>>,
}

impl Versions {
    fn see(&mut self, to: &DescribedContainerInstance, at: DateTime<Utc>) {
        if to.status == ContainerInstanceStatus::Inactive {
            self.gone.get_or_insert(at);
        }
        self.from.push((at, to.version));
    }

    /// The version that a snapshot has at least; none where the instance came or went meanwhile.
    fn least_in(&self, snapshot: &Snapshot<'_>) -> Option<i64> {
        let stayed = self.gone.is_none_or(|gone| gone > snapshot.put);
        let count = self.from.partition_point(|(at, _)| *at < snapshot.seen_from);
        let (_, version) = count.checked_sub(1).and_then(|last| self.from.get(last))?;
        Some(*version).filter(|_| stayed)
    }
}

pub(super) fn check(played: &Played) -> Result<(), Breach> {
    let of_schedule = cluster_arn(&cluster_name(0));
    let named_clusters = clusters(&played.scenario);
    let lag = read_lag(&played.scenario);
    let mut instances: BTreeMap<&ContainerInstanceArn, Versions> = BTreeMap::new();
    // The last snapshot of each cluster that each environment published.
    let mut seen: BTreeMap<EnvironmentId, Vec<Snapshot<'_>>> = BTreeMap::new();
    let mut running: BTreeMap<InvocationId, Invocation<'_>> = BTreeMap::new();
    for entry in played.world.history().entries() {
        let by = entry.by.and_then(|by| running.get_mut(&by).map(|invocation| (by, invocation)));
        match (&entry.what, by) {
            (Occurrence::ContainerInstanceChanged(to), _) => {
                instances.entry(&to.arn).or_default().see(to, entry.at);
            }
            (Occurrence::InvocationStarted { invocation, function, environment, payload, .. }, _)
                if function.as_ref() == CALCULATOR =>
            {
                let named = cluster_of(payload, &named_clusters);
                let cluster = named.unwrap_or(&of_schedule);
                let snapshots = seen.entry(*environment).or_default();
                let last = snapshots.iter().find(|snapshot| snapshot.cluster == cluster);
                let covered = last.is_some_and(|last| is_covered(payload, last, &instances));
                let (environment, started) = (*environment, entry.at);
                let begun = Invocation { environment, cluster, started, put: None, covered };
                running.insert(*invocation, begun);
            }
            (Occurrence::MetricDataPut { .. }, Some((_, invocation))) => invocation.put = Some(entry.at),
            (Occurrence::InvocationEnded { invocation, end }, _) => {
                let Some(ended) = running.remove(invocation) else { continue };
                // One that failed may have put what it saw and not have learnt of it.
                let Some(put) = ended.put.filter(|_| matches!(end, InvocationEnd::Returned(_))) else {
                    continue;
                };
                let (began, seen_from) = (ended.started, ended.started - lag);
                let snapshots = seen.entry(ended.environment).or_default();
                snapshots.retain(|snapshot| snapshot.cluster != ended.cluster);
                snapshots.push(Snapshot { cluster: ended.cluster, seen_from, began, put });
            }
            (Occurrence::ApiCalled { operation, .. }, Some((by, invocation)))
                if invocation.covered && reads(*operation) =>
            {
                let how = format!("[{}] reads for an event of what it has already published", by.0);
                return Err(Breach { rule: WithinTheBucket.name(), at: entry.at, how });
            }
            _ => {}
        }
    }
    Ok(())
}

fn reads(operation: Operation) -> bool {
    is_read(operation) || matches!(operation, Operation::ListServices | Operation::DescribeServices)
}

/// Returns whether the snapshot covers the event. It has the event's instance at the event's
/// version or later, or it began well after the placement failed.
fn is_covered(
    payload: &Value,
    snapshot: &Snapshot<'_>,
    instances: &BTreeMap<&ContainerInstanceArn, Versions>,
) -> bool {
    if payload.pointer("/detail/eventName").and_then(Value::as_str) == Some("SERVICE_TASK_PLACEMENT_FAILURE")
    {
        let failed = payload.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
        return failed.is_some_and(|at: DateTime<Utc>| at + SETTLED_AFTER <= snapshot.began);
    }
    let arn = payload.pointer("/detail/containerInstanceArn").and_then(Value::as_str);
    let version = payload.pointer("/detail/version").and_then(Value::as_i64);
    let versions = arn.and_then(|arn| instances.get(&ContainerInstanceArn(arn.to_owned())));
    let least = versions.and_then(|versions| versions.least_in(snapshot));
    version.zip(least).is_some_and(|(of_event, least)| least >= of_event)
}
