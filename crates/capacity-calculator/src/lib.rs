//! The capacity-calculator: an event in, the cluster's capacity out as CloudWatch metrics.
//!
//! | room | purpose |
//! | --- | --- |
//! | `config` | the variables, parsed once at start |
//! | `trigger` | what the event says: whose capacity, and what happened |
//! | `seen` | which events the last look at the cluster already covers |
//! | `calculator` | reads the cluster, decides, puts the metrics |
//! | `calls` | what is asked of ECS, and at what pace |
//! | `snapshot` | the cluster's container instances |
//! | `demand` | what its services want, and what their tasks need |
//! | `summary` | the answer to whoever invoked it |
//! | `tell` | what is said in the log |
//! | `error` | what went wrong, by a stable name |
//!
//! The figures themselves are [`fleetkeeper_core::capacity`]'s. Nothing here names an SDK or the Lambda runtime: the
//! handler takes ports, a JSON value and what the invocation has left.

mod calculator;
mod calls;
mod config;
mod demand;
mod error;
mod seen;
mod snapshot;
mod summary;
mod tell;
mod trigger;

pub use calculator::{CapacityCalculator, DEADLINE_MARGIN};
pub use calls::EcsReads;
pub use config::Config;
pub use error::{CapacityError, Read};
pub use summary::{Covered, Figures, Outcome, Published, Summary};
pub use trigger::{Trigger, UnreadableEvent};
