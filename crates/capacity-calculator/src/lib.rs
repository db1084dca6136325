//! The capacity-calculator: an event in, the cluster's capacity out as CloudWatch metrics.
//!
//! | room | purpose |
//! | --- | --- |
//! | `config` | the variables, parsed once at start |
//! | `trigger` | what the event says: whose capacity, and what happened |
//! | `calculator` | reads the cluster, decides, puts the metrics |
//! | `summary` | the answer to whoever invoked it |
//! | `error` | what went wrong, by a stable name |
//!
//! The figures themselves are [`fleetkeeper_core::capacity`]'s. Nothing here names an SDK or the Lambda runtime: the
//! handler takes ports, a JSON value and what the invocation has left.

mod calculator;
mod config;
mod error;
mod summary;
mod trigger;

pub use calculator::{CapacityCalculator, DEADLINE_MARGIN};
pub use config::Config;
pub use error::CapacityError;
pub use summary::{Published, Summary};
pub use trigger::{Trigger, UnreadableEvent};
