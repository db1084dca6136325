//! What the capacity-calculator put, each time with the cluster as it really was.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::{CallOutcome, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::InvocationId;
use serde_json::Value;

use super::fleet::Fleet;
use super::read_lag;
use crate::scenario::CalculatorPlan;
use crate::set_up::cluster_name;
use crate::stage::{CALCULATOR, Played};

/// One `PutMetricData` of an invocation.
#[derive(Debug)]
pub(super) struct MetricPut<'a> {
    /// From when on the invocation may have seen the cluster: reads may lag behind.
    pub(super) seen_from: DateTime<Utc>,
    pub(super) values: &'a [(&'static str, f64)],
    pub(super) fleet: &'a Fleet<'a>,
    pub(super) worst: &'a CalculatorPlan,
    pub(super) reads: Reads,
}

/// How an invocation's reads went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reads {
    /// One failed or was not answered.
    pub(super) failed: bool,
    /// One was not told of an instance.
    pub(super) untold: bool,
}

struct Reader<'a> {
    started: DateTime<Utc>,
    payload: &'a Value,
    reads: Reads,
}

impl MetricPut<'_> {
    /// Whether the invocation could know the cluster as it is: nothing changed since it may have seen it, and all reads
    /// told the truth.
    pub(super) fn is_known(&self) -> bool {
        let Reads { failed, untold } = self.reads;
        self.fleet.is_still_since(self.seen_from) && !(failed || untold)
    }

    /// The value of the cluster's metric of a name: those with a second dimension come after it.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(of, _)| *of == name).map(|(_, value)| *value)
    }
}

/// A count as a metric has it.
pub(super) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Goes through a history and looks at each time that the calculator put metric data. The first complaint is the answer,
/// with its time.
pub(super) fn each_metric_put(
    played: &Played,
    look: impl Fn(&MetricPut<'_>) -> Result<(), String>,
) -> Result<(), (DateTime<Utc>, String)> {
    let Some(worst) = &played.scenario.calculator else { return Ok(()) };
    let of_schedule = cluster_arn(&cluster_name(0));
    let mut fleets: BTreeMap<&str, Fleet<'_>> = BTreeMap::new();
    let mut readers: BTreeMap<InvocationId, Reader<'_>> = BTreeMap::new();
    for entry in played.world.history().entries() {
        match &entry.what {
            Occurrence::ContainerInstanceChanged(to) => {
                fleets.entry(&to.cluster_arn).or_default().change(to, worst, entry.at);
            }
            Occurrence::InvocationStarted { invocation, function, payload, .. }
                if function.as_ref() == CALCULATOR =>
            {
                let reader = Reader { started: entry.at, payload, reads: Reads::default() };
                readers.insert(*invocation, reader);
            }
            Occurrence::InvocationEnded { invocation, .. } => {
                readers.remove(invocation);
            }
            Occurrence::ApiCalled { operation, outcome } => {
                if let Some(reader) = entry.by.and_then(|by| readers.get_mut(&by)) {
                    reader.reads.see(*operation, outcome);
                }
            }
            Occurrence::MetricDataPut { values, .. } => {
                let Some((by, reader)) = entry.by.and_then(|by| readers.get(&by).map(|it| (by, it))) else {
                    continue;
                };
                let named = reader.payload.pointer("/detail/clusterArn").and_then(Value::as_str);
                let fleet = fleets.entry(named.unwrap_or(&of_schedule)).or_default();
                let seen_from = reader.started - read_lag(&played.scenario);
                let reads = reader.reads;
                let put = MetricPut { seen_from, values, fleet, worst, reads };
                look(&put).map_err(|how| (entry.at, format!("[{}] {how}", by.0)))?;
            }
            _ => {}
        }
    }
    Ok(())
}

impl Reads {
    fn see(&mut self, operation: Operation, outcome: &CallOutcome) {
        if operation == Operation::PutMetricData {
            return;
        }
        match outcome {
            // What is MISSING may be found by the next read.
            CallOutcome::Answered | CallOutcome::AnsweredInPart("MISSING") => {}
            CallOutcome::AnsweredInPart(_) => self.untold = true,
            CallOutcome::Failed(_) | CallOutcome::AnswerLost(_) | CallOutcome::Hung => self.failed = true,
        }
    }
}
