//! The lifecycle-drainer's decisions, without I/O: time and what was read of AWS are arguments.
//!
//! | module | purpose |
//! | --- | --- |
//! | `message` | what comes in: a notice, a sweep, an interruption |
//! | `evidence` | what was seen of one instance and its tasks |
//! | `session`, `observation` | one drain, as a state machine, and what came of its steps |
//! | `waiting_action`, `troubles` | its lifecycle action, and its failed calls |
//! | `schedule`, `timing`, `on_drain_timeout` | its times, and what happens when they are over |
//! | `reason` | why a drain waits, and why its hook is completed |
//! | `role`, `assignment` | who drains what of a group |
//! | `group_view`, `standby` | what is known of the group |
//! | `group`, `group_request` | the drains of one invocation, as a state machine |
//! | `batch`, `cluster_lists` | their calls together |
//! | `report` | what happened, for the log, the metrics and the answer |
//! | `diagnosis` | why a drain waits |
//! | `metrics` | the drains' metrics |

mod assignment;
mod batch;
mod cluster_lists;
mod diagnosis;
mod evidence;
mod group;
mod group_request;
mod group_view;
mod message;
mod metrics;
mod observation;
mod on_drain_timeout;
mod reason;
mod report;
mod role;
mod schedule;
mod session;
mod standby;
mod timing;
mod troubles;
mod waiting_action;

pub use batch::Batch;
pub use diagnosis::{
    Cause, DIAGNOSIS_INTERVAL_MAX, DIAGNOSIS_INTERVAL_MIN, Diagnosis, Evidence as DiagnosisEvidence, Lacking,
    SERVICES_NAMED_MAX, ServiceDiagnosis, StandaloneTasks, diagnose, next_diagnosis, protections_to_ask,
    services_to_describe,
};
pub use evidence::{Evidence, STOPPED_REASON, Seen, TaskLists};
pub use group::{CALL_TIMEOUT, GroupAction, GroupDrains};
pub use group_request::GroupRequest;
pub use message::{
    ACCEPTED_EVENTS, Destination, Ignored, Interruption, InterruptionKind, Message, Notice, Sweep,
    UnreadableMessage, drain_timeout_of, is_event, message_text, read_event, read_message,
};
pub use metrics::{DrainMetric, DrainMetrics, Finish};
pub use observation::Observation;
pub use on_drain_timeout::{NotAnOnDrainTimeout, OnDrainTimeout};
pub use reason::{CompleteReason, WaitReason};
pub use report::{Ended, Failure, Report};
pub use role::Role;
pub use schedule::{DRAIN_TIMEOUT_SECONDS_MAX, HEARTBEAT_TIMEOUT_MIN, HookTimeouts, Schedule};
pub use session::{DrainEnd, DrainRequest, Session, Step};
pub use standby::Standby;
pub use troubles::{Kind, Trouble, Troubles};
pub use waiting_action::Shown;
