//! What can go wrong, as the function's error: Lambda retries it, and keeps the event in the dead-letter queue.

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
    /// An event of EventBridge that came by itself.
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
    /// The function's timeout leaves too little time to see a drain's end: it would republish for ever.
    #[error(
        "the invocation has {seconds} s: too short for {settle} s of seeing the instance empty, one \
         POLL_INTERVAL_SECONDS={poll} and DEADLINE_MARGIN_SECONDS={margin}; raise the function's timeout (900 s is the \
         most)"
    )]
    TooShort {
        /// What the invocation has, in seconds.
        seconds: u64,
        /// How long an instance must be seen empty, in seconds.
        settle: u64,
        /// The margin, in seconds.
        margin: u64,
        /// The poll interval, in seconds.
        poll: u64,
    },
    /// A call that kept failing.
    #[error("draining {ec2_instance_id} of cluster {cluster} failed: its hook is left open")]
    Drain {
        /// The instance.
        ec2_instance_id: String,
        /// Its cluster.
        cluster: String,
        /// The last failure.
        #[source]
        source: CallError,
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
    /// The time was up, and the message could not be republished.
    #[error("handing on the drain of {ec2_instance_id} of cluster {cluster} failed: its hook is left open")]
    HandOn {
        /// The instance.
        ec2_instance_id: String,
        /// Its cluster.
        cluster: String,
        /// The last failure.
        #[source]
        source: CallError,
    },
    /// The time was up, and there is no topic to go on by.
    #[error(
        "the drain of {ec2_instance_id} of cluster {cluster} can't be handed on, as its event came through no topic: set \
         LIFECYCLE_TOPIC_ARN; its hook is left open"
    )]
    NoTopic {
        /// The instance.
        ec2_instance_id: String,
        /// Its cluster.
        cluster: String,
    },
    /// Some records of an event failed; the others are done. The source is the first failure, and each is logged.
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
            Self::HandOn { .. } => "HandOnFailed",
            Self::NoTopic { .. } => "NoTopic",
            Self::Several { first, .. } => first.kind(),
        }
    }
}
