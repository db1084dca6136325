//! The lifecycle-drainer's decisions: what a message asks for, what has been seen, what to do next and why; and what people
//! are told: why a drain waits, whether there is room elsewhere for what it moves, and metrics.

mod convoy;
mod deadline;
mod decision;
mod diagnosis;
mod message;
mod metrics;
mod on_drain_timeout;
mod preflight;
mod sight;
mod timing;

pub use convoy::{CARRIERS, GROUP_INTERVAL, Role, SWEEP_LASTS, mates_left, role};
pub use deadline::{PLAN_AHEAD, STOP_SLACK, StopPlan, decide_in_time};
pub use decision::{CompleteReason, Decision, REGISTRATION_PATIENCE, SETTLE, WaitReason, decide};
pub use diagnosis::{
    Cause, DIAGNOSIS_INTERVAL_MAX, DIAGNOSIS_INTERVAL_MIN, Diagnosis, Evidence, Lacking, SERVICES_NAMED_MAX,
    ServiceDiagnosis, StandaloneTasks, diagnose, next_diagnosis, protections_to_ask, services_to_describe,
};
pub use message::{
    ACCEPTED_EVENTS, Destination, Ignored, Interruption, InterruptionKind, Message, Notice, Sweep,
    UnreadableMessage, drain_timeout_of, is_event, message_text, read_event, read_message,
};
pub use metrics::{DrainMetric, DrainMetrics, DrainSubject, Finish};
pub use on_drain_timeout::{NotAnOnDrainTimeout, OnDrainTimeout};
pub use preflight::{Preflight, Verdict};
pub use sight::{Look, Sight, TaskSight};
pub use timing::{DRAIN_TIMEOUT_SECONDS_MAX, DrainTiming, HEARTBEAT_TIMEOUT_MIN};
