//! The lifecycle-drainer's decisions: what a message asks for, what has been seen, what to do next and why;
//! and what a person wants to know: why a drain waits, and whether there is room elsewhere for what it moves.

mod convoy;
mod deadline;
mod decision;
mod diagnosis;
mod notice;
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
pub use notice::{Ignored, Message, Notice, UnreadableMessage, read_message};
pub use on_drain_timeout::OnDrainTimeout;
pub use preflight::{Preflight, Verdict};
pub use sight::{Look, Sight, TaskSight};
pub use timing::{DRAIN_TIMEOUT_SECONDS_MAX, DrainTiming, HEARTBEAT_TIMEOUT_MAX, HEARTBEAT_TIMEOUT_MIN};
