//! The domain of Fleetkeeper: plain data, pure decisions and the ports' traits.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`capacity_provider`], [`cluster`], [`container_instance`], [`task`], [`task_needs`], [`lifecycle`], [`topic`] | AWS's resources, as plain data with units |
//! | [`ports`] | the AWS calls that the functions make, one trait a service, and the clock |
//! | [`read`] | reads that span pages and batches: nothing is skipped |
//! | [`paced`] | reads at a pace that leaves half of an account's rate to others |
//! | [`drain`] | the lifecycle-drainer's decisions |
//! | [`capacity`] | the book's figures |
//! | [`fleet`] | the hosts that each group is missing and can lose |
//! | [`invocation`], [`time_left`] | an invocation's remaining time, which bounds every call |
//! | [`setting`] | a variable parsed once, with one clear line where it is malformed |
//! | [`network_interfaces`] | the awsvpc tasks that an instance has room for |
//! | [`metric_namespace`] | the variable that both functions have |
//! | [`error_chain`] | an error with all its sources, in one line |
//!
//! Nothing here names an SDK, an async runtime, a clock or the environment: time and settings are
//! arguments, so that every decision can be replayed.
//!
//! A drain shows the shape. The drainer reads a termination notice, and a session says what to do
//! next. The session does no I/O: an executor makes the call and hands the answer to the session.
//!
//! ```
//! use std::time::Duration;
//!
//! use fleetkeeper_core::drain::{
//!     DrainRequest, Message, Observation, OnDrainTimeout, Schedule, Seen, Session, Step,
//!     read_message,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"{
//!     "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
//!     "AutoScalingGroupName": "hosts",
//!     "LifecycleHookName": "drain",
//!     "LifecycleActionToken": "c613620e-07e2-4ed2-a9e2-ef8258911ade",
//!     "EC2InstanceId": "i-0b662ef9931388ba0",
//!     "Time": "2026-11-22T10:00:00.000Z"
//! }"#;
//! let Message::Terminating(notice) = read_message(text)? else { panic!("a termination notice") };
//! let now = notice.time;
//! let mut session = Session::new(DrainRequest {
//!     ec2_instance_id: notice.ec2_instance_id,
//!     action: notice.action,
//!     schedule: Schedule { began: now, drain_timeout: Duration::from_secs(3600), hook: None },
//!     policy: OnDrainTimeout::StopTasks,
//!     poll_interval: Duration::from_secs(5),
//!     absence_allowance: Duration::from_secs(60),
//!     is_fresh: true,
//!     in_passing: false,
//!     seen: Seen::default(),
//! });
//! assert_eq!(session.next(None, now), Step::Find(vec![]));
//!
//! // The cluster does not list the instance. That proves nothing: the hook stays open.
//! session.record(&Observation::Found { described: vec![], unresolved: 0 }, true, now);
//! assert!(matches!(session.next(None, now), Step::Wait(_)));
//! # Ok(())
//! # }
//! ```

pub mod capacity;
pub mod capacity_provider;
pub mod cluster;
pub mod container_instance;
pub mod drain;
pub mod error_chain;
pub mod fleet;
pub mod invocation;
pub mod lifecycle;
pub mod metric_namespace;
pub mod network_interfaces;
pub mod paced;
pub mod ports;
pub mod read;
pub mod service;
pub mod setting;
pub mod task;
pub mod task_needs;
pub mod time_left;
pub mod topic;
