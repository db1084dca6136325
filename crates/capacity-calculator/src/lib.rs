//! The capacity-calculator: an event in, the cluster's capacity and its groups' needs out as
//! CloudWatch metrics.
//!
//! | module | purpose |
//! | --- | --- |
//! | `config` | the variables, parsed once at start |
//! | `trigger` | what the event says: whose capacity, and what happened |
//! | `seen` | which events the last snapshot covers already, and which come too soon after it |
//! | `calculator` | reads the cluster, decides, puts the metrics |
//! | `decide` | reads what decisions need, and decides |
//! | `scaling` | raises groups and removes hosts |
//! | `scaled` | the changes of a group, for the answer |
//! | `calls` | what is asked of ECS, and at what pace |
//! | `snapshot` | reads a cluster and its Auto Scaling groups |
//! | `services` | reads services and their task definitions |
//! | `capacity_providers` | reads the capacity providers |
//! | `tasks` | reads tasks and their protection |
//! | `warm` | what is kept of a cluster from one snapshot to the next |
//! | `metrics` | what was worked out, as CloudWatch metrics |
//! | `summary` | the answer to whoever invoked it |
//! | `report` | what happened, as log lines |
//! | `scaling_report` | direct scaling, as log lines |
//! | `error` | what went wrong, by a stable name |
//!
//! The decisions are [`fleetkeeper_core::fleet`]'s, the book's figures
//! [`fleetkeeper_core::capacity`]'s. Nothing here names an SDK or the Lambda runtime: the handler
//! takes ports, a JSON value and what the invocation has left.

//!
//! An event only decides which cluster is read, and whether the last snapshot covers it already:
//!
//! ```
//! use capacity_calculator::Trigger;
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let failure = Trigger::read(json!({
//!     "detail-type": "ECS Service Action",
//!     "time": "2026-11-22T10:00:00Z",
//!     "detail": {
//!         "eventName": "SERVICE_TASK_PLACEMENT_FAILURE",
//!         "clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/demo",
//!         "reason": "RESOURCE:MEMORY"
//!     }
//! }))?;
//! assert!(failure.is_change());
//! assert_eq!(failure.cluster.unwrap().name(), "demo");
//!
//! let schedule = Trigger::read(json!({"detail-type": "Scheduled Event", "detail": "{}"}))?;
//! assert!(!schedule.is_change());
//! # Ok(())
//! # }
//! ```

mod calculator;
mod calls;
mod capacity_providers;
mod config;
mod decide;
mod error;
mod metrics;
mod report;
mod scaled;
mod scaling;
mod scaling_report;
mod seen;
mod services;
mod snapshot;
mod summary;
mod tasks;
mod trigger;
mod warm;

pub use calculator::{CapacityCalculator, DEADLINE_MARGIN};
pub use calls::EcsReads;
pub use config::Config;
pub use error::{CapacityError, Read};
pub use metrics::metric_data;
pub use scaled::{DesiredCapacity, NotDone, NotDoneReason, Scaled};
pub use summary::{
    BookFigures, Covered, Figures, GroupFigures, Held, HeldReason, Outcome, Published, Summary,
};
pub use trigger::{Trigger, UnreadableEvent};
