//! The metrics that the capacity-calculator put, each time with the cluster as it really was.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::{CallOutcome, Occurrence, PutValue};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;
use serde_json::Value;

use super::demand::Demand;
use super::fleet::Fleet;
use super::invocations::{cluster_of, clusters as clusters_of};
use super::placing::Placing;
use super::worst_case::WorstCases;
use super::{LAG_GRANTED, longest_lag, read_lag};
use crate::set_up::cluster_name;
use crate::stage::{CALCULATOR, Played};

/// One `PutMetricData` of an invocation.
#[derive(Debug)]
pub(super) struct MetricPut<'a> {
    /// From when on the invocation may have seen the cluster: reads may lag behind.
    pub(super) seen_from: DateTime<Utc>,
    /// True if reads may lag so long that no list has a task that began to stop since.
    pub(super) misses_stopping: bool,
    pub(super) values: &'a [PutValue],
    pub(super) fleet: &'a Fleet<'a>,
    pub(super) reads: Reads,
    /// Where tasks may be placed, of the cluster whose groups the calculator knows.
    pub(super) placing: Option<&'a Placing<'a>>,
    pub(super) at: DateTime<Utc>,
    demand: &'a Demand<'a>,
    cluster: usize,
}

/// How an invocation's reads went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reads {
    /// One failed or was not answered.
    pub(super) failed: bool,
    /// ECS did not describe an instance or a service.
    pub(super) untold: bool,
    /// A read left out a service, a task or a task definition, or ECS refused the expression of a
    /// placement constraint. The figures that rest on them are left out.
    misled: bool,
}

/// An invocation that reads.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    started: DateTime<Utc>,
    payload: &'a Value,
    reads: Reads,
    /// True if services were described: from then on container instances are listed by expressions.
    asks_expressions: bool,
    /// True if it has read the groups: it reads them anew before it acts on them, and no figure is
    /// of that.
    groups_read: bool,
}

impl MetricPut<'_> {
    /// Returns whether the invocation could know the cluster as it is: nothing changed since it may
    /// have seen it, and all reads were true.
    pub(super) fn is_known(&self) -> bool {
        let are_true = !(self.reads.failed || self.reads.untold || self.reads.misled);
        are_true && self.fleet.is_still_since(self.seen_from) && self.worst_case_container_is_known()
    }

    /// Returns whether the invocation could know no other worst-case container than the present
    /// one.
    pub(super) fn worst_case_container_is_known(&self) -> bool {
        let are_true = !(self.reads.misled && self.fleet.discovers());
        are_true && self.fleet.has_one_worst_case_container_since(self.seen_from)
    }

    /// The highest sum of the desired counts at any time that the invocation may have seen.
    pub(super) fn most_desired(&self) -> u64 {
        self.demand.most_desired_since(self.cluster, self.seen_from)
    }

    /// The places for tasks, where the invocation could know them: nothing that matters changed
    /// since it may have seen the cluster, and all reads were true.
    pub(super) fn known_placing(&self) -> Option<&Placing<'_>> {
        let are_true = !(self.reads.failed || self.reads.untold || self.reads.misled);
        self.placing.filter(|placing| are_true && placing.is_still_since(self.seen_from))
    }

    /// The value of the cluster's metric of a name.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|put| put.name == name && put.group.is_none()).map(|put| put.value)
    }

    /// The values of the groups' metrics of a name.
    pub(super) fn of_groups(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        let of_groups = self.values.iter().filter(move |put| put.name == name);
        of_groups.filter_map(|put| Some((put.group.as_deref()?, put.value)))
    }
}

/// A count as a metric has it.
pub(super) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Checks each time of a history that the calculator put metric data. The first complaint is the
/// answer, with its time.
pub(super) fn each_metric_put(
    played: &Played,
    check: impl Fn(&MetricPut<'_>) -> Result<(), String>,
) -> Result<(), (DateTime<Utc>, String)> {
    let Some(plan) = &played.scenario.calculator else { return Ok(()) };
    let clusters = played.scenario.clusters.iter().enumerate();
    let fleet = |(number, cluster)| {
        (cluster_arn(&cluster_name(number)), (number, Fleet::new(WorstCases::of(plan, cluster))))
    };
    let mut fleets: BTreeMap<String, (usize, Fleet<'_>)> = clusters.map(fleet).collect();
    let mut demand = Demand::of(&played.scenario);
    let mut placing = Placing::of(&played.scenario);
    let of_schedule = cluster_arn(&cluster_name(0));
    let named_clusters = clusters_of(&played.scenario);
    let mut readers: BTreeMap<InvocationId, Reader<'_>> = BTreeMap::new();
    for entry in played.world.history().entries() {
        demand.see(entry);
        placing.see(entry, &of_schedule);
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) => {
                if let Some((_, fleet)) = fleets.get_mut(&to.cluster_arn) {
                    fleet.change(to, entry.at);
                }
            }
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == CALCULATOR =>
            {
                readers.insert(*invocation, Reader::new(entry.at, payload));
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                readers.remove(invocation);
            }
            Occurrence::ApiCalled { operation, outcome } => {
                if let Some(reader) = entry.by.and_then(|by| readers.get_mut(&by)) {
                    reader.see(*operation, outcome);
                }
            }
            Occurrence::MetricDataPut { values, .. } => {
                let Some((by, reader)) = entry.by.and_then(|by| readers.get(&by).map(|it| (by, it))) else {
                    continue;
                };
                let named = cluster_of(reader.payload, &named_clusters);
                let Some((cluster, fleet)) = fleets.get(named.unwrap_or(&of_schedule)) else { continue };
                let seen_from = reader.started - read_lag(&played.scenario);
                let (reads, cluster) = (reader.reads, *cluster);
                let (placing, at) = (Some(&placing).filter(|_| cluster == 0), entry.at);
                let put = MetricPut {
                    seen_from,
                    misses_stopping: longest_lag(&played.scenario) > LAG_GRANTED,
                    values,
                    fleet,
                    reads,
                    placing,
                    at,
                    demand: &demand,
                    cluster,
                };
                check(&put).map_err(|how| (entry.at, format!("[{}] {how}", by.0)))?;
            }
            _ => {}
        }
    }
    Ok(())
}

impl Reads {
    /// Returns whether all of them are true.
    pub(super) fn are_true(self) -> bool {
        !(self.failed || self.untold || self.misled)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(started: DateTime<Utc>, payload: &'a Value) -> Self {
        Self { started, payload, reads: Reads::default(), asks_expressions: false, groups_read: false }
    }

    pub(super) fn reads(&self) -> Reads {
        self.reads
    }

    pub(super) fn see(&mut self, operation: Operation, outcome: &CallOutcome) {
        if operation == Operation::PutMetricData || Operation::OF_DIRECT_SCALING.contains(&operation) {
            return;
        }
        if operation == Operation::DescribeAutoScalingGroups {
            if self.groups_read {
                return;
            }
            self.groups_read = *outcome == CallOutcome::Answered;
        }
        match outcome {
            CallOutcome::AnsweredInPart(reason) => match (operation, *reason) {
                (
                    Operation::DescribeServices | Operation::DescribeTasks | Operation::GetTaskProtection,
                    _,
                ) => {
                    self.reads.misled = true;
                }
                // An instance that is MISSING may be found by the next read.
                (_, "MISSING") => {}
                _ => self.reads.untold = true,
            },
            CallOutcome::Answered => self.asks_expressions |= operation == Operation::DescribeServices,
            // Those tasks' hosts count as not read. A task definition that is refused is left out.
            CallOutcome::Failed(_) | CallOutcome::AnswerLost(_) | CallOutcome::Hung
                if matches!(
                    operation,
                    Operation::ListTasks | Operation::DescribeTasks | Operation::GetTaskProtection
                ) || (operation == Operation::DescribeTaskDefinition && is_refused(outcome))
                    || (operation == Operation::ListContainerInstances
                        && self.asks_expressions
                        && is_refused(outcome)) =>
            {
                self.reads.misled = true;
            }
            CallOutcome::Failed(_) | CallOutcome::AnswerLost(_) | CallOutcome::Hung => {
                self.reads.failed = true;
            }
        }
    }
}

fn is_refused(outcome: &CallOutcome) -> bool {
    matches!(outcome, CallOutcome::Failed("AccessDeniedException" | "ClientException"))
}
