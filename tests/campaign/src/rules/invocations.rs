//! The invocations of a history: what each was given, when it ran, how it ended.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_sim::world::ecs::cluster_arn;
use fleetkeeper_sim::world::history::{Entry, Occurrence};
use fleetkeeper_sim::world::lambda::invocation::{EnvironmentId, EventId, InvocationEnd, InvocationId};
use serde_json::Value;

use crate::scenario::Scenario;
use crate::set_up::cluster_name;

/// The transition that the drainer's notices are about.
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// An invocation.
#[derive(Debug)]
pub(super) struct Invocation<'a> {
    pub(super) function: &'a str,
    pub(super) environment: EnvironmentId,
    pub(super) event: EventId,
    pub(super) attempt: u32,
    pub(super) started: DateTime<Utc>,
    /// How it ended; none where it was running when the history ended.
    pub(super) ended: Option<Ended<'a>>,
    pub(super) payload: &'a Value,
}

/// The end of an invocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'a> {
    /// Its entry's place in the history.
    pub(super) position: usize,
    pub(super) at: DateTime<Utc>,
    pub(super) how: &'a InvocationEnd,
}

/// A message on the drainer's topic, as an invocation gets it.
#[derive(Debug)]
pub(super) enum Message<'a> {
    /// An instance must be drained.
    Terminating(Notice<'a>),
    /// The group's waiting instances must be looked after.
    Sweep(Sweep),
    /// Another notification of Auto Scaling.
    Other,
    /// Something else.
    Unreadable,
}

/// A notice that an instance waits at a hook.
#[derive(Debug)]
pub(super) struct Notice<'a> {
    pub(super) text: &'a str,
    pub(super) topic_arn: &'a str,
    pub(super) token: String,
    pub(super) group: String,
    pub(super) instance: String,
}

impl Notice<'_> {
    /// Returns whether it says in `Action` what is done with the instance. Not all notices do.
    pub(super) fn names_its_action(&self) -> bool {
        self.text.contains(r#""Action""#)
    }
}

/// A sweep of a group.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) group: String,
}

/// The ARNs of a scenario's clusters.
pub(super) fn clusters(scenario: &Scenario) -> Vec<String> {
    (0..scenario.clusters.len()).map(|number| cluster_arn(&cluster_name(number))).collect()
}

/// The cluster that an event of the calculator names: by its own member or, of a deployment, in
/// its service's ARN. None for a schedule.
pub(super) fn cluster_of<'a>(payload: &'a Value, clusters: &'a [String]) -> Option<&'a str> {
    let named = payload.pointer("/detail/clusterArn").and_then(Value::as_str);
    named.or_else(|| {
        let service = payload.pointer("/resources/0")?.as_str()?;
        let name = service.split_once(":service/")?.1.split('/').next()?;
        let found = clusters.iter().find(|arn| arn.rsplit('/').next() == Some(name));
        found.map(String::as_str)
    })
}

/// All invocations, oldest first.
pub(super) fn invocations(entries: &[Entry]) -> BTreeMap<InvocationId, Invocation<'_>> {
    let mut all = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        match &entry.what {
            Occurrence::InvocationStarted {
                invocation,
                function,
                environment,
                event,
                attempt,
                payload,
                ..
            } => {
                let begun = Invocation {
                    function,
                    environment: *environment,
                    event: *event,
                    attempt: *attempt,
                    started: entry.at,
                    ended: None,
                    payload,
                };
                all.insert(*invocation, begun);
            }
            Occurrence::InvocationEnded { invocation, end } => {
                if let Some(invocation) = all.get_mut(invocation) {
                    invocation.ended = Some(Ended { position, at: entry.at, how: end });
                }
            }
            _ => {}
        }
    }
    all
}

/// The messages in the payload of the drainer's invocations.
pub(super) fn messages(payload: &Value) -> Vec<Message<'_>> {
    if let Some(sweep) = payload.get("sweep") {
        let group = sweep.get("group").and_then(Value::as_str).unwrap_or_default().to_owned();
        return vec![Message::Sweep(Sweep { group })];
    }
    let records = payload.get("Records").and_then(Value::as_array);
    records.into_iter().flatten().map(message).collect()
}

/// The notices among them.
pub(super) fn notices(payload: &Value) -> Vec<Notice<'_>> {
    let terminating = |message| match message {
        Message::Terminating(notice) => Some(notice),
        Message::Sweep(_) | Message::Other | Message::Unreadable => None,
    };
    messages(payload).into_iter().filter_map(terminating).collect()
}

/// The group that a sweep is of.
pub(super) fn sweep_of(payload: &Value) -> Option<String> {
    messages(payload).into_iter().find_map(|message| match message {
        Message::Sweep(sweep) => Some(sweep.group),
        _ => None,
    })
}

/// Which publication of its message an invocation works on: 1 is Auto Scaling's own.
pub(super) fn attempt_of(payload: &Value) -> u32 {
    let attribute = payload.pointer("/Records/0/Sns/MessageAttributes/fleetkeeper.attempt/Value");
    attribute.and_then(Value::as_str).and_then(|attempt| attempt.parse().ok()).unwrap_or(1)
}

/// A field of what an invocation of the drainer answered about its record.
pub(super) fn answered<'a>(end: &'a InvocationEnd, field: &str) -> Option<&'a str> {
    let InvocationEnd::Returned(answer) = end else { return None };
    answer.pointer("/records/0")?.get(field)?.as_str()
}

/// When the message of an invocation was sent.
pub(super) fn sent_at(payload: &Value) -> Option<DateTime<Utc>> {
    payload.pointer("/Records/0/Sns/Timestamp")?.as_str()?.parse().ok()
}

fn message(record: &Value) -> Message<'_> {
    let member = |name: &str| record.get("Sns").and_then(|sns| sns.get(name)).and_then(Value::as_str);
    let (Some(text), Some(topic_arn)) = (member("Message"), member("TopicArn")) else {
        return Message::Unreadable;
    };
    let Ok(fields) = serde_json::from_str::<Value>(text) else { return Message::Unreadable };
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    match (field("LifecycleTransition"), field("Event")) {
        (Some(TERMINATING), _) => match field("LifecycleActionToken") {
            Some(token) => Message::Terminating(Notice {
                text,
                topic_arn,
                token: token.to_owned(),
                group: field("AutoScalingGroupName").unwrap_or_default().to_owned(),
                instance: field("EC2InstanceId").unwrap_or_default().to_owned(),
            }),
            None => Message::Unreadable,
        },
        (Some(_), _) => Message::Other,
        (None, Some(event)) if event.starts_with("autoscaling:") => Message::Other,
        (None, _) => Message::Unreadable,
    }
}
