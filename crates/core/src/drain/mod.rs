//! The lifecycle-drainer's decisions: what a message asks for, what has been seen, what to do next and why.

mod convoy;
mod deadline;
mod decision;
mod notice;
mod on_drain_timeout;
mod sight;
mod timing;

pub use convoy::{CARRIERS, GROUP_INTERVAL, Role, SWEEP_LASTS, mates_left, role};
pub use deadline::{PLAN_AHEAD, STOP_SLACK, StopPlan, decide_in_time};
pub use decision::{CompleteReason, Decision, REGISTRATION_PATIENCE, SETTLE, WaitReason, decide};
pub use notice::{Ignored, Message, Notice, UnreadableMessage, read_message};
pub use on_drain_timeout::OnDrainTimeout;
pub use sight::{Look, Sight, TaskSight};
pub use timing::{DRAIN_TIMEOUT_SECONDS_MAX, DrainTiming, HEARTBEAT_TIMEOUT_MAX, HEARTBEAT_TIMEOUT_MIN};
