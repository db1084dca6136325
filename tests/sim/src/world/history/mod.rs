//! What happened, in order: for tests that check rules over it and for people who read it.

mod timeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::task::{DesiredStatus, TaskArn};
use serde_json::Value;

use super::auto_scaling::hook::ActionResult;
use super::auto_scaling::processes::ScalingProcess;
use super::cloud_watch::alarm::AlarmState;
use super::ecs::container_instance::DescribedContainerInstance;
use super::ecs::task::{LastStatus, StopCode};
use super::lambda::invocation::{EnvironmentId, EventId, GivenUp, InvocationEnd, InvocationId};
use super::spot::SpotNotice;
use super::{Operation, World};

/// Everything that happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    entries: Vec<Entry>,
}

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// The invocation whose API call did it; none where the world did.
    pub by: Option<InvocationId>,
    /// The occurrence.
    pub what: Occurrence,
}

/// How a lifecycle action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionEnd {
    /// By `CompleteLifecycleAction`.
    Completed(ActionResult),
    /// By its timeout, with the hook's default result.
    Expired(ActionResult),
    /// At once, with the hook's default result, as its notification was refused.
    NotificationRefused(ActionResult),
}

impl ActionEnd {
    /// The result.
    #[must_use]
    pub const fn result(self) -> ActionResult {
        match self {
            Self::Completed(result) | Self::Expired(result) | Self::NotificationRefused(result) => result,
        }
    }
}

/// How an API call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// Answered.
    Answered,
    /// Answered, but a fault put the first of the resources asked for into `failures[]`, for this
    /// reason.
    AnsweredInPart(&'static str),
    /// Answered with an error of this code.
    Failed(&'static str),
    /// Answered, but its caller never got to see it: it saw an error of this code.
    AnswerLost(&'static str),
    /// Never answered.
    Hung,
}

/// A value that was put.
#[derive(Debug, Clone, PartialEq)]
pub struct PutValue {
    /// The metric's name.
    pub name: &'static str,
    /// The value of its second dimension: the group.
    pub group: Option<String>,
    /// The value.
    pub value: f64,
}

/// Everything that a history can hold.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are named by their types")]
pub enum Occurrence {
    /// A group wants this many instances.
    DesiredCapacity { group: String, desired_capacity: u32 },
    /// An EC2 instance starts: a new one, or one from the warm pool.
    InstanceLaunching { group: String, instance: Ec2InstanceId },
    /// An EC2 instance is up.
    InstanceInService { group: String, instance: Ec2InstanceId },
    /// A group begins to terminate an EC2 instance.
    InstanceTerminating { group: String, instance: Ec2InstanceId },
    /// An EC2 instance is gone.
    InstanceTerminated { group: String, instance: Ec2InstanceId },
    /// A group begins to stop an EC2 instance, in the warm pool.
    InstanceEnteringWarmPool { group: String, instance: Ec2InstanceId },
    /// An EC2 instance is stopped, in the warm pool. It may be launched again.
    InstanceInWarmPool { group: String, instance: Ec2InstanceId },
    /// An EC2 instance was parked as its way out was abandoned.
    InstanceRetained { group: String, instance: Ec2InstanceId },
    /// The replacement of an EC2 instance's root volume began, or ended with the instance in
    /// service.
    RootVolumeReplacement { group: String, instance: Ec2InstanceId, in_progress: bool },
    /// An EC2 instance entered standby, or left it.
    Standby { group: String, instance: Ec2InstanceId, entered: bool },
    /// Processes of a group were suspended, or resumed.
    ProcessesSuspended { group: String, processes: Vec<ScalingProcess>, suspended: bool },
    /// Scale-in protection of instances was set, or lifted.
    ScaleInProtection { group: String, instances: Vec<Ec2InstanceId>, protected: bool },
    /// Somebody asked for the termination of this very instance.
    TerminationRequested { group: String, instance: Ec2InstanceId },
    /// A group's zones are being balanced: it launched an instance beyond its desired capacity.
    RebalancingZones { group: String, instance: Ec2InstanceId },
    /// A group was deleted, with all its instances.
    GroupDeleted { group: String },
    /// EC2 announced something about a Spot Instance.
    SpotNotice { group: String, instance: Ec2InstanceId, notice: SpotNotice },
    /// An instance refresh began, or ended.
    InstanceRefresh { group: String, in_progress: bool },
    /// A hook holds an instance back.
    ActionOpened { group: String, hook: String, instance: Ec2InstanceId, token: String },
    /// A hook's timer started anew.
    ActionHeartbeat {
        group: String,
        hook: String,
        instance: Ec2InstanceId,
        token: String,
        deadline: DateTime<Utc>,
    },
    /// A hook no longer holds an instance back.
    ActionEnded { group: String, hook: String, instance: Ec2InstanceId, token: String, end: ActionEnd },
    /// An EC2 instance joined its cluster.
    ContainerInstanceRegistered {
        cluster: String,
        container_instance: ContainerInstanceArn,
        ec2_instance_id: Ec2InstanceId,
    },
    /// A disconnected registration that an EC2 instance's agent left behind earlier.
    GhostLeft {
        cluster: String,
        container_instance: ContainerInstanceArn,
        ec2_instance_id: Ec2InstanceId,
        registered_at: DateTime<Utc>,
    },
    /// A container instance's status changed.
    ContainerInstanceStatus { container_instance: ContainerInstanceArn, status: ContainerInstanceStatus },
    /// A container instance's agent came or went.
    AgentConnected { container_instance: ContainerInstanceArn, connected: bool },
    /// Something about a container instance changed, and this is what it is now. People read of the
    /// change itself: the timeline leaves this out.
    ContainerInstanceChanged(Arc<DescribedContainerInstance>),
    /// A service wants this many tasks.
    DesiredCount { service: String, desired_count: u32 },
    /// A service begins to replace its tasks by those of another task definition.
    DeploymentStarted { service: String, task_definition: String },
    /// A task was placed; it is PENDING.
    TaskPlaced { task: TaskArn, group: String, container_instance: ContainerInstanceArn },
    /// A task is desired STOPPED.
    TaskStopping { task: TaskArn, code: StopCode },
    /// A task's last status changed.
    TaskStatus { task: TaskArn, status: LastStatus },
    /// A task's service leaves it alone until then.
    TaskProtected { task: TaskArn, until: DateTime<Utc> },
    /// A caller got a page of `ListTasks`: which tasks it asked for, and when AWS read them.
    TasksListed {
        cluster: String,
        container_instance: Option<ContainerInstanceArn>,
        desired_status: DesiredStatus,
        tasks: usize,
        first_page: bool,
        last_page: bool,
        read_at: DateTime<Utc>,
    },
    /// A read of groups that lagged was answered: groups as they were after all that happened by
    /// then.
    GroupsReadLate { as_of: DateTime<Utc> },
    /// A task that had not STOPPED lost its host: the evidence of an early kill.
    TaskKilled {
        task: TaskArn,
        container_instance: ContainerInstanceArn,
        desired_status: DesiredStatus,
        last_status: LastStatus,
    },
    /// A service's zones are being balanced: it started a task beyond its desired count.
    RebalancingService { service: String, task: TaskArn },
    /// A service's task found no room.
    PlacementFailed { service: String, reason: &'static str },
    /// A message was published.
    MessagePublished { topic_arn: Arc<str>, message: Arc<str>, attempt: u32 },
    /// Metric data were put.
    MetricDataPut { namespace: String, values: Vec<PutValue> },
    /// A document of the embedded metric format was written into a function's log.
    EmbeddedMetricsPut { document: Arc<Value> },
    /// An alarm's state changed.
    AlarmState { alarm: String, from: AlarmState, to: AlarmState },
    /// A scaling policy changes its group's desired capacity, at an alarm's call.
    PolicyExecuted { group: String, policy: String, alarm: String, from: u32, to: u32 },
    /// An AWS API was called.
    ApiCalled { operation: Operation, outcome: CallOutcome },
    /// A function began to work on an event.
    InvocationStarted {
        invocation: InvocationId,
        function: Arc<str>,
        environment: EnvironmentId,
        cold: bool,
        event: EventId,
        attempt: u32,
        hops: u32,
        payload: Arc<Value>,
    },
    /// A function had no environment left for an event: Lambda retries it later.
    InvocationThrottled { function: Arc<str>, event: EventId },
    /// A function's work on an event ended.
    InvocationEnded { invocation: InvocationId, end: InvocationEnd },
    /// An event went to the dead letters.
    EventGivenUp { function: Arc<str>, event: EventId, why: GivenUp },
}

impl History {
    /// All entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How often each operation was called, whatever came of it.
    #[must_use]
    pub fn api_calls(&self) -> BTreeMap<Operation, u32> {
        let mut calls = BTreeMap::new();
        for entry in &self.entries {
            if let Occurrence::ApiCalled { operation, .. } = entry.what {
                *calls.entry(operation).or_default() += 1;
            }
        }
        calls
    }

    /// The tasks that lost their host before they had STOPPED.
    #[must_use]
    pub fn killed_tasks(&self) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| matches!(entry.what, Occurrence::TaskKilled { .. })).collect()
    }
}

impl World {
    pub(crate) fn record(&mut self, what: Occurrence) {
        self.history.entries.push(Entry { at: self.now, by: self.caller, what });
    }

    /// Records that an API was called, ahead of what came of it: `position` is the history's length
    /// before.
    pub(crate) fn record_call(&mut self, position: usize, operation: Operation, outcome: CallOutcome) {
        let what = Occurrence::ApiCalled { operation, outcome };
        let entry = Entry { at: self.now, by: self.caller, what };
        let entries = &mut self.history.entries;
        entries.insert(position.min(entries.len()), entry);
    }
}
