//! The lifecycle-drainer's decisions: what a message asks for, what has been seen, what to do next and why.

mod decision;
mod notice;
mod sight;
mod timing;

pub use decision::{CompleteReason, Decision, REGISTRATION_PATIENCE, SETTLE, WaitReason, decide};
pub use notice::{Ignored, Message, Notice, UnreadableMessage, read_message};
pub use sight::{Look, Sight, TaskSight};
pub use timing::{DRAIN_TIMEOUT_SECONDS_MAX, DrainTiming, HEARTBEAT_TIMEOUT_MAX, HEARTBEAT_TIMEOUT_MIN};
