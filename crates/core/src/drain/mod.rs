//! The lifecycle-drainer's decisions: what a message asks for, what has been seen, what to do next and why; and what is told
//! of it as metrics.

mod decision;
mod message;
mod metrics;
mod on_drain_timeout;
mod sight;
mod timing;

pub use decision::{CompleteReason, Decision, REGISTRATION_PATIENCE, SETTLE, WaitReason, decide};
pub use message::{
    ACCEPTED_EVENTS, Destination, Ignored, Interruption, InterruptionKind, Message, Notice, Sweep,
    UnreadableMessage, is_event, message_text, read_event, read_message,
};
pub use metrics::{DrainMetric, DrainMetrics, DrainSubject, Finish};
pub use on_drain_timeout::{NotAnOnDrainTimeout, OnDrainTimeout};
pub use sight::{Look, Sight, TaskSight};
pub use timing::{DRAIN_TIMEOUT_SECONDS_MAX, DrainTiming, HEARTBEAT_TIMEOUT_MAX, HEARTBEAT_TIMEOUT_MIN};
