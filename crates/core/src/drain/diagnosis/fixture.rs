//! Tasks and services that the tests of this room make up.

use chrono::{DateTime, Utc};

use crate::service::{SchedulingStrategy, Service, ServiceEvent};
use crate::task::{DesiredStatus, Task};

/// This many seconds after the drain began.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

/// A running task of this group.
pub(super) fn task(arn: &str, group: &str) -> Task {
    Task { group: group.to_owned(), ..Task::seen(arn, "RUNNING") }
}

/// A task of this group that is being stopped.
pub(super) fn stopping(arn: &str, group: &str, last_status: &str) -> Task {
    let last_status = last_status.to_owned();
    Task { last_status, desired_status: DesiredStatus::Stopped, ..task(arn, group) }
}

/// A service with 100 % and 200 %, of which as many run as are wanted.
pub(super) fn service(name: &str, desired: u32) -> Service {
    Service {
        name: name.to_owned(),
        active: true,
        deployments: Vec::new(),
        constraints: Vec::new(),
        spreads_over: Vec::new(),
        strategy: SchedulingStrategy::Replica,
        desired,
        running: desired,
        pending: 0,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        events: Vec::new(),
    }
}

impl Service {
    /// The same service with these events, newest first.
    pub(super) fn with_events<const N: usize>(mut self, events: [(i64, &str); N]) -> Self {
        self.events = events
            .map(|(seconds, message)| ServiceEvent {
                at: at(seconds),
                message: format!("(service {}) {message}", self.name),
            })
            .into();
        self
    }
}
