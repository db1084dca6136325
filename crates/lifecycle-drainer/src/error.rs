//! What can go wrong, as the function's error: Lambda retries it, and keeps the event in the
//! dead-letter queue.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fleetkeeper_core::drain::{ACCEPTED_EVENTS, UnreadableMessage};
use fleetkeeper_core::ports::CallError;

/// A record whose drain did not get done, or an event that has none.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Something else than an event of SNS or EventBridge.
    #[error("the event lacks Records, a detail-type and a sweep; {ACCEPTED_EVENTS}")]
    NotAnAcceptedEvent,
    /// Records of SQS, which name no topic to republish to.
    #[error("SQS is not accepted: subscribe the function to the topic; {ACCEPTED_EVENTS}")]
    Sqs,
    /// A record that lacks what SNS sends.
    #[error("the SNS record can't be read")]
    Unreadable(#[source] serde_json::Error),
    /// A message that is no notification of Auto Scaling, and no event.
    #[error("the SNS message can't be read")]
    Message(#[source] UnreadableMessage),
    /// An event that EventBridge delivered directly.
    #[error("the EventBridge event can't be read")]
    Event(#[source] UnreadableMessage),
    /// No one says which cluster.
    #[error(
        "no cluster is known for {ec2_instance_id} of group {group}: put {{\"cluster\": \"NAME\"}} into the \
         NotificationMetadata of hook {hook}, or set ECS_CLUSTER"
    )]
    NoCluster {
        /// The instance.
        ec2_instance_id: String,
        /// Its group.
        group: String,
        /// The hook that could name the cluster.
        hook: String,
    },
    /// No one says which cluster an event is for that can name none.
    #[error("no cluster is known for {of}: set ECS_CLUSTER")]
    NoClusterOfEvent {
        /// The event.
        of: String,
    },
    /// The function's timeout leaves too little time to see a drain's end: it would republish
    /// without end.
    #[error(
        "the invocation has {seconds} s: too short for a poll (POLL_INTERVAL_SECONDS={poll}), {confirm} s to confirm it \
         and DEADLINE_MARGIN_SECONDS={margin}; raise the function's timeout, to 900 s at most"
    )]
    TooShort {
        /// The invocation's time, in seconds.
        seconds: u64,
        /// The duration of a confirming round, in seconds.
        confirm: u64,
        /// The margin, in seconds.
        margin: u64,
        /// The poll interval, in seconds.
        poll: u64,
    },
    /// AWS refuses a call that the drain needs.
    #[error("cannot drain {ec2_instance_id} of cluster {cluster}: {consequence}")]
    Drain {
        /// The instance.
        ec2_instance_id: String,
        /// Its cluster.
        cluster: String,
        /// The consequence.
        consequence: Consequence,
        /// The last failure.
        #[source]
        source: Arc<CallError>,
    },
    /// The instance is not in the cluster, and nothing shows that the cluster is the right one.
    #[error(
        "{ec2_instance_id} is not in cluster {cluster}, nor is another instance of its group: set ECS_CLUSTER, or put \
         {{\"cluster\": \"NAME\"}} into the NotificationMetadata of hook {hook}; {consequence}"
    )]
    WrongCluster {
        /// The instance.
        ec2_instance_id: String,
        /// The cluster in which it was sought.
        cluster: String,
        /// The hook that may name the cluster.
        hook: String,
        /// The consequence.
        consequence: Consequence,
    },
    /// An instance that EC2 takes back could not be set DRAINING.
    #[error("setting {ec2_instance_id} of cluster {cluster} DRAINING failed: EC2 takes it back")]
    Interruption {
        /// The instance.
        ec2_instance_id: String,
        /// Its cluster.
        cluster: String,
        /// The last failure.
        #[source]
        source: CallError,
    },
    /// The invocation's time was up, and the message could not be republished.
    #[error(
        "cannot republish the drain of {ec2_instance_id} of cluster {cluster}: its hook stays open, and Lambda retries"
    )]
    Republish {
        /// The instance.
        ec2_instance_id: String,
        /// Its cluster.
        cluster: String,
        /// The last failure.
        #[source]
        source: CallError,
    },
    /// The invocation's time was up, and there is no topic to republish to.
    #[error(
        "cannot republish the drain of {ec2_instance_id} of cluster {cluster}: its event came through no topic; set \
         LIFECYCLE_TOPIC_ARN; its hook stays open, and Lambda retries"
    )]
    NoTopic {
        /// The instance.
        ec2_instance_id: String,
        /// Its cluster.
        cluster: String,
    },
    /// Some records of an event failed; the others are done. The source is the first failure, and
    /// each is logged.
    #[error("{failed} of {of} records failed, this one first")]
    Several {
        /// How many failed.
        failed: usize,
        /// How many there were.
        of: usize,
        /// The first failure.
        #[source]
        first: Box<RecordError>,
    },
}

impl RecordError {
    /// A name for Lambda's `errorType`, which alarms and log queries can rely on.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotAnAcceptedEvent
            | Self::Sqs
            | Self::Unreadable(_)
            | Self::Message(_)
            | Self::Event(_) => "UnreadableEvent",
            Self::NoCluster { .. } | Self::NoClusterOfEvent { .. } => "NoCluster",
            Self::TooShort { .. } => "TimeoutTooShort",
            Self::Drain { .. } | Self::Interruption { .. } => "DrainFailed",
            Self::WrongCluster { .. } => "WrongCluster",
            Self::Republish { .. } => "RepublishFailed",
            Self::NoTopic { .. } => "NoTopic",
            Self::Several { first, .. } => first.kind(),
        }
    }
}

/// The consequence of an error that leaves a hook open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequence {
    /// The hook's heartbeat timeout, where it was read.
    pub heartbeat_timeout: Option<Duration>,
    /// The tasks that have not stopped, where they were listed.
    pub tasks: Option<usize>,
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its hook stays open; Lambda retries twice; then Auto Scaling terminates the instance ")?;
        match self.heartbeat_timeout {
            Some(timeout) => write!(f, "{} s after its last heartbeat", timeout.as_secs())?,
            None => f.write_str("when its hook times out")?,
        }
        match self.tasks {
            Some(tasks) => write!(f, ", with {tasks} tasks"),
            None => f.write_str(", whatever runs on it"),
        }
    }
}
