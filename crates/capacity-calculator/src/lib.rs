//! The capacity-calculator: an event in, the cluster's capacity out as CloudWatch metrics.
//!
//! | room | purpose |
//! | --- | --- |
//! | `config` | the variables, parsed once at start |
//! | `trigger` | what the event says: whose capacity, and what happened |
//!
//! The figures themselves are [`fleetkeeper_core::capacity`]'s. Nothing here names an SDK or the Lambda runtime: the
//! handler takes ports, a JSON value and what the invocation has left.

mod config;
mod trigger;

pub use config::Config;
pub use trigger::{Trigger, UnreadableEvent};
