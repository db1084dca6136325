//! What invokes functions: subscriptions to topics, EventBridge rules and schedules.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::agenda::Transition;
use super::auto_scaling::event::TERMINATE_LIFECYCLE_ACTION;
use super::ecs::cluster_arn;
use super::ecs::deployment_event::DEPLOYMENT_STATE_CHANGE;
use super::ecs::event::iso;
use super::ecs::service_action::TASK_PLACEMENT_FAILURE;
use super::outbox::{Emission, Emitted};
use super::spot::{REBALANCE_RECOMMENDATION, SPOT_INTERRUPTION_WARNING};
use super::{ACCOUNT, REGION, World};

/// The functions that receive each source's events.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventSources {
    subscriptions: Vec<(String, Arc<str>)>,
    rules: Vec<(EventRule, Arc<str>)>,
}

/// Which events a rule passes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRule {
    /// Those of these `detail-type`s.
    pub detail_types: Vec<&'static str>,
    /// Those with this `detail.eventName`, where it is given: then no event without one passes.
    pub event_name: Option<&'static str>,
    /// Of the cluster with this ARN, where it is given: then no event that is of no cluster passes.
    pub cluster_arn: Option<String>,
}

impl World {
    /// Subscribes a function to a topic: its messages no longer go to the outbox.
    pub fn subscribe(&mut self, topic_arn: &str, function: &str) {
        self.event_sources.subscriptions.push((topic_arn.to_owned(), function.into()));
    }

    /// Sends events to a function: they no longer go to the outbox.
    pub fn put_rule(&mut self, rule: EventRule, function: &str) {
        self.event_sources.rules.push((rule, function.into()));
    }

    /// Invokes a function once in this many seconds, from now on.
    pub fn put_schedule(&mut self, function: &str, every_seconds: u32) {
        let tick = Transition::Schedule { function: function.into(), every_seconds, input: None };
        self.agenda.enter(self.now, tick);
    }

    /// Invokes a function once in this many seconds, from now on, with a constant input: the
    /// function gets that in place of the scheduled event (EventBridge user guide, "Transforming
    /// Amazon EventBridge target input").
    pub fn put_schedule_with_input(&mut self, function: &str, every_seconds: u32, input: Value) {
        let input = Some(Arc::new(input));
        let tick = Transition::Schedule { function: function.into(), every_seconds, input };
        self.agenda.enter(self.now, tick);
    }

    pub(crate) fn schedule_ticks(
        &mut self,
        function: Arc<str>,
        every_seconds: u32,
        input: Option<Arc<Value>>,
    ) {
        let payload = input.clone().unwrap_or_else(|| Arc::new(scheduled_event(&self.ids.uuid(), self.now)));
        let event = self.new_event(&function, payload, 0);
        let next = Transition::Schedule { function, every_seconds, input };
        self.agenda.enter(self.after(every_seconds.max(1)), next);
        self.event_arrives(event);
    }

    /// Sends something to those who get it, each copy when it comes; to the outbox where nobody
    /// does.
    pub(crate) fn route(&mut self, emission: Emission) {
        let functions = self.event_sources.of(&emission);
        if functions.is_empty() {
            self.outbox.push(emission);
            return;
        }
        let hops = self.hops_after(self.caller);
        for function in functions {
            let (payload, delays) = if let Emitted::SnsMessage(message) = &emission.what {
                let event = message.event(&self.ids.uuid(), emission.at);
                (event, self.delays(|disorder| &disorder.messages))
            } else {
                let Some(event) = emission.event() else { continue };
                (event, self.delays(|disorder| &disorder.events))
            };
            let event = self.new_event(&function, Arc::new(payload), hops);
            for delay in delays {
                let arrives = self.now + TimeDelta::from_std(delay).unwrap_or_default();
                self.agenda.enter(arrives, Transition::EventArrives(Box::new(event.clone())));
            }
        }
    }
}

impl EventSources {
    /// Returns whether a rule passes on events of this `detail-type`.
    pub(crate) fn wants(&self, detail_type: &str) -> bool {
        self.rules.iter().any(|(rule, _)| rule.detail_types.contains(&detail_type))
    }

    fn of(&self, emission: &Emission) -> Vec<Arc<str>> {
        let gets = |functions: &mut dyn Iterator<Item = &Arc<str>>| functions.cloned().collect();
        if let Some(message) = emission.sns_message() {
            let to = self.subscriptions.iter().filter(|(topic, _)| *topic == message.topic_arn);
            gets(&mut to.map(|(_, function)| function))
        } else {
            let to = self.rules.iter().filter(|(rule, _)| rule.matches(&emission.what));
            gets(&mut to.map(|(_, function)| function))
        }
    }
}

impl EventRule {
    /// `ECS Container Instance State Change` of a cluster.
    #[must_use]
    pub fn container_instance_state_changes(cluster_arn: String) -> Self {
        Self { cluster_arn: Some(cluster_arn), ..Self::all_of(vec![CONTAINER_INSTANCE_STATE_CHANGE]) }
    }

    /// `ECS Service Action` with the name `SERVICE_TASK_PLACEMENT_FAILURE`, of a cluster.
    #[must_use]
    pub fn service_task_placement_failures(cluster_arn: String) -> Self {
        Self {
            event_name: Some(TASK_PLACEMENT_FAILURE),
            cluster_arn: Some(cluster_arn),
            ..Self::all_of(vec![SERVICE_ACTION])
        }
    }

    /// `ECS Deployment State Change` of a cluster, which its services' ARNs name.
    #[must_use]
    pub fn deployment_state_changes(cluster_arn: String) -> Self {
        Self { cluster_arn: Some(cluster_arn), ..Self::all_of(vec![DEPLOYMENT_STATE_CHANGE]) }
    }

    /// `EC2 Instance-terminate Lifecycle Action`, of all groups.
    #[must_use]
    pub fn terminate_lifecycle_actions() -> Self {
        Self::all_of(vec![TERMINATE_LIFECYCLE_ACTION])
    }

    /// `EC2 Spot Instance Interruption Warning` and `EC2 Instance Rebalance Recommendation`, of all
    /// instances.
    #[must_use]
    pub fn spot_notices() -> Self {
        Self::all_of(vec![SPOT_INTERRUPTION_WARNING, REBALANCE_RECOMMENDATION])
    }

    fn all_of(detail_types: Vec<&'static str>) -> Self {
        Self { detail_types, event_name: None, cluster_arn: None }
    }

    fn matches(&self, event: &Emitted) -> bool {
        let (detail_type, of_cluster) = match event {
            Emitted::SnsMessage(_) => return false,
            Emitted::ContainerInstanceStateChange { container_instance, .. } => (
                CONTAINER_INSTANCE_STATE_CHANGE,
                Some(Cow::Borrowed(container_instance.cluster_arn.as_str())),
            ),
            Emitted::ServiceAction { action, .. } => {
                (SERVICE_ACTION, Some(Cow::Owned(cluster_arn(&action.cluster))))
            }
            Emitted::DeploymentStateChange { change, .. } => {
                (DEPLOYMENT_STATE_CHANGE, Some(Cow::Owned(cluster_arn(&change.cluster))))
            }
            Emitted::LifecycleAction { event, .. } => (event.detail_type(), None),
            Emitted::SpotNotice { notice, .. } => (notice.detail_type(), None),
        };
        let event_name = match event {
            Emitted::ServiceAction { action, .. } => Some(action.name.as_str()),
            _ => None,
        };
        self.detail_types.contains(&detail_type)
            && (self.event_name.is_none() || self.event_name == event_name)
            && (self.cluster_arn.is_none() || self.cluster_arn.as_deref() == of_cluster.as_deref())
    }
}

const CONTAINER_INSTANCE_STATE_CHANGE: &str = "ECS Container Instance State Change";
const SERVICE_ACTION: &str = "ECS Service Action";

fn scheduled_event(id: &str, at: DateTime<Utc>) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": iso(at),
        "region": REGION,
        "resources": [],
        "detail": {},
    })
}
