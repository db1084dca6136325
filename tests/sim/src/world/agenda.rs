//! The agenda: things that are due, and their times.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::task::TaskArn;
use serde_json::Value;

use super::lambda::Pending;

/// Names one entry of the agenda, so that the world can ignore entries that later events have
/// overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// A change that time alone brings about.
#[derive(Debug, Clone)]
pub(crate) enum Transition {
    /// A task has been long enough in its status.
    Task { cluster: String, task: TaskArn },
    /// A cluster's service scheduler runs.
    ServiceScheduler { cluster: String },
    /// ECS forgets a stopped task.
    ForgetTask { cluster: String, task: TaskArn },
    /// ECS forgets a deregistered container instance.
    ForgetContainerInstance { cluster: String, container_instance: ContainerInstanceArn },
    /// A container instance has all that it registers with.
    Registered { cluster: String, container_instance: ContainerInstanceArn },
    /// An agent disconnects or connects on its own.
    AgentFlap { cluster: String, container_instance: ContainerInstanceArn, connected: bool },
    /// A launched EC2 instance is up.
    InService { group: String, instance: Ec2InstanceId },
    /// An instance's connections to the load balancer have drained.
    ConnectionsDrained { group: String, instance: Ec2InstanceId },
    /// A group no longer lists an instance that EC2 has terminated.
    LeavesGroup { group: String, instance: Ec2InstanceId },
    /// A group launches what is missing.
    Balance { group: String },
    /// A group balances its zones, where they are uneven.
    RebalanceZones { group: String },
    /// An instance refresh takes its next step.
    InstanceRefresh { group: String },
    /// An alarm is evaluated.
    EvaluateAlarm { alarm: String },
    /// A lifecycle action may have run out.
    LifecycleActionDeadline { group: String, token: String },
    /// EC2 takes a Spot instance back.
    SpotReclaim { group: String, instance: Ec2InstanceId },
    /// The owner of a standalone task, or ECS, gives up waiting for room.
    Submission { cluster: String, number: u64 },
    /// ECS publishes the reservation of a capacity provider.
    ManagedScaling { provider: String },
    /// ECS looks after an instance that waits at its hook.
    ManagedDraining { group: String, token: String },
    /// ECS sets an instance DRAINING that EC2 takes back.
    ManagedDrainingForSpot { group: String, instance: Ec2InstanceId },
    /// An event reaches its function, for the first time or as a retry.
    EventArrives(Box<Pending>),
    /// A schedule invokes its function.
    Schedule { function: Arc<str>, every_seconds: u32, input: Option<Arc<Value>> },
}

/// Transitions in order of their time and, at one time, of their entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agenda {
    entries: BTreeMap<(DateTime<Utc>, Ticket), Transition>,
    tickets: u64,
}

impl Agenda {
    pub(crate) fn enter(&mut self, time: DateTime<Utc>, transition: Transition) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.entries.insert((time, ticket), transition);
        ticket
    }

    /// The time of the next entry.
    pub(crate) fn next(&self) -> Option<DateTime<Utc>> {
        self.entries.keys().next().map(|(time, _)| *time)
    }

    /// Takes the next entry, if its time has come.
    pub(crate) fn take_due(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Ticket, Transition)> {
        if self.next()? > now {
            return None;
        }
        self.entries.pop_first().map(|((time, ticket), transition)| (time, ticket, transition))
    }
}
