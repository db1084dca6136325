//! A scheduler's events of its service, for people, as `DescribeServices` gives them.
//!
//! The texts are ECS's ("Service event messages" in the developer guide). ECS logs a placement
//! failure once, and again after six hours. EventBridge gets an event of it every minute.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::service::ServiceEvent;
use fleetkeeper_core::task::TaskArn;

/// As many as ECS keeps.
const EVENTS_MAX: usize = 100;

/// As many as an event names.
const TASKS_MAX: usize = 10;

/// How long ECS says nothing more of what lasts.
const BETWEEN_DUPLICATES: TimeDelta = TimeDelta::hours(6);

/// The latest events of a service, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServiceEvents {
    latest: VecDeque<ServiceEvent>,
    /// The placement failure that was logged last, and its time.
    failure: Option<(&'static str, DateTime<Utc>)>,
}

impl ServiceEvents {
    /// The latest events, newest first.
    pub(crate) fn newest_first(&self) -> Vec<ServiceEvent> {
        self.latest.iter().rev().cloned().collect()
    }

    /// Tasks were started.
    pub(crate) fn started(&mut self, service: &str, at: DateTime<Utc>, tasks: &[TaskArn]) {
        if !tasks.is_empty() {
            let count = tasks.len();
            self.log(at, format!("(service {service}) has started {count} tasks: {}.", names(tasks)));
        }
    }

    /// Tasks are being stopped.
    pub(crate) fn stopped(&mut self, service: &str, at: DateTime<Utc>, tasks: &[TaskArn]) {
        for some in tasks.chunks(TASKS_MAX) {
            let count = some.len();
            self.log(at, format!("(service {service}) has stopped {count} running tasks: {}.", names(some)));
        }
    }

    /// The service has all its tasks.
    pub(crate) fn steady(&mut self, service: &str, at: DateTime<Utc>) {
        self.failure = None;
        self.log(at, format!("(service {service}) has reached a steady state."));
    }

    /// All tasks found room: a later failure is a new one.
    pub(crate) fn placed(&mut self) {
        self.failure = None;
    }

    /// Returns whether a placement failure must be logged.
    pub(crate) fn is_new_failure(&self, at: DateTime<Utc>, lacking: &'static str) -> bool {
        let logged = self.failure.filter(|(reason, _)| *reason == lacking);
        logged.is_none_or(|(_, before)| before + BETWEEN_DUPLICATES <= at)
    }

    /// A task could not be placed.
    pub(crate) fn placement_failed(
        &mut self,
        service: &str,
        at: DateTime<Utc>,
        lacking: &'static str,
        closest: Option<&ContainerInstanceArn>,
    ) {
        self.failure = Some((lacking, at));
        let why = match closest {
            Some(arn) => {
                let id = end(&arn.0);
                let lacks = match lacking {
                    "RESOURCE:CPU" => "has insufficient CPU units available".to_owned(),
                    "RESOURCE:MEMORY" => "has insufficient memory available".to_owned(),
                    "RESOURCE:PORTS" => "is already using a port required by your task".to_owned(),
                    other => format!("encountered error \"{other}\""),
                };
                format!("The closest matching (container-instance {id}) {lacks}.")
            }
            None => "Reason: No Container Instances were found in your cluster.".to_owned(),
        };
        let message = format!(
            "(service {service}) was unable to place a task because no container instance met all of its requirements. \
             {why} For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        );
        self.log(at, message);
    }

    fn log(&mut self, at: DateTime<Utc>, message: String) {
        if self.latest.len() == EVENTS_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(ServiceEvent { at, message });
    }
}

fn names(tasks: &[TaskArn]) -> String {
    let names: Vec<String> = tasks.iter().map(|task| format!("(task {})", end(&task.0))).collect();
    names.join(" ")
}

fn end(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
