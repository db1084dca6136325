//! The ports: the AWS calls that the functions make, and the clock.
//!
//! A port's method is one API call, with AWS's own limits: paging, batching and retrying are the callers' business, so
//! that a simulator can try every fault on them. An implementation that retries inside a call keeps within the time
//! that its caller gives it (the caller drops the future).

// The functions run on one thread: no future here needs to be Send.
#![allow(async_fn_in_trait)]

use std::error::Error;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::cluster::Cluster;
use crate::container_instance::{ContainerInstance, ContainerInstanceArn, Ec2InstanceId};
use crate::lifecycle::{LifecycleAction, LifecycleActionResult, LifecycleActionState, LifecycleHook};
use crate::task::{DesiredStatus, Task, TaskArn};

/// The most container instances or tasks that one describe call takes, and the most ARNs on one page of a list.
pub const DESCRIBE_MAX: usize = 100;

/// The most container instances that one `UpdateContainerInstancesState` takes.
pub const UPDATE_STATE_MAX: usize = 10;

/// The most metric data that one `PutMetricData` takes.
pub const METRIC_DATA_MAX: usize = 1000;

/// A page of a list. It may hold fewer than a full page, or nothing, and still have a successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// The token of the next page, if there is one.
    pub next: Option<PageToken>,
}

/// The `nextToken` of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub String);

/// The answer of a call on several resources: ECS answers 200 even where some of them failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The resources that the call reached.
    pub items: Vec<T>,
    /// Those that it did not.
    pub failures: Vec<Failure>,
}

/// An entry of an answer's `failures[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The resource's ARN.
    pub arn: String,
    /// ECS's reason; `MISSING` is the documented one of a describe call.
    pub reason: String,
    /// ECS's detail, often empty.
    pub detail: String,
}

impl Failure {
    /// Whether the resource is no longer in the cluster, which is an answer and not a fault.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.reason == "MISSING"
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.arn, self.reason)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// Which container instances to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerInstanceQuery {
    /// Those in every state but INACTIVE.
    All,
    /// Those of one EC2 instance, filtered by ECS: one call, whatever the cluster's size.
    OfEc2Instance(Ec2InstanceId),
}

/// Reads container instances.
pub trait ContainerInstances {
    /// `ListContainerInstances`, one page.
    async fn list_container_instances(
        &self,
        cluster: &Cluster,
        query: &ContainerInstanceQuery,
        page: Option<&PageToken>,
    ) -> Result<Page<ContainerInstanceArn>, CallError>;

    /// `DescribeContainerInstances`, at most [`DESCRIBE_MAX`].
    async fn describe_container_instances(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstance>, CallError>;
}

/// Sets container instances DRAINING.
pub trait ContainerInstanceDraining {
    /// `UpdateContainerInstancesState` to DRAINING, at most [`UPDATE_STATE_MAX`]. Only ACTIVE instances can be set.
    async fn set_draining(
        &self,
        cluster: &Cluster,
        arns: &[ContainerInstanceArn],
    ) -> Result<Answer<ContainerInstanceArn>, CallError>;
}

/// Reads tasks.
pub trait Tasks {
    /// `ListTasks` of one container instance, one page.
    async fn list_tasks(
        &self,
        cluster: &Cluster,
        container_instance: &ContainerInstanceArn,
        desired: DesiredStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<TaskArn>, CallError>;

    /// `DescribeTasks`, at most [`DESCRIBE_MAX`].
    async fn describe_tasks(&self, cluster: &Cluster, arns: &[TaskArn]) -> Result<Answer<Task>, CallError>;
}

/// EC2 Auto Scaling's lifecycle hooks and actions.
pub trait LifecycleActions {
    /// `DescribeLifecycleHooks` of one hook; none if the group has no such hook any more.
    async fn describe_hook(&self, action: &LifecycleAction) -> Result<Option<LifecycleHook>, CallError>;

    /// `RecordLifecycleActionHeartbeat`: starts the heartbeat timeout anew.
    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<LifecycleActionState, CallError>;

    /// `CompleteLifecycleAction`, by token.
    async fn complete(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<LifecycleActionState, CallError>;
}

/// The message attribute (Number) that counts the deliveries of one drain: 2 on the first republish.
pub const ATTEMPT_ATTRIBUTE: &str = "fleetkeeper.attempt";

/// The SNS topic that lifecycle messages come through.
pub trait NotificationTopic {
    /// `Publish`, with message attribute [`ATTEMPT_ATTRIBUTE`].
    async fn publish(&self, topic_arn: &str, message: &str, attempt: u32) -> Result<(), CallError>;
}

/// CloudWatch metrics.
pub trait Metrics {
    /// `PutMetricData`: all data in one request, with one timestamp, at most [`METRIC_DATA_MAX`].
    async fn put_metric_data(
        &self,
        namespace: &str,
        resolution: StorageResolution,
        at: DateTime<Utc>,
        data: &[MetricDatum],
    ) -> Result<(), CallError>;
}

/// How finely CloudWatch keeps a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageResolution {
    /// One-second periods: what alarms with periods of 10, 20 or 30 s need.
    OneSecond,
    /// One-minute periods.
    OneMinute,
}

/// A metric's value at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricDatum {
    /// The metric's name.
    pub name: &'static str,
    /// Names and values; all of them together are the metric's identity.
    pub dimensions: Vec<(&'static str, String)>,
    /// What the value counts.
    pub unit: MetricUnit,
    /// A finite value: CloudWatch refuses others.
    pub value: f64,
}

/// CloudWatch's units, those that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// A count.
    Count,
    /// A ratio.
    None,
}

/// The clock: the only source of time.
pub trait Clock {
    /// Now.
    fn now(&self) -> DateTime<Utc>;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// A call that failed: what was called, on what, and how it went wrong.
///
/// The source is the cause as the adapter knows it; print the chain, not this alone.
#[derive(Debug, thiserror::Error)]
#[error("{operation} on {resource} {kind}")]
pub struct CallError {
    /// The operation as IAM writes it: `ecs:ListContainerInstances`.
    pub operation: &'static str,
    /// What it was called on.
    pub resource: String,
    /// How it went wrong.
    pub kind: CallErrorKind,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// How a call went wrong, as far as it matters to what is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// AWS asks to slow down.
    Throttled,
    /// AWS will not do it, now or later: no permission, no such cluster, a malformed request.
    Refused,
    /// AWS did not answer, or not in full: try again.
    Unavailable,
    /// The time given for it was over.
    OutOfTime,
}

impl fmt::Display for CallErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "was throttled",
            Self::Refused => "was refused",
            Self::Unavailable => "failed",
            Self::OutOfTime => "did not answer in the time left",
        })
    }
}
