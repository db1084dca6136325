//! The ports: the AWS calls that the functions make, and the clock.
//!
//! A port's method is one API call, with AWS's own limits: paging, batching and retrying are the
//! callers' business, so that a simulator can try every fault on them. An implementation that
//! retries inside a call keeps within the time that its caller gives it (the caller drops the
//! future).

// The functions run on one thread: no future here needs to be Send.
#![allow(async_fn_in_trait)]

mod auto_scaling;
mod cloudwatch;
mod ecs;
mod embedded_metrics;
mod sns;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use auto_scaling::{AutoScalingGroups, GROUPS_MAX, GroupScaling, LifecycleActions};
pub use cloudwatch::{METRIC_DATA_MAX, MetricDatum, MetricUnit, Metrics, StorageResolution};
pub use ecs::{
    CapacityProviders, ContainerInstanceDraining, ContainerInstanceQuery, ContainerInstances, DESCRIBE_MAX,
    FILTER_MAX, READS_LAG_MAX, SERVICES_MAX, STOP_REASON_MAX, Services, TaskDefinitions, TaskProtections,
    TaskStopping, Tasks, TasksOf, UPDATE_STATE_MAX,
};
pub use embedded_metrics::EmbeddedMetrics;
pub use sns::{
    ATTEMPT_ATTRIBUTE, COORDINATES_ATTRIBUTE, MessageAttributes, NotificationTopic, SEEN_IN_ATTRIBUTE,
};

/// A page of a list. It may hold fewer than a full page, or nothing, and still have a successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items on this page.
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
    /// The failure of a resource that was asked for and that an answer neither describes nor has
    /// among its failures.
    #[must_use]
    pub fn not_described(arn: &str) -> Self {
        let detail = "neither described nor among the failures".to_owned();
        Self { arn: arn.to_owned(), reason: "UNTOLD".to_owned(), detail }
    }

    /// Returns whether the resource is no longer in the cluster, which is an answer and not a
    /// fault.
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
    /// The resource of the call.
    pub resource: String,
    /// How it went wrong.
    pub kind: CallErrorKind,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl CallError {
    /// Returns whether AWS may have acted, although the answer is an error or was lost.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        matches!(self.kind, CallErrorKind::Unavailable | CallErrorKind::OutOfTime)
    }
}

/// How a call went wrong, as far as it matters to what is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// AWS asks to slow down.
    Throttled,
    /// AWS will not do it, now or later: no permission, no such cluster, a malformed request.
    Refused,
    /// AWS did not answer, or not in full. The caller should retry.
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
