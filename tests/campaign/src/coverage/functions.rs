//! The rare states of invocations, deliveries and calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{CallOutcome, Entry, Occurrence, PutValue};
use fleetkeeper_sim::world::lambda::invocation::{EventId, GivenUp, InvocationEnd, InvocationId};
use serde_json::Value;

use super::Seen;
use crate::scenario::Wrong;
use crate::stage::{CALCULATOR, DRAINER};

/// The functions' history so far.
#[derive(Default)]
pub(super) struct Functions {
    running: BTreeMap<InvocationId, Invocation>,
    attempts: BTreeSet<(EventId, u32)>,
    done: BTreeSet<EventId>,
    /// When the newest event was sent that each function began to work on.
    newest: BTreeMap<Arc<str>, DateTime<Utc>>,
}

struct Invocation {
    function: Arc<str>,
    event: EventId,
    put: bool,
    /// Lists of the same kind in a row.
    lists: Option<(Operation, u32)>,
}

/// An event is late beyond this. Times of EventBridge's events are whole seconds.
const LATE: TimeDelta = TimeDelta::seconds(2);

impl Functions {
    pub(super) fn observe(&mut self, entry: &Entry, seen: &mut BTreeSet<Seen>) {
        match &entry.what {
            Occurrence::InvocationStarted { cold, hops, .. } => {
                seen.insert(if *cold { Seen::ColdStart } else { Seen::WarmStart });
                if *hops > 16 {
                    seen.insert(Seen::LongChain);
                }
                self.started(entry, seen);
            }
            Occurrence::InvocationEnded { invocation, end } => {
                if let Some(invocation) = self.running.remove(invocation) {
                    self.ended(&invocation, end, seen);
                }
            }
            Occurrence::InvocationThrottled { .. } => {
                seen.insert(Seen::Throttled);
            }
            Occurrence::EventGivenUp { why, .. } => {
                seen.insert(match why {
                    GivenUp::RetriesExhausted => Seen::RetriesExhausted,
                    GivenUp::EventAgeExceeded => Seen::EventAgeExceeded,
                    GivenUp::RecursiveLoop => Seen::RecursionCut,
                });
            }
            Occurrence::MetricDataPut { values, .. } => {
                seen.insert(Seen::MetricsPut);
                seen.extend(shown_by_metrics(values));
                if let Some(invocation) = entry.by.and_then(|by| self.running.get_mut(&by)) {
                    invocation.put = true;
                }
            }
            Occurrence::TaskStopping { .. } if entry.by.is_some() => {
                seen.insert(Seen::TasksStopped);
            }
            Occurrence::ApiCalled { operation, outcome } => {
                seen.extend(wrong(outcome).map(|wrong| Seen::Fault(*operation, wrong)));
                if let Some(invocation) = entry.by.and_then(|by| self.running.get_mut(&by)) {
                    invocation.called(*operation, outcome, seen);
                }
            }
            _ => {}
        }
    }

    fn started(&mut self, entry: &Entry, seen: &mut BTreeSet<Seen>) {
        let Occurrence::InvocationStarted { invocation, function, event, attempt, payload, .. } = &entry.what
        else {
            return;
        };
        if !self.attempts.insert((*event, *attempt)) {
            let again = if self.done.contains(event) { Seen::SecondRun } else { Seen::Duplicate };
            seen.insert(again);
        }
        if let Some(sent) = sent_at(payload).filter(|_| *attempt == 1) {
            if entry.at > sent + LATE {
                seen.insert(Seen::Late);
            }
            let newest = self.newest.entry(Arc::clone(function)).or_insert(sent);
            if sent < *newest {
                seen.insert(Seen::OutOfOrder);
            }
            *newest = sent.max(*newest);
        }
        if payload.get("detail-type").and_then(Value::as_str) == Some("ECS Service Action") {
            seen.insert(Seen::WokenByPlacementFailure);
        }
        let function = Arc::clone(function);
        self.running.insert(*invocation, Invocation { function, event: *event, put: false, lists: None });
    }

    fn ended(&mut self, invocation: &Invocation, end: &InvocationEnd, seen: &mut BTreeSet<Seen>) {
        match end {
            InvocationEnd::Returned(answer) => {
                self.done.insert(invocation.event);
                seen.extend(shown_by(answer));
                if invocation.is(CALCULATOR) && !invocation.put {
                    seen.insert(Seen::AnsweredWithoutSnapshot);
                }
            }
            InvocationEnd::Failed(_) if invocation.is(CALCULATOR) && !invocation.put => {
                seen.insert(Seen::CalculatorPutNothing);
            }
            InvocationEnd::Failed(_) => {}
            InvocationEnd::TimedOut => {
                seen.insert(Seen::TimedOut);
            }
            InvocationEnd::Killed(at) if invocation.is(DRAINER) => {
                seen.insert(Seen::DrainerDied(*at));
            }
            InvocationEnd::Killed(at) => {
                seen.insert(Seen::CalculatorDied(*at));
            }
        }
    }
}

impl Invocation {
    fn is(&self, function: &str) -> bool {
        self.function.as_ref() == function
    }

    /// One list after the other with nothing between them is a list of several pages. A host's
    /// tasks are listed twice as it is: those desired RUNNING and those desired STOPPED.
    fn called(&mut self, operation: Operation, outcome: &CallOutcome, seen: &mut BTreeSet<Seen>) {
        if operation == Operation::ListTasks && self.is(CALCULATOR) {
            seen.insert(Seen::InterfacesCounted);
        }
        let (pages, state) = match operation {
            Operation::ListContainerInstances => (2, Seen::HostsPaged),
            Operation::ListTasks => (3, Seen::TasksPaged),
            _ => {
                self.lists = None;
                return;
            }
        };
        let before = self.lists.filter(|(list, _)| *list == operation).map_or(0, |(_, count)| count);
        self.lists = (*outcome == CallOutcome::Answered).then_some((operation, before + 1));
        if self.lists.is_some_and(|(_, count)| count >= pages) {
            seen.insert(state);
        }
    }
}

fn sent_at(payload: &Value) -> Option<DateTime<Utc>> {
    let sent = payload.pointer("/Records/0/Sns/Timestamp").or_else(|| payload.pointer("/time"))?;
    sent.as_str()?.parse().ok()
}

/// The states that the drainer's answer reports.
fn shown_by(answer: &Value) -> impl Iterator<Item = Seen> {
    let outcome = answer.pointer("/records/0/outcome").and_then(Value::as_str);
    outcome
        .and_then(|outcome| match outcome {
            "delegated" => Some(Seen::Delegated),
            "cut-short" => Some(Seen::CutShort),
            "action-gone" => Some(Seen::ActionGone),
            "republished" => Some(Seen::Republished),
            "swept" => Some(Seen::Swept),
            _ => None,
        })
        .into_iter()
}

/// The states that the calculator's metrics show.
fn shown_by_metrics(values: &[PutValue]) -> impl Iterator<Item = Seen> {
    let value = |name: &str| values.iter().find(|put| put.name == name && put.group.is_none());
    let some = |name: &str| values.iter().any(|put| put.name == name && put.value > 0.0);
    let capacity = value("ContainerCapacity").is_some();
    let states = [
        (capacity, Seen::WorstCaseDiscovered),
        (!capacity, Seen::NoWorstCase),
        (some("UnplaceableServices"), Seen::Unfittable),
        (some("RemovableHosts"), Seen::HostsRemovable),
        (some("MissingHosts"), Seen::HostsMissing),
    ];
    states.into_iter().filter(|(is, _)| *is).map(|(_, state)| state)
}

fn wrong(outcome: &CallOutcome) -> Option<Wrong> {
    match outcome {
        CallOutcome::Answered => None,
        CallOutcome::AnsweredInPart("MISSING") => Some(Wrong::Missing),
        CallOutcome::AnsweredInPart(_) => Some(Wrong::Untold),
        CallOutcome::AnswerLost(_) => Some(Wrong::AnswerLost),
        CallOutcome::Hung => Some(Wrong::Hang),
        CallOutcome::Failed(code) => match *code {
            "ThrottlingException" | "Throttling" => Some(Wrong::Throttled),
            "AccessDeniedException" | "AccessDenied" | "AuthorizationError" => Some(Wrong::Refused),
            "ServerException" | "InternalFailure" => Some(Wrong::Unavailable),
            _ => None,
        },
    }
}
