//! The lifecycle-drainer: an event of SNS or EventBridge in, drained instances and completed hooks
//! out.
//!
//! [`Drainer::handle`] reads each record ([`record`]) and does what [`fleetkeeper_core::drain`]
//! decides. It is generic over its [`Ports`], so that a simulator runs it unchanged.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`config`] | the function's variables |
//! | [`record`] | what an event brings |
//! | `drainer` | each record to its work |
//! | `executor` | the loop that does what is decided |
//! | `calls` | the calls on AWS, paced and bounded in time |
//! | `diagnosis` | the reads that explain why a drain waits |
//! | `report` | what happened, as log lines and metrics |
//! | `interruption` | instances that EC2 interrupts |
//! | [`outcome`], [`error`] | the answer |

mod calls;
pub mod config;
mod diagnosis;
mod drainer;
pub mod error;
mod executor;
mod interruption;
pub mod outcome;
mod ports;
pub mod record;
mod report;

pub use config::Config;
pub use drainer::Drainer;
pub use ports::{Adapters, AutoScalingCalls, EcsCalls, Ports};
